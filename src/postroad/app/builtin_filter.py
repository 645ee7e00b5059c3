"""The built-in filter, by what is running: what it learned, and what it may know of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from postroad.app.running import Running
from postroad.config import Configuration
from postroad.filters.builtin import scanner
from postroad.filters.builtin.bayes.learning import Classifier
from postroad.filters.builtin.bayes.stores import Stores
from postroad.filters.builtin.case import Here
from postroad.filters.builtin.listings import Names
from postroad.filters.builtin.scanner import Accounts
from postroad.filters.scoring import Wishes
from postroad.filters.settings import FilterSettings
from postroad.filters.stages import Filter
from postroad.model.address import domain_key
from postroad.model.journal import Journal, Level, Notice

__all__ = ["builtin_filter", "here_of", "judge_of"]


def builtin_filter(
    settings: FilterSettings,
    name: str,
    running: Running,
    journal: Journal,
    *,
    names: Names,
    wishes: Wishes,
    accounts: Accounts | None,
) -> Filter:
    """A filter.

    Args:
        settings: `[filters.NAME]`.
        name: how configuration and log name it.
        running: what is served.
        journal: where events go.
        names: the DNS.
        wishes: knows the thresholds of accounts.
        accounts: knows whose an address is; `None`: nobody does.
    """
    judge = judge_of(running.configuration, _warning(name, journal))
    needs = scanner.Needs(_Surroundings(running), judge, names, wishes, accounts)
    return scanner.build(settings, name, needs)


def judge_of(configuration: Configuration, warn: Callable[[str], None]) -> Classifier:
    """The classifier of a server.

    Args:
        configuration: of the server.
        warn: told of a memory that was put aside, in any thread.
    """
    return Classifier(Stores(configuration.spam_directory, warn))


def here_of(configuration: Configuration) -> Here:
    """What rules may know of a server."""
    return Here(
        hostname=domain_key(configuration.hostname),
        domains=frozenset(map(domain_key, configuration.local_domains)),
        names_clients=configuration.dns.reverse,
    )


class _Surroundings:
    """What rules may know, by what is running: a filter outlives a reload."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._known = running.configuration
        self._here = here_of(self._known)

    def __call__(self) -> Here:
        configuration = self._running.configuration
        if configuration is not self._known:
            self._known, self._here = configuration, here_of(configuration)
        return self._here


def _warning(name: str, journal: Journal) -> Callable[[str], None]:
    """Takes words from any thread to the log."""
    loop = asyncio.get_running_loop()

    def warn(words: str) -> None:
        notice = Notice(f"filters/{name}", words, Level.WARNING)
        if not loop.is_closed():
            loop.call_soon_threadsafe(journal, notice)

    return warn
