"""The look-up tables that a configuration names, with the keys that name them.

Policy knows which restrictions take a table, `tables` knows what a table is; here the two meet
with the file in which an operator wrote the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault
from postroad.config.surroundings import surroundings_of
from postroad.policy import Rule, Stage, Surroundings
from postroad.policy.rules import read_list
from postroad.server.settings import ListenerSettings
from postroad.tables import TableMistake, databases_of, files_of, open_table

__all__ = [
    "FileValues",
    "Values",
    "listed_rules",
    "missing_databases",
    "named_tables",
    "rules_with_place",
    "table_faults",
    "table_files",
]

Values = Callable[[str], frozenset[str] | None]
"""Every value that a table can answer with; `None` where that cannot be known."""


class FileValues:
    """What tables can answer, by their files as they are now; each is opened once."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str] | TableMistake | None] = {}

    def __call__(self, name: str) -> frozenset[str] | None:
        """The values of a table. One that cannot be opened has none: it answers nobody."""
        known = self._look(name)
        return frozenset() if isinstance(known, TableMistake) else known

    def mistake(self, name: str) -> TableMistake | None:
        """Why a table cannot be opened, if it cannot."""
        known = self._look(name)
        return known if isinstance(known, TableMistake) else None

    def _look(self, name: str) -> frozenset[str] | TableMistake | None:
        if name not in self._known:
            try:
                self._known[name] = open_table(name).values()
            except TableMistake as mistake:
                self._known[name] = mistake
        return self._known[name]


def named_tables(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    """Every table that is named, with its key; one that is named twice comes twice.

    Lists with mistakes in them name what can be understood.
    """
    for path, rule, _ in listed_rules(configuration):
        for table in sorted(rule.tables):
            yield path, table
    shared, surroundings = configuration.policy, surroundings_of(configuration)
    for name, texts in shared.classes.items():  # an access table may name one that no list does
        for at, rule in rules_with_place(Stage.RECIPIENT, texts, surroundings):
            for table in sorted(rule.tables):
                yield ("policy", "classes", name, at), table
    for path, table in (
        (("policy", "rbl_reply_maps"), shared.rbl_reply_maps),
        (("policy", "relay_clientcerts"), shared.relay_clientcerts),
        (("login", "sender_login_maps"), configuration.login.sender_login_maps),
    ):
        if table:
            yield path, table
    for name, domain in configuration.domain.items():
        if ":" in domain.recipients:
            yield ("domain", name, "recipients"), domain.recipients
    yield from _outbound_tables(configuration)
    for at, table in enumerate(configuration.outbound_tls.policy):
        yield ("outbound_tls", "policy", at), table


def _outbound_tables(configuration: Configuration) -> Iterator[tuple[KeyPath, str]]:
    """Those that say which way mail goes, and with which login."""
    routing, relay = configuration.routing, configuration.relay
    for path, tables in (
        (("routing", "transport"), routing.transport),
        (("routing", "sender_transport"), routing.sender_transport),
        (("relay", "sender_smarthosts"), relay.sender_smarthosts),
        (("relay", "logins"), relay.logins),
        *(
            (("transports", name, "logins"), each.logins)
            for name, each in configuration.transports.items()
        ),
    ):
        for at, table in enumerate(tables):
            yield (*path, at), table


def listed_rules(
    configuration: Configuration,
) -> Iterator[tuple[KeyPath, Rule, ListenerSettings]]:
    """The rules of all listeners' lists as they are written, each with its place and listener."""
    surroundings = surroundings_of(configuration)
    for name, listener in configuration.listeners.items():
        for stage in Stage:
            key = stage.name.lower()
            texts = getattr(listener.policy, key) or ()
            for at, rule in rules_with_place(stage, texts, surroundings):
                yield ("listeners", name, "policy", key, at), rule, listener


def rules_with_place(
    stage: Stage, texts: tuple[str, ...], surroundings: Surroundings
) -> Iterator[tuple[int, Rule]]:
    """The rules of a list, each with the position of the text in which it ends.

    A restriction and its table may stand in two texts. Mistakes are left out.
    """
    known = 0
    for at in range(len(texts)):
        rules, _ = read_list(stage, texts[: at + 1], surroundings)
        for rule in rules[known:]:
            yield at, rule
        known = len(rules)


def table_faults(configuration: Configuration, values: FileValues) -> Iterator[Fault]:
    """A fault for every table that cannot be opened; each is told of once."""
    seen: set[str] = set()
    for path, name in named_tables(configuration):
        if name in seen:
            continue
        seen.add(name)
        mistake = values.mistake(name)
        if mistake is not None:
            yield Fault(path, f"{mistake.where}{mistake.message}", mistake.suggestion)


def table_files(configuration: Configuration, *, secret: bool = False) -> Iterator[Path]:
    """Every file that the server must read to open them; with `secret`, those with passwords."""
    for _, name in named_tables(configuration):
        try:
            yield from files_of(name, secret=secret)
        except TableMistake:
            continue  # which `table_faults` tells of


def missing_databases(configuration: Configuration) -> Iterator[tuple[str, Path]]:
    """Every SQLite file that a table asks and that is not there, after the table's name.

    The server starts without it, and defers what it would have to look up.
    """
    for name in dict.fromkeys(name for _, name in named_tables(configuration)):
        try:
            yield from ((name, file) for file in databases_of(name) if not file.exists())
        except TableMistake:
            continue  # which `table_faults` tells of
