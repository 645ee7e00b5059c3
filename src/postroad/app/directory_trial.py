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
from functools import partial
from typing import NamedTuple

from postroad.app.directories import open_backends
from postroad.app.lookout import Lookout
from postroad.config import Configuration
from postroad.directory.backend import Backend
from postroad.directory.interface import DirectoryUnavailable, Standing
from postroad.directory.names import domain_form

__all__ = ["DirectoryTrial", "Objection", "aliases_of_nobody", "directory_objections"]

_NOBODY = "nobody-has-this-name"


class Objection(NamedTuple):
    """What speaks against asking a directory.

    Attributes:
        name: of its section; empty where several may be meant.
        words: one line.
        waits: whether it gives no answer, so that mail waits; if not, it answers, and an entry of
            it is not what somebody meant.
    """

    name: str
    words: str
    waits: bool


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


def directory_objections(configuration: Configuration) -> Iterator[Objection]:
    """What the directories of a configuration hold against being asked."""
    if configuration.directories:
        yield from asyncio.run(_all(configuration))


def aliases_of_nobody(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """The domains that stand for one which no directory has, each with that one."""
    local = frozenset(map(domain_form, configuration.local_domains))
    aliases = {
        name: each.alias_of
        for name, each in configuration.domain.items()
        if each.kind == "alias" and domain_form(each.alias_of) not in local
    }
    if aliases:
        yield from asyncio.run(_of_nobody(configuration, aliases)).items()


async def _of_nobody(configuration: Configuration, aliases: dict[str, str]) -> dict[str, str]:
    try:
        async with Lookout(configuration, lambda _: None) as lookout:
            return {
                name: meant
                for name, meant in aliases.items()
                if await lookout.directory.standing(domain_form(meant)) is not Standing.LOCAL
            }
    except DirectoryUnavailable:
        return {}  # which is told of apart: nobody knows what that one has


async def _all(configuration: Configuration) -> list[Objection]:
    domain = (*configuration.local_domains, configuration.hostname)[0]
    said: dict[str, None] = {}
    found: list[Objection] = []
    async with AsyncExitStack() as exits:
        backends = open_backends(
            configuration,
            exits,
            clock=time.monotonic,
            report=lambda words: said.update({words: None}),
        )
        for name, backend in backends.items():
            objections = await _objections(backend, domain)
            found += [Objection(name, words, waits=True) for words in objections]
    news = [words for words in said if not any(_is_told(words, each.words) for each in found)]
    return [Objection("", words, waits=False) for words in news] + found


def _is_told(words: str, objection: str) -> bool:
    """Whether a line for the log says what a question failed with, and perhaps what follows."""
    cause = words.rpartition("; ")[0]
    return words in objection or objection in words or (bool(cause) and cause in objection)


async def _objections(backend: Backend, domain: str) -> list[str]:
    """What each kind of question fails with; of several that fail alike, one."""
    name = f"{_NOBODY}@{domain}"
    said: dict[str, None] = {}
    questions = (
        partial(backend.has_domain, domain),
        partial(backend.account, name),
        partial(backend.alias, name),
    )
    for ask in questions:  # each is made when it is asked: a break must leave none behind
        try:
            await ask()
        except DirectoryUnavailable as error:
            said[str(error)] = None
    return list(said)
