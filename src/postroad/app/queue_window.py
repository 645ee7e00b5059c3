"""The window through which every user of this machine may look at the queue: `mailq`.

A socket in the drop, beside the pipe that wakes us. Postfix lets everybody list the queue
(`authorized_mailq_users`) by a program with a privilege of its own; here nobody has one, so the
server has the list printed. The kernel says who asks (SO_PEERCRED), and nothing that he sends is
read. The list is made by a process of its own, which writes straight to the asker: a long queue
or a slow reader holds up no mail.

No user keeps the others out: one list at a time is made for each, and few of a user's may wait.

An answer is `ok`, a line end, the list, NUL and the exit status; or `no`, a blank and why not; or
`busy`: ask again in a while.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from postroad.app.pickup_allowance import user_of
from postroad.app.running import Running
from postroad.maildrop.folder import WINDOW
from postroad.maildrop.settings import ANYBODY

__all__ = [
    "MOST_ASKERS",
    "MOST_AT_ONCE",
    "MOST_OF_ONE",
    "PATIENCE",
    "PAUSE",
    "QueueWindow",
    "command",
]

MOST_AT_ONCE = 4
"""Lists that are made at the same time; others wait, so that nobody can start processes at will."""

PATIENCE = 120.0
"""Seconds that a list may take with its reader: a million messages take 25."""

MOST_OF_ONE = 16
"""Askers of one user, served and waiting."""

MOST_ASKERS = 64
"""Askers of all users, served and waiting: each holds a descriptor."""

PAUSE = 1.0
"""Seconds before the next try, where the system has no descriptor for an asker."""

_BACKLOG = MOST_ASKERS
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid (unix(7), SO_PEERCRED)

Command = Callable[[Path], Sequence[str]]
"""What prints the queue of a server, given the folder of the drop."""


def command(folder: Path) -> Sequence[str]:
    """`sendmail -bp`, as the server's user."""
    return (sys.executable, "-P", "-m", "postroad.cli.sendmail", "-bp", "-C", str(folder))


class QueueWindow:
    """Belongs to the event loop of a server's first worker.

    Args:
        running: what to serve.
        report: takes a line for the log.
        listing: prints the queue.
    """

    def __init__(
        self, running: Running, report: Callable[[str], None], *, listing: Command = command
    ) -> None:
        self._running = running
        self._report = report
        self._listing = listing
        self._path: Path | None = None
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._answers: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._turns: dict[int, asyncio.Lock] = {}
        self._asking: Counter[int] = Counter()

    def start(self) -> None:
        """Open the window, if there is a drop; what keeps it shut is reported."""
        configuration = self._running.configuration
        if not configuration.sendmail.enabled:
            return
        path = configuration.maildrop_directory / WINDOW
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        opened.setblocking(False)
        try:
            path.unlink(missing_ok=True)
            opened.bind(os.fspath(path))
            path.chmod(0o666)  # who may look is asked of each
            opened.listen(_BACKLOG)
        except OSError as error:
            opened.close()
            self._report(f"other users cannot list the queue: {path}: {error}")
            return
        self._path, self._socket = path, opened
        self._task = asyncio.create_task(self._serve(opened))

    def replace(self, running: Running) -> None:
        """Go by what is running now; the folder may be another one. Lists under way go on."""
        self._running = running
        self._shut()
        self.start()

    async def close(self) -> None:
        """Shut the window; lists that are being made end."""
        serving = self._task
        self._shut()
        tasks = [*self._answers, *([serving] if serving is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _shut(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._socket is not None and self._path is not None:
            self._socket.close()
            self._path.unlink(missing_ok=True)
            self._socket = None

    async def _serve(self, opened: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        is_short = False
        while True:
            try:
                asker, _ = await loop.sock_accept(opened)
            except OSError as error:
                if not is_short:
                    self._report(f"other users cannot list the queue for now: {error}")
                is_short = True
                await asyncio.sleep(PAUSE)
                continue
            is_short = False
            self._admit(asker)

    def _admit(self, asker: socket.socket) -> None:
        """Let an asker in, to be served or to wait for that."""
        uid = _credentials(asker)[1]
        if self._asking[uid] >= MOST_OF_ONE or len(self._answers) >= MOST_ASKERS:
            with asker, suppress(OSError):
                asker.send(b"busy\n")  # not blocking, and there is room for that in any socket
            return
        self._asking[uid] += 1
        answer = asyncio.create_task(self._in_turn(uid, asker))
        self._answers.add(answer)
        answer.add_done_callback(partial(self._answered, uid, asker))

    async def _in_turn(self, uid: int, asker: socket.socket) -> None:
        async with self._turns.setdefault(uid, asyncio.Lock()), self._places:
            await self._answer(asker)

    def _answered(self, uid: int, asker: socket.socket, answer: asyncio.Task[None]) -> None:
        asker.close()  # also of one that never had its turn
        self._answers.discard(answer)
        self._asking[uid] -= 1
        if not self._asking[uid]:
            del self._asking[uid]
            self._turns.pop(uid, None)
        if not answer.cancelled() and (error := answer.exception()) is not None:
            self._report(f"the queue could not be listed: {error}")

    async def _answer(self, asker: socket.socket) -> None:
        with asker:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._tell(asker)
            except (TimeoutError, ConnectionError):
                return

    async def _tell(self, asker: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        user = await asyncio.to_thread(user_of, _credentials(asker)[1])
        allowed = self._running.configuration.sendmail.queue_users
        if not (user.is_trusted or ANYBODY in allowed or user.name in allowed):
            words = f"no User {user.name}({user.uid}) is not allowed to view the mail queue\n"
            await loop.sock_sendall(asker, words.encode())
            return
        await loop.sock_sendall(asker, b"ok\n")
        status = await self._list(asker)
        asker.setblocking(False)
        await loop.sock_sendall(asker, b"\0%d" % status)

    async def _list(self, asker: socket.socket) -> int:
        """Have the list written to the asker; the exit status of who did."""
        asker.setblocking(True)  # the other process knows no event loop
        made = await asyncio.create_subprocess_exec(
            *self._listing(self._running.configuration.maildrop_directory),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asker.fileno(),
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            return await made.wait()
        except BaseException:
            made.kill()
            await made.wait()
            raise


def _credentials(asker: socket.socket) -> tuple[int, int, int]:
    """Process, user and group of who asks."""
    octets = asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(octets)
    return pid, uid, gid
