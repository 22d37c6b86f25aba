"""A slow and lossy wire: joins this network namespace to another one by two interfaces, between
which it carries frames. Unlike tc's netem it needs nothing of the kernel but its TUN driver.

usage: wire.py INTERFACE NAMESPACE INTERFACE DELAY LOSS

The first interface is in this namespace, the second one in that of the name. A frame arrives DELAY
seconds later, or with the probability LOSS not at all. Prints the port at which the wire is steered
(see steered.py). Commands:
  delay SECONDS
  loss PROBABILITY
"""
import asyncio
import collections
import ctypes
import fcntl
import os
import random
import struct
import sys

import steered

TUNSETIFF, IFF_TAP, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 0x0002, 0x1000, 0x40000000


def enter(namespace):
    """os.setns() is there from Python 3.12 on."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def make_interface(name):
    """An interface goes with the process that has made it."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


class Wire:
    def __init__(self, delay, loss):
        self.delay, self.loss = delay, loss

    def carry(self, loop, source, target):
        underway = collections.deque()  # in the order of coming, whatever the delay was then

        def take():
            try:
                frame = os.read(source, 65536)
            except OSError:
                return
            if random.random() >= self.loss:
                underway.append(frame)
                loop.call_later(self.delay, give)

        def give():
            try:
                os.write(target, underway.popleft())
            except OSError:
                pass  # An interface that is down takes nothing.

        loop.add_reader(source, take)

    def set_delay(self, seconds):
        self.delay = seconds
        return "ok"

    def set_loss(self, probability):
        self.loss = probability
        return "ok"


async def main(near, namespace, far, delay, loss):
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    ends = [make_interface(near)]
    enter(os.open(f"/run/netns/{namespace}", os.O_RDONLY))
    ends.append(make_interface(far))
    enter(here)
    wire = Wire(float(delay), float(loss))
    loop = asyncio.get_running_loop()
    wire.carry(loop, *ends)
    wire.carry(loop, *reversed(ends))
    await steered.serve([], {"delay": wire.set_delay, "loss": wire.set_loss})


asyncio.run(main(*sys.argv[1:]))
