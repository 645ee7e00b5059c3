"""A listener in a process that runs out of descriptors."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import asyncio, errno, os, resource, socket, sys
import uvloop
from postroad.net.listener import Listener, bind

CLIENTS = 3

class Counting(socket.socket):
    tries = 0
    tried = None
    def accept(self):
        Counting.tries += 1
        self.tried.set()
        return super().accept()

def fill():
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        assert error.errno == errno.EMFILE, error
        return held

async def main():
    Counting.tried, served, done = asyncio.Event(), [], asyncio.Event()
    def accept(connection):
        served.append(connection)
        if len(served) == CLIENTS:
            done.set()
    listening = Counting(fileno=bind("127.0.0.1", 0, first=True).detach())
    listening.setblocking(False)
    listener = Listener(listening, accept)
    await listener.start()
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    clients = [socket.create_connection(listening.getsockname()) for _ in range(CLIENTS)]
    held = fill()
    async with asyncio.timeout(60):
        await Counting.tried.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        print("tries while exhausted:", Counting.tries)
        for descriptor in held:
            os.close(descriptor)
        await done.wait()
    for client in clients:
        client.setblocking(False)
        try:
            print("cut off", client.recv(1))
        except BlockingIOError:
            print("served")
        client.close()
    for connection in served:
        connection.close()
    listener.close()

uvloop.run(main())
"""


def test_clients_wait_while_there_is_no_descriptor() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout.splitlines() == ["tries while exhausted: 1", *["served"] * 3]
