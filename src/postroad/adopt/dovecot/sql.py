"""dovecot-sql.conf.ext as a directory of kind `sql`: the same database, asked the same."""

from __future__ import annotations

import re
from pathlib import Path

from postroad.adopt.dovecot.conf import Section, read_parameters
from postroad.adopt.dovecot.names import DovecotNames
from postroad.adopt.dovecot.newer import PARAMETERS
from postroad.adopt.dovecot.notes import Notes
from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.plan import KeyPath
from postroad.directory.sql.backend import ACCOUNT_COLUMNS

__all__ = ["adopt_sql", "parameters_of"]

_DRIVERS = {"mysql": "mysql", "pgsql": "postgresql", "sqlite": "sqlite"}
_WORD = re.compile(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S+)")
_STRANGE = re.compile(r"%(?![und%])(?:\{[^}]*\}|[0-9.A-Z]*.?)")
_COLUMN = re.compile(r"\bas\s+[`\"']?(\w+)", re.IGNORECASE)
_TYPES = frozenset({"char", "signed", "unsigned", "text", "integer", "varchar", "int", "bigint"})
"""Words behind AS that are no columns: those of CAST(x AS type)."""


def adopt_sql(
    notes: Notes,
    files: OldFiles,
    settings: Section | None,
    section: KeyPath,
    names: DovecotNames,
    *,
    users: bool,
) -> None:
    """Plan the directory.

    Args:
        notes: takes what becomes of each setting.
        files: the old file system.
        settings: what dovecot-sql.conf.ext says; `None`: it cannot be read.
        section: where the directory stands in the new configuration.
        names: how users are named.
        users: whether it is a userdb too, so that its user_query counts.
    """
    if settings is None:
        return
    plan = notes.plan
    driver = settings.text("driver")
    if driver not in _DRIVERS:
        words = f"there is no directory for databases of the driver {driver or 'nobody named'}"
        notes.unsupported(settings, "driver", f"nobody in it can log in: {words}")
        return
    plan.set((*section, "kind"), "sql")
    plan.set(
        (*section, "driver"),
        _DRIVERS[driver],
        notes.translated(settings, "driver", "driver of the directory"),
    )
    _connection(notes, files, settings, section)
    _queries(notes, settings, section, names, users=users)
    if "default_pass_scheme" in settings.values:
        finding = notes.translated(settings, "default_pass_scheme", "default_scheme")
        plan.set((*section, "default_scheme"), settings.text("default_pass_scheme"), finding)
    for key in settings.values:
        if not notes.spoken_of(settings, key):
            _rest(notes, settings, key)


def parameters_of(notes: Notes, files: OldFiles, source: Section, file: Path) -> Section | None:
    """The settings of a passdb, or `None` and a finding where they cannot be read.

    Args:
        notes: takes what is wrong.
        files: the old file system.
        source: the passdb.
        file: where 2.3 has them.
    """
    own = source.one(PARAMETERS)
    if own is not None:
        return own
    settings, faults = read_parameters(files, file)
    for fault in faults:
        words = f"not understood: {fault.words}"
        notes.plan.find(
            Finding(
                fault.file,
                fault.line or None,
                file.name,
                "",
                Verdict.UNSUPPORTED,
                words,
                "put it right, or write the directory by hand (docs/directories.md)",
            )
        )
    return settings if settings.values else None


def _connection(notes: Notes, files: OldFiles, settings: Section, section: KeyPath) -> None:
    connect, plan = settings.text("connect"), notes.plan
    driver = settings.text("driver")
    finding = notes.translated(
        settings, "connect", "hosts, database, username and password_file of the directory"
    )
    if driver == "sqlite":
        file = next((word for word in connect.split() if "=" not in word), connect.strip())
        plan.set((*section, "file"), str(files.place(file)), finding)
        return
    pairs = _of_blocks(notes, settings) or _pairs(connect, driver)
    hosts = [value for key, value in pairs if key in ("host", "hostaddr")]
    words = dict(pairs)
    port = words.get("port")
    if hosts:
        plan.set((*section, "hosts"), [_host(files, each, port, driver) for each in hosts], finding)
    for key, name in (("dbname", "database"), ("user", "username")):
        if key in words:
            plan.set((*section, name), words[key], finding)
    if "password" in words:
        secret = f"{words['password']}\n".encode()
        kept = plan.keep(f"secrets/{section[-1]}-password", secret, secret=True)
        plan.set((*section, "password_file"), str(kept), finding)
    authorities = words.get("ssl_ca") or words.get("sslrootcert")
    if authorities:
        plan.set((*section, "tls_ca_file"), str(files.place(authorities)), finding)
    _left(notes, finding, words)


