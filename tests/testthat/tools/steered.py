"""A server that a test steers: one connection, over which it asks, and with which the server ends.

A server prints its ports, separated by blanks, as its first line; the last one is that for the
test's connection. A line of the test is a command and its arguments, the answer is a line, too.
"""
import asyncio


async def serve(ports, commands):
    """Prints the ports and obeys until the test, or the session that runs it, has gone."""
    over = asyncio.Event()

    async def obey(reader, writer):
        while line := await reader.readline():
            name, *arguments = line.decode().split()
            answer = commands[name](*map(float, arguments))
            writer.write(f"{answer}\n".encode())
            await writer.drain()
        writer.close()
        over.set()

    steering = await asyncio.start_server(obey, "127.0.0.1", 0)
    print(*ports, port_of(steering), flush=True)
    try:
        await asyncio.wait_for(steered(steering, over), 600)
    except asyncio.TimeoutError:
        pass  # A test that takes so long has gone, or hangs.


async def steered(server, over):
    async with server:
        await over.wait()


def port_of(server):
    return server.sockets[0].getsockname()[1]
