"""Postfix's address classes as domains and directories.

Local, virtual mailbox and virtual alias domains are all ours; relay domains are passed on. Who
exists in them is said by Postfix's own tables and files, which one directory of the kind `files`
reads as they are: `[directories.postfix]`. So what an operator changes there later still counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.plan import PlannedAlias
from postroad.adopt.postfix.compiled import compiled_pairs, say_copied, text_of
from postroad.adopt.postfix.installation import OldPostfix
from postroad.adopt.postfix.logical_lines import logical_lines
from postroad.adopt.postfix.tables import is_table, table_name
from postroad.model.address import is_domain

__all__ = ["DIRECTORY", "Domains", "origin_of", "translate_domains"]

DIRECTORY = "postfix"
"""The name of the directory that reads Postfix's files."""

_SYSTEM = re.compile(r"(proxy:)*unix:passwd\.byname\Z")
_ALIAS = re.compile(r'(?P<name>"(?:[^"\\]|\\.)*"|[^:"]*)\s*:(?P<targets>.*)', re.DOTALL)
_NOT_MAIL = re.compile(
    r'(?:\A|,)\s*"?\s*(?:\||/(?!dev/null\b))'
)  # to a program or a file: aliases(5)
_TEXT = ("hash", "btree", "texthash", "lmdb", "dbm", "cdb", "sdbm")


@dataclass(slots=True)
class Domains:
    """The domains of the three classes that are ours.

    Attributes:
        local: of `mydestination`.
        virtual: of `virtual_mailbox_domains` and `virtual_alias_domains`.
        tables: tables whose keys are domains.
        mailbox_tables: those of them that are `virtual_mailbox_domains`.
    """

    local: list[str] = field(default_factory=list)
    virtual: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    mailbox_tables: list[str] = field(default_factory=list)


def translate_domains(old: OldPostfix) -> Domains:
    """Plan which domains are ours, and who exists in them."""
    domains = Domains()
    _destination(old, domains)
    _virtual(old, domains, "virtual_mailbox_domains")
    aliases = _tables(old, "virtual_alias_maps")
    _alias_domains(old, domains, aliases)
    origin = origin_of(old)
    words = f"names without a domain belong to {origin}; `[sendmail] origin`"
    found = old.translated("myorigin", words)
    if found is not None:
        old.plan.set(("sendmail", "origin"), origin, found)
    ours = list(dict.fromkeys([*domains.virtual, *domains.local]))
    first = domains.virtual or domains.local
    old.plan.set(
        ("domains",),
        ours or [old.main.value("myhostname")],
        _origin(old, "virtual_mailbox_domains", "virtual_alias_domains", "mydestination"),
    )
    _files(old, domains, aliases, origin if origin in ours else (first or [origin])[0])
    _relay(old, ours)
    return domains


def origin_of(old: OldPostfix) -> str:
    """`myorigin`, or what the file holds that it names."""
    origin = old.main.value("myorigin") or old.main.value("myhostname")
    if origin.startswith("/"):
        lines = (old.files.text(origin) or "").split()
        origin = lines[0] if lines else old.main.value("myhostname")
    return origin.lower()


def _origin(old: OldPostfix, *names: str) -> Finding | None:
    for name in names:
        parameter = old.main.get(name)
        if parameter is not None and old.main.value(name):
            return old.finding(parameter, Verdict.TRANSLATED, "")
    return None


def _destination(old: OldPostfix, domains: Domains) -> None:
    names, tables, lost = _domains_of(old, "mydestination")
    domains.local += names
    domains.tables += tables
    old.translated("mydestination", "`domains`")
    for words in lost:
        old.missing("mydestination", words)


def _virtual(old: OldPostfix, domains: Domains, parameter: str) -> None:
    names, tables, lost = _domains_of(old, parameter)
    domains.virtual += names
    domains.tables += tables
    if parameter == "virtual_mailbox_domains":
        domains.mailbox_tables += tables
    words = f"`domains`, `[directories.{DIRECTORY}] domain_tables`" if tables else "`domains`"
    old.translated(parameter, words)
    for problem in lost:
        old.missing(parameter, problem)
    both = sorted(set(names) & set(domains.local))
    if both:
        words = f"{', '.join(both)} is here and in mydestination: it is one domain here"
        old.translated(parameter, words, "take it out of one of the two, as Postfix warns")


