"""The new installation while it is being worked out: settings, accounts, aliases and files.

The readers of Postfix and Dovecot write into one `Plan`, each what it knows, and see in it what the
other one said. A setting keeps the finding that caused it, so that the written file can say where
each line comes from, and so that a setting which turns out not to fit can be taken back with a
word about it. It writes nothing: `writing` does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from postroad.adopt.finding import Finding, Verdict

__all__ = [
    "KeyPath",
    "Plan",
    "PlannedAccount",
    "PlannedAlias",
    "PlannedFile",
    "Setting",
    "TomlValue",
]

TomlValue: TypeAlias = (
    "str | int | float | bool | list[str] | dict[str, str] | dict[str, list[str]]"
)
KeyPath: TypeAlias = tuple[str, ...]
"""`("listeners", "mx", "auth")`; one name for a key at the top of the file. A path that ends in
`""` is a table by itself: `("listeners", "mx", "")` is `[listeners.mx]` with nothing in it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the new configuration.

    Attributes:
        value: as TOML has it.
        finding: the setting of the old installation that it comes from; `None`: it is our own.
        remark: said beside it in the file; empty: where it comes from.
    """

    value: TomlValue
    finding: Finding | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class PlannedAccount:
    """An account for the embedded directory.

    Attributes:
        name: its address, in full.
        password: `{SCHEME}hash` as Dovecot stores it; empty: none, so that nobody can log in yet.
        enabled: whether it may log in.
        quota_bytes: octets its mailbox may hold; `None`: as `[mailbox]` says.
        quota_messages: the same of messages.
    """

    name: str
    password: str = field(default="", repr=False)
    enabled: bool = True
    quota_bytes: int | None = None
    quota_messages: int | None = None


@dataclass(frozen=True, slots=True)
class PlannedAlias:
    """An alias for the embedded directory: `source` is an address or `@domain`."""

    source: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of the new folder.

    Attributes:
        name: its place in the folder, such as `tables/virtual`.
        content: what is in it.
        secret: whether nobody but its owner may read it (mode 0600; 0644 otherwise).
    """

    name: str
    content: bytes = field(repr=False)
    secret: bool = False


@dataclass(slots=True)
class Plan:
    """What the new installation is to be.

    Attributes:
        directory: the folder that will hold it; its files are named by their place there.
        settings: the keys of `postroad.toml`.
        findings: what became of each setting of the old installation.
        accounts: for the embedded directory, by name.
        aliases: for the embedded directory, by source.
        files: to write, by their place in the folder.
        copies: whether tables are copied into the folder rather than named where they are.
    """

    directory: Path
    copies: bool = False
    settings: dict[KeyPath, Setting] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    accounts: dict[str, PlannedAccount] = field(default_factory=dict)
    aliases: dict[str, PlannedAlias] = field(default_factory=dict)
    files: dict[str, PlannedFile] = field(default_factory=dict)

    def find(self, finding: Finding) -> Finding:
        """Note a finding."""
        self.findings.append(finding)
        return finding

    def set(
        self, path: KeyPath, value: TomlValue, finding: Finding | None = None, remark: str = ""
    ) -> None:
        """Give a key its value; the last word counts."""
        self.settings[path] = Setting(value, finding, remark)

    def get(self, path: KeyPath) -> TomlValue | None:
        """The value of a key as far as it is known; `None` without one."""
        setting = self.settings.get(path)
        return setting.value if setting else None

    def texts(self, path: KeyPath) -> list[str]:
        """The value of a key that is a list of texts; empty without one."""
        value = self.get(path)
        return list(value) if isinstance(value, list) else []

    def extend(self, path: KeyPath, more: Sequence[str], finding: Finding | None = None) -> None:
        """Add to a list of texts what it does not have yet; the first finding stays with it."""
        had = self.settings.get(path)
        value = self.texts(path)
        value += [each for each in dict.fromkeys(more) if each not in value]
        self.settings[path] = Setting(value, (had.finding if had else None) or finding)

    def tables(self, *prefix: str) -> list[str]:
        """The names of the tables below a place: `tables("listeners")`, in their order."""
        depth = len(prefix)
        return list(
            dict.fromkeys(
                path[depth]
                for path in self.settings
                if len(path) > depth + 1 and path[:depth] == prefix
            )
        )

    def drop(self, path: KeyPath) -> Setting | None:
        """Take a key back."""
        return self.settings.pop(path, None)

    def keep(self, name: str, content: bytes, *, secret: bool = False) -> Path:
        """Plan a file of the folder.

        Args:
            name: its place in the folder. If another content has it, a number is added.
            content: what is in it.
            secret: whether only its owner may read it.

        Returns:
            Where it will be.
        """
        free, count = name, 2
        while free in self.files and self.files[free].content != content:
            stem, dot, suffix = name.rpartition(".")
            free = f"{stem}-{count}.{suffix}" if dot and stem else f"{name}-{count}"
            count += 1
        was_secret = free in self.files and self.files[free].secret
        self.files[free] = PlannedFile(free, content, secret or was_secret)
        return self.directory / free

    def worsen(self, finding: Finding, words: str, todo: str = "") -> None:
        """A setting that was thought to be translated is not, after all."""
        worse = dataclasses.replace(
            finding, verdict=Verdict.UNSUPPORTED, words=words, todo=todo, matters=True
        )
        self.findings = [worse if each == finding else each for each in self.findings]
        if worse not in self.findings:
            self.findings.append(worse)

    def amend(self, finding: Finding, words: str, todo: str = "") -> Finding:
        """Say more of a setting: something of the new configuration comes from it as well.

        Returns:
            The finding as it is now; it stands in the report instead of the former one.
        """
        needed = finding.verdict is Verdict.NOT_NEEDED
        more = dataclasses.replace(
            finding,
            verdict=Verdict.TRANSLATED if needed else finding.verdict,
            words=f"{finding.words}; {words}",
            todo="; ".join(each for each in (finding.todo, todo) if each),
        )
        self.findings = [more if each == finding else each for each in self.findings]
        for path, setting in self.settings.items():
            if setting.finding == finding:
                self.settings[path] = dataclasses.replace(setting, finding=more)
        return more

    def serious(self) -> Iterator[Finding]:
        """The findings by which the new server does something else than the old one."""
        return (finding for finding in self.findings if finding.serious)
