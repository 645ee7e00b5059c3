"""Directories tried out: whether they answer, before anybody's mail depends on it.

A query with a mistake, a column whose name means nothing and a wrong password are not found by
reading a configuration. So each directory is asked about a name that is most likely nobody's, at
the start of a server and by `postroad check`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

from postroad.app.directories import open_backends
from postroad.config import Configuration
from postroad.directory.backend import Backend
from postroad.directory.interface import DirectoryUnavailable

__all__ = ["DirectoryTrial", "directory_objections"]

_NOBODY = "nobody-has-this-name"


class DirectoryTrial:
    """Tries directories in the background, so that a start waits for none.

    Args:
        report: takes a line for the log about one that does not answer.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._task: asyncio.Task[None] | None = None

    def start(self, backends: dict[str, Backend], domain: str) -> None:
        """Begin.

        Args:
            backends: by the names of their sections.
            domain: to ask about.
        """
        if backends:
            self._task = asyncio.create_task(self._try(backends, domain))

    async def close(self) -> None:
        """Break off what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _try(self, backends: dict[str, Backend], domain: str) -> None:
        for name, backend in backends.items():
            for words in await _objections(backend, domain):
                self._report(f"directory {name}: {words}; mail for it waits")


def directory_objections(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """What the directories of a configuration hold against being asked, with their names."""
    if configuration.directories:
        yield from asyncio.run(_all(configuration))


async def _all(configuration: Configuration) -> list[tuple[str, str]]:
    domain = (*configuration.local_domains, configuration.hostname)[0]
    found: list[tuple[str, str]] = []
    async with AsyncExitStack() as exits:
        backends = open_backends(
            configuration,
            exits,
            clock=time.monotonic,
            report=lambda words: found.append(("", words)),
        )
        for name, backend in backends.items():
            found += [(name, words) for words in await _objections(backend, domain)]
    return found


async def _objections(backend: Backend, domain: str) -> list[str]:
    """What each kind of question fails with; of several that fail alike, one."""
    name = f"{_NOBODY}@{domain}"
    said: dict[str, None] = {}
    for asked in (backend.has_domain(domain), backend.account(name), backend.alias(name)):
        try:
            await asked
        except DirectoryUnavailable as error:
            said[str(error)] = None
    return list(said)