def _alias_domains(old: OldPostfix, domains: Domains, maps: list[str]) -> None:
    if old.main.get("virtual_alias_domains") is not None:
        _virtual(old, domains, "virtual_alias_domains")
        return
    # The default is $virtual_alias_maps: a domain that is a key of its own there (virtual(5)).
    for name in maps:
        domains.tables.append(name)
        domains.virtual += [key for key in _keys(old, name) if is_domain(key) and "." in key]


def _domains_of(old: OldPostfix, parameter: str) -> tuple[list[str], list[str], list[str]]:
    """Domains, tables of domains, and what is wrong, of a list of domains."""
    names: list[str] = []
    tables: list[str] = []
    lost: list[str] = []
    for word in old.main.words(parameter):
        if word.startswith("/"):
            text = old.files.text(word)
            if text is None:
                lost.append(f"{word} is not there: its domains are missing")
            else:
                names += [
                    each.lower() for line in logical_lines(text) for each in line.text.split()
                ]
        elif is_table(word):
            table = table_name(old, word)
            if table.name:
                tables.append(table.name)
                names += [key for key in _keys(old, table.name) if is_domain(key)]
            else:
                lost.append(f"the domains of {word} are missing: {table.reason}")
        elif word.startswith("!"):
            lost.append(f"{word}: exceptions are not there; this domain may be ours now")
        elif is_domain(word.strip("[]")):
            names.append(word.lower())
    return list(dict.fromkeys(names)), tables, lost


def _keys(old: OldPostfix, table: str) -> list[str]:
    """The keys of a text table, which are known now; none of another."""
    kind, _, path = table.partition(":")
    if kind not in _TEXT:
        return []
    for planned in old.plan.files.values():
        if str(old.plan.directory / planned.name) == path:
            text: str | None = planned.content.decode("utf-8", "replace")
            break
    else:
        text = old.files.text(path)
    lines = logical_lines(text or "")
    return [line.text.split()[0].lower() for line in lines]


def _tables(old: OldPostfix, parameter: str) -> list[str]:
    """The tables of a parameter as Postroad names them; what is wrong is noted."""
    tables: list[str] = []
    problems: list[str] = []
    for word in old.main.words(parameter):
        table = table_name(old, word)
        if table.name:
            tables.append(table.name)
        else:
            problems.append(f"{word} is left out: {table.reason}")
    for words in problems:
        old.missing(parameter, words, "nobody is found there until it is in `[directories]`")
    return tables


def _files(old: OldPostfix, domains: Domains, aliases: list[str], home: str) -> None:
    """`[directories.postfix]`."""
    path = ("directories", DIRECTORY)
    mailboxes = _tables(old, "virtual_mailbox_maps")
    files = _alias_files(old)
    if not (aliases or mailboxes or files or domains.tables):
        return
    old.plan.set((*path, "kind"), "files")
    old.plan.set((*path, "default_domain"), home, _origin(old, "myorigin"))
    if domains.local:
        finding = _origin(old, "mydestination")
        old.plan.set((*path, "local_domains"), domains.local, finding)
    for key, parameter, value in (
        ("virtual", "virtual_alias_maps", aliases),
        ("mailbox", "virtual_mailbox_maps", mailboxes),
        ("aliases", "alias_maps", files),
        ("domain_tables", "virtual_mailbox_domains", domains.tables),
    ):
        if value:
            finding = _note_unless(old, parameter, f"`[directories.{DIRECTORY}] {key}`")
            old.plan.set((*path, key), value, finding)
    if files:
        _note_unless(old, "alias_database", f"`[directories.{DIRECTORY}] aliases`")
    _catch_all(old, domains)


def _note_unless(old: OldPostfix, name: str, words: str) -> Finding | None:
    parameter = old.main.get(name)
    if parameter is None:
        return None
    if old.is_noted(parameter):
        return old.finding(parameter, Verdict.TRANSLATED, "")
    return old.note(parameter, Verdict.TRANSLATED, words)