def _of_blocks(notes: Notes, settings: Section) -> list[tuple[str, str]]:
    """The words of 2.4's sections, of which each is a server."""
    pairs: list[tuple[str, str]] = []
    for block in settings.sections:
        port = block.text("port")
        for key, value in block.values.items():
            if value.written:
                notes.translated(block, key, "said in the directory")
            host = key == "host" and port and not value.text.startswith("/")
            pairs += (
                [] if key == "port" else [(key, f"{value.text}:{port}" if host else value.text)]
            )
    return pairs


def _left(notes: Notes, finding: Finding, words: dict[str, str]) -> None:
    """What else a connection is told: TLS without an authority is worth a word."""
    asks = [key for key in words if key.startswith("ssl") and key not in ("ssl_ca", "sslrootcert")]
    if asks and words.get("sslmode") not in ("disable", "allow", "prefer"):
        todo = "give tls_ca_file of the directory; a client certificate cannot be shown"
        notes.plan.worsen(finding, f"left out of the connection: {', '.join(asks)}", todo)


def _host(files: OldFiles, host: str, port: str | None, driver: str) -> str:
    if host.startswith("/"):
        # libpq is given the folder of its socket, the library of MySQL the socket itself.
        name = f"{host}/.s.PGSQL.{port or 5432}" if driver == "pgsql" else host
        return f"unix:{files.place(name)}"
    return f"{host}:{port}" if port else host


def _pairs(connect: str, driver: str) -> list[tuple[str, str]]:
    """The words of `connect`; libpq has quotes, and Dovecot's driver for MySQL has none."""
    if driver == "pgsql":
        return [(key, _unquoted(value)) for key, value in _WORD.findall(connect)]
    found = (word.partition("=") for word in connect.split(" ") if "=" in word)
    return [(key, value) for key, _, value in found]


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == "'" else value


def _queries(
    notes: Notes, settings: Section, section: KeyPath, names: DovecotNames, *, users: bool
) -> None:
    for key in ("password_query", "user_query"):
        if key not in settings.values:
            continue
        if key == "user_query" and not users:
            notes.not_needed(settings, key, "no userdb asks it")
            continue
        _query(notes, settings, section, key, names)
    if "iterate_query" in settings.values:
        words = "only postroad user list would ask it: it is accounts_query there"
        notes.not_needed(settings, "iterate_query", words)


def _query(
    notes: Notes, settings: Section, section: KeyPath, key: str, names: DovecotNames
) -> None:
    query = names.in_query(settings.text(key))
    todo = f"write {key} of the directory {section[-1]} by hand"
    strange = _STRANGE.search(query)
    if strange is not None:
        words = f"{strange[0]} means nothing in Postroad's queries, which have %u, %n and %d"
        notes.unsupported(settings, key, words, todo)
        return
    finding = notes.translated(settings, key, f"{key} of the directory")
    notes.plan.set((*section, key), query, finding)
    columns = [name.lower().removeprefix("userdb_") for name in _COLUMN.findall(query)]
    lost = [name for name in columns if name not in ACCOUNT_COLUMNS and name not in _TYPES]
    if lost:
        words = f"logins would wait: the columns {', '.join(lost)} mean nothing here"
        notes.plan.worsen(finding, words, f"take them out of {key}, and see docs/directories.md")


def _rest(notes: Notes, settings: Section, key: str) -> None:
    if key.startswith(("userdb_warning", "sql_", "connect_", "map")):
        notes.not_needed(settings, key, "it is about Dovecot's own connections, and Dovecot stays")
    else:
        notes.unsupported(settings, key, "Postroad does not know it", "see docs/directories.md")
