"""A whole worker with a filter: what arrives, what is on disk, and what is known afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from examiners import UNWANTED, Looking, Say
from postroad.app import filters as module
from postroad.config import Configuration
from postroad.filters.examining import Examining
from postroad.model.letter import Finding, Letter, Opinion
from worker_world import Worker, at_work, site

TABLES = """\
[listeners.mx]
[filters.scan]
kind = "python"
folder = "filters"
on_failure = "defer"
timeout = 30
"""
SMALL, LARGE = b"body\r\n", (b"0123456789" * 6 + b"\r\n") * 5000


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    monkeypatch.setattr(module, "BUILDERS", {})
    return site(tmp_path, TABLES)


@asynccontextmanager
async def asking(configuration: Configuration, say: Say) -> AsyncIterator[Worker]:
    """A worker whose filter says this."""
    made: Callable[..., Examining] = lambda _, name, __: Examining(name, Looking(say))  # noqa: E731
    module.BUILDERS["python"] = made  # type: ignore[index]
    async with at_work(configuration) as worker:
        yield worker


def marked(letter: Letter) -> Opinion:
    finding = Finding("scan", "1.2/5.0", "nothing of note")
    return Opinion(fields=letter.fields.above(b"X-Scanned: yes\r\n"), findings=(finding,))


def broken(_: Letter) -> Opinion:
    raise ZeroDivisionError("a bug")


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_a_changed_message_arrives_and_is_explained(
    configuration: Configuration, body: bytes
) -> None:
    async with asking(configuration, marked) as worker:
        code, words = await worker.send(body)
        await worker.delivered()

    assert code == 250
    (octets,) = worker.mail()
    assert octets.count(b"\nX-Scanned: yes\nReceived: from peer.example") == 1
    assert octets.count(b"Received: ") == 1
    assert octets.endswith(b"\n\n" + body.replace(b"\r\n", b"\n"))
    assert worker.bodies() == []
    assert "    scan says 1.2/5.0: nothing of note" in worker.known(words.rpartition(" ")[2])


@pytest.mark.parametrize(
    ("say", "body", "code", "words"),
    [
        (lambda _: Opinion(reply=UNWANTED), LARGE, 550, "5.7.1 Unwanted"),
        (broken, SMALL, 451, "4.3.0 Error: internal error in a filter"),
    ],
    ids=["refused", "broken"],
)
async def test_of_a_refused_message_nothing_is_left(
    configuration: Configuration, say: Say, body: bytes, code: int, words: str
) -> None:
    async with asking(configuration, say) as worker:
        assert await worker.send(body) == (code, words)

    assert (worker.mail(), worker.bodies()) == ([], [])
    (line,) = [each.text for each in worker.events if "reject: END-OF-MESSAGE" in each.text]
    queue_id = line.partition(":")[0]
    assert f"    Reply: {code} {words}" in worker.known(queue_id)
