"""Stands between daemons and a session: forwards what comes at a port of its own to another one,
and counts it.

usage: relay.py HOST PORT

Prints its port and the one at which it is steered (see steered.py). Commands:
  bytes           bytes that were forwarded to the session and from it, and how many connections
  delay SECONDS   from now on what comes is forwarded so much later
  stall           forwards nothing, and reads nothing; connections stay open
  resume          goes on
  drop            resets all connections
"""
import asyncio
import socket
import struct
import sys
import time

import steered


class Relay:
    def __init__(self, host, port):
        self.target = host, port
        self.counts = {"to": 0, "from": 0}
        self.connections = 0
        self.delay = 0.0
        self.flows = asyncio.Event()
        self.flows.set()
        self.open = set()

    async def join(self, reader, writer):
        """Serves one daemon: to the end of its connection, or of the session's."""
        await self.flows.wait()
        there_reader, there_writer = await asyncio.open_connection(*self.target)
        self.connections += 1
        pair = {writer, there_writer}
        self.open |= pair
        await asyncio.gather(self.forward(reader, there_writer, "to"),
                             self.forward(there_reader, writer, "from"), return_exceptions=True)
        self.open -= pair

    async def forward(self, reader, writer, way):
        underway = asyncio.Queue(64)  # with a delay, what a long cable would hold
        sending = asyncio.create_task(self.send(underway, writer, way))
        try:
            while data := await reader.read(65536):
                await self.flows.wait()
                await underway.put((time.monotonic() + self.delay, data))
        except ConnectionError:
            pass
        await underway.put((0, b""))
        await sending

    async def send(self, underway, writer, way):
        try:
            while True:
                due, data = await underway.get()
                if not data:
                    break
                await asyncio.sleep(max(0, due - time.monotonic()))
                await self.flows.wait()
                writer.write(data)
                await writer.drain()
                self.counts[way] += len(data)
        except ConnectionError:
            while (await underway.get())[1]:
                pass
        writer.close()

    # ---- Commands ----

    def bytes(self):
        return f"{self.counts['to']} {self.counts['from']} {self.connections}"

    def set_delay(self, seconds):
        self.delay = seconds
        return "ok"

    def stall(self):
        self.flows.clear()
        return "ok"

    def resume(self):
        self.flows.set()
        return "ok"

    def drop(self):
        for writer in self.open:
            at_once = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            writer.transport.abort()
        return "ok"


async def main(host, port):
    relay = Relay(host, int(port))
    server = await asyncio.start_server(relay.join, "127.0.0.1", 0)
    commands = {"bytes": relay.bytes, "delay": relay.set_delay, "stall": relay.stall,
                "resume": relay.resume, "drop": relay.drop}
    await steered.serve([steered.port_of(server)], commands)


asyncio.run(main(*sys.argv[1:]))
