"""Drives a program under a terminal of its own.

usage: terminal.py STEPS COMMAND...   STEPS is a file with one step a line:
  type<TAB>TEXT                  types a line
  interrupt                      types Ctrl-C
  await<TAB>SECONDS<TAB>REGEX    waits for a text in what has come since the last one awaited

Prints the seconds that each step took, up to the first text that didn't come; then "screen" and
all that was on it. The program is killed in the end, if it still runs.
"""
import os
import pty
import re
import select
import signal
import sys
import time


class Terminal:
    def __init__(self, command):
        self.screen = b""  # all that came
        self.seen = 0  # how much of it has been awaited
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)

    def read(self, seconds):
        """Takes what has come; False when the program has closed its terminal."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.screen += data
        return data != b""

    def type(self, data):
        os.write(self.fd, data)
        return True

    def wait_for(self, seconds, pattern):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = re.search(pattern, self.screen[self.seen:])
            if found:
                self.seen += found.end()
                return True
            if not self.read(min(0.1, max(0.0, deadline - time.monotonic()))):
                return False
        return False

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def do_step(terminal, step):
    name, *rest = step.rstrip("\n").split("\t", 2)
    if name == "type":
        return terminal.type("\t".join(rest).encode() + b"\n")
    if name == "interrupt":
        return terminal.type(b"\x03")
    return terminal.wait_for(float(rest[0]), rest[1].encode())


def main(steps, command):
    terminal = Terminal(command)
    for step in open(steps):
        began = time.monotonic()
        if not do_step(terminal, step):
            break
        print("%.4f" % (time.monotonic() - began))
    terminal.close()
    print("screen")
    print(terminal.screen.decode(errors="replace"))


main(sys.argv[1], sys.argv[2:])