def _alias_files(old: OldPostfix) -> list[str]:
    """The text files of `alias_maps`, as far as there are any."""
    found: list[str] = []
    for word in old.main.words("alias_maps"):
        kind, _, rest = word.removeprefix("proxy:").partition(":")
        if kind in _TEXT and rest.startswith("/"):
            text = old.files.text(rest)
            file = _alias_file(old, rest, text) if text is not None else _compiled(old, kind, rest)
            found += [file] if file else []
        elif kind != "nis":
            old.missing("alias_maps", f"{word}: aliases of this kind are not read", "add them here")
    return found


def _compiled(old: OldPostfix, kind: str, path: str) -> str:
    """Aliases whose text is gone, as a text again; empty without them."""
    compiled = compiled_pairs(old, kind, path)
    if compiled is None or compiled.reason:
        if old.main.get("alias_maps") is not None:
            words = f"{path} is not there" if compiled is None else compiled.reason
            old.missing("alias_maps", words, matters=compiled is not None)
        return ""
    text, lost = text_of(compiled.pairs, aliases=True)
    for name in lost:
        old.missing("alias_maps", f"an alias that no text holds is left out: {name!r}")
    kept = old.plan.keep("aliases", text.encode())
    say_copied(old, kind, path, kept)
    _say_programs(old, kept, text)
    return str(kept)


def _alias_file(old: OldPostfix, path: str, text: str) -> str:
    _say_programs(old, old.files.place(path), text)
    if old.plan.copies:
        secret = old.files.is_private(path)
        return str(old.plan.keep("aliases", text.encode(), secret=secret))
    return str(old.files.place(path))


def _say_programs(old: OldPostfix, file: Path, text: str) -> None:
    for line in logical_lines(text):
        found = _ALIAS.match(line.text)
        if found is None or not _NOT_MAIL.search(found["targets"]):
            continue
        name, value = found["name"].strip(), found["targets"].strip()
        words = f"the alias {name} leads to a program or a file, to which no mail goes"
        todo = f"allow_commands or allow_files in `[directories.{DIRECTORY}]` allows it for all"
        old.plan.find(Finding(file, line.number, name, value, Verdict.UNSUPPORTED, words, todo))


def _catch_all(old: OldPostfix, domains: Domains) -> None:
    target = old.main.value("luser_relay")
    if not target:
        return
    if "@" not in target or "$" in target or target.startswith(("|", "/")):
        old.missing("luser_relay", "who is not known is refused", "add an alias @DOMAIN")
        return
    for domain in domains.local:
        old.plan.aliases[f"@{domain}"] = PlannedAlias(f"@{domain}", (target,))
    old.translated("luser_relay", "an alias that catches all in each local domain")


def _relay(old: OldPostfix, ours: list[str]) -> None:
    """Domains whose mail is taken from anybody and passed on."""
    written = old.main.get("relay_domains")
    names, tables, lost = _domains_of(old, "relay_domains")
    if written is None:
        return  # before level 2 the default is mydestination, which is ours anyhow
    if not old.main.value("relay_domains"):
        old.translated("relay_domains", "no domain is passed on for strangers")
        return
    maps = _tables(old, "relay_recipient_maps")
    recipients = "any"
    if maps:
        recipients = maps[0] if len(maps) == 1 else f"unionmap:{{{', '.join(maps)}}}"
        _note_unless(old, "relay_recipient_maps", '`[domain."NAME"] recipients`')
    subdomains = "relay_domains" in old.main.words("parent_domain_matches_subdomains")
    todo = "domains below these were relayed too: name those that are needed" if subdomains else ""
    finding = old.note(written, Verdict.TRANSLATED, '`[domain."NAME"]`, `kind = "relay"`', todo)
    for name in names:
        if name in ours:
            continue
        path = ("domain", name)
        old.plan.set((*path, "kind"), "relay", finding)
        old.plan.set((*path, "recipients"), recipients, _origin(old, "relay_recipient_maps"))
    unknown = [table for table in tables if not _keys(old, table)]
    for table in unknown:
        lost.append(f"the domains in {table} are known to it alone: name them in `[domain]`")
    for words in lost:
        old.missing("relay_domains", words)
