"""Services that look at mail, as tests want them: an answer, or one of the ways to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["FakeScanner", "serving"]


@dataclass
class FakeScanner:
    """A service on a Unix-domain socket.

    Attributes:
        answer: what it says to a question.
        end: octets at the end of a question, after which it answers; empty: at once.
        hangs: whether it says nothing and keeps the connection.
        questions: what it was asked.
    """

    answer: bytes = b""
    end: bytes = b""
    hangs: bool = False
    questions: list[bytes] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        heard = b""
        try:
            while self.end and not heard.endswith(self.end):
                piece = await reader.read(65_536)
                if not piece:
                    break
                heard += piece
            self.questions.append(heard)
            if self.hangs:
                await asyncio.Event().wait()
            writer.write(self.answer)
            await writer.drain()
        except ConnectionError:
            pass  # whoever asked has heard enough
        finally:
            writer.close()


@asynccontextmanager
async def serving(path: Path, scanner: FakeScanner) -> AsyncIterator[None]:
    """Have it listen.

    Args:
        path: of its socket.
        scanner: what answers.
    """
    server = await asyncio.start_unix_server(scanner.serve, str(path))
    try:
        yield
    finally:
        server.close()
        for task in scanner.tasks:
            task.cancel()
        await asyncio.gather(*scanner.tasks, return_exceptions=True)
