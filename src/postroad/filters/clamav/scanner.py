"""A filter that has clamd look for viruses, by its command INSTREAM (clamd(8)).

The message is sent in pieces, each behind its length, and an empty one ends it. The answer is
`stream: OK`, `stream: NAME FOUND`, or `… ERROR`. Where the message is larger than clamd's
StreamMaxLength, it says so before it has all of it and hangs up: that is read even if no more can
be sent.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from postroad.filters.examining import Examining
from postroad.filters.failure import failed
from postroad.filters.place import Place
from postroad.filters.service import ServiceFailed, exchange
from postroad.filters.settings import FilterSettings
from postroad.filters.stages import Filter
from postroad.model import Reply
from postroad.model.letter import Finding, Letter, Opinion
from postroad.spool.reading import pieces

__all__ = ["DEFAULT_PLACE", "Clamav", "build"]

DEFAULT_PLACE = "unix:/run/clamav/clamd.ctl"
"""Debian's."""

MOST_ANSWER = 4096
"""Octets: one line, with the name of a virus."""

_FOUND = re.compile(r"stream: (.{1,200}) FOUND\Z")


def build(settings: FilterSettings, name: str) -> Filter:
    """A filter.

    Args:
        settings: `[filters.NAME]`.
        name: how configuration and log name it.
    """
    return Examining(name, Clamav(settings, name))


class Clamav:
    """Implements `Examiner`."""

    def __init__(self, settings: FilterSettings, name: str) -> None:
        """See `build`."""
        self._settings = settings
        self._name = name
        self._place = Place.parse(settings.socket or DEFAULT_PLACE)

    async def examine(self, letter: Letter) -> Opinion:
        """Have a message looked at."""
        try:
            said = _line(await self._ask(letter))
        except ServiceFailed as error:
            return failed(self._name, self._settings.on_failure, str(error))
        if said == "stream: OK":
            return Opinion(findings=(Finding(self._name, "clean"),))
        found = _FOUND.match(said)
        if found is None:
            words = f"it says {said[:200]}" if said else "the connection ended without an answer"
            return failed(self._name, self._settings.on_failure, words)
        return self._infected(found[1])

    def _infected(self, virus: str) -> Opinion:
        finding = Finding(self._name, "infected", virus, {"virus": virus})
        if self._settings.infected == "hold":
            return Opinion(hold=f"{self._name}: infected: {virus}", findings=(finding,))
        reply = Reply.of(550, "5.7.1", f"Message rejected, infected: {virus}")
        return Opinion(reply=reply, findings=(finding,))

    async def _ask(self, letter: Letter) -> bytes:
        async def question() -> AsyncIterator[bytes]:
            yield b"zINSTREAM\0" + _piece(letter.fields.octets + b"\r\n")
            async for piece in pieces(letter.body):
                yield _piece(piece)
            yield _piece(b"")

        return await exchange(self._place, question(), MOST_ANSWER)


def _piece(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "big") + octets


def _line(answer: bytes) -> str:
    """What it says in one line that can stand in a reply and in a log."""
    text = answer.rstrip(b"\0\r\n ").decode("ascii", "replace")
    return "".join(each if each.isprintable() and each.isascii() else "?" for each in text)
