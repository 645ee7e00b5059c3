"""Dovecot's passwd-file: one account a line, `user:password:uid:gid:gecos:home:shell:fields`.

Columns at the end may be missing. The last one holds fields, `key=value`, separated by blanks;
those that begin with `userdb_` say where the mail lies, as `uid`, `gid` and `home` do. Read here
are the fields named in `_PASSDB` and in `userdb`; whatever else Dovecot's own services need is
theirs.

A line whose columns or fields cannot be used says where to look, and its account alone is of no use
until it is right: mail for it waits. What is no name at all is a mistake in the file.

As Dovecot does: a line that is empty, begins with `#` or has no name says nothing; of two lines
with one name the first counts; `password[13]`, `[34]` and `[56]` are what libpam-pwdfile wrote.
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from postroad.directory.backend import Account
from postroad.directory.interface import Alias, Place
from postroad.directory.names import address_form
from postroad.directory.passwords.credentials import Credentials
from postroad.directory.passwords.schemes import MAX_STORED, read_hash
from postroad.directory.passwords.verdict import Verdict
from postroad.directory.userdb import UserdbMistake, place_of
from postroad.model import Address, AddressError
from postroad.tables.source import Line
from postroad.tables.table import TableMistake, Warn

__all__ = ["PasswdEntry", "canonical_name", "read_passwd_file"]

_PWDFILE = {"13": "CRYPT", "34": "PLAIN-MD5", "56": "DIGEST-MD5"}
_PASSDB = frozenset({"nologin", "nopassword", "allow_nets"})
_FALSE = frozenset({"n", "no", "false", "0"})
_MOST_SAID = 20  # lines that cannot be used and are told of one by one
_LOOKED_AT = 1000  # stored hashes of a file that are read to warn of mistakes: some milliseconds


@dataclass(frozen=True, slots=True)
class PasswdEntry:
    """One line.

    Attributes:
        user: as it is written there.
        password: the stored hash; empty where nobody can log in.
        place: where the mail lies.
        enabled: whether the account may log in.
        nets: the networks that it may log in from; empty: all.
        fault: what is wrong with the line; empty: nothing.
    """

    user: str
    password: str = field(repr=False)
    place: Place
    enabled: bool
    nets: tuple[str, ...]
    fault: str = ""

    def account(
        self, name: str, default: str, place: Place | None = None, forward: Alias | None = None
    ) -> Account:
        """The account.

        Args:
            name: its canonical name.
            default: the scheme of a hash without braces.
            place: where a table says that its mail lies; the file's own word goes first.
            forward: where its mail goes instead.
        """
        where = self.place if place is None or self.place.mail else place
        return Account(
            name,
            self.enabled,
            _credentials(self.password, default),
            where,
            forward=forward,
            nets=self.nets,
        )


def read_passwd_file(
    text: str, path: Path, *, default_domain: str, default_scheme: str, warn: Warn
) -> Mapping[str, PasswdEntry]:
    """The accounts of a file, by canonical name.

    Args:
        text: of the file.
        path: of the file, for mistakes.
        default_domain: where a name without a domain lives.
        default_scheme: the scheme of a hash without braces.
        warn: takes lines about what is odd.

    Raises:
        TableMistake: a line has no name; it names file and line.
    """
    entries: dict[str, PasswdEntry] = {}
    faults = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line[0] in "#:":
            continue
        where = Line(line.rstrip("\r"), path, number)
        columns = where.text.split(":")
        try:
            name = canonical_name(columns[0], default_domain)
        except AddressError as error:
            raise where.mistake(f'"{columns[0][:60]}" is no user: {error}') from None
        if name in entries:
            warn(where.warning(f'"{columns[0]}" is there more than once; the first one counts'))
            continue
        entries[name] = entry = _entry_or_fault(where, columns)
        if entry.fault:
            faults += 1
            if faults <= _MOST_SAID:
                warn(f"{entry.fault}; mail for {name} waits, and nobody logs in as that")
        elif len(entries) <= _LOOKED_AT:
            _look_at_hash(where, entry, default_scheme, warn)
    if faults > _MOST_SAID:
        warn(f"{path}: {faults - _MOST_SAID} more lines like these")
    if not entries:
        warn(f"{path}: there is no account in it")
    return entries


def canonical_name(user: str, default_domain: str) -> str:
    """The name of an account: the text of its address, in the form of `names`.

    Raises:
        AddressError: it is no address, with the domain or without, or none that is safe as the
            name of a folder.
    """
    form = address_form(Address.parse(user if "@" in user else f"{user}@{default_domain}"))
    name = str(form)
    if "/" in form.local or name.startswith('"') or form.domain.startswith("["):
        raise AddressError("a name of an account holds no slash and needs no quotes")
    return name


def _entry_or_fault(line: Line, columns: list[str]) -> PasswdEntry:
    try:
        return _entry(line, columns)
    except TableMistake as mistake:
        return PasswdEntry(columns[0], "", Place(), False, (), str(mistake))


def _entry(line: Line, columns: list[str]) -> PasswdEntry:
    _, password, uid, gid, _, home = (*columns, *[""] * 6)[:6]
    fields = _fields(columns)
    said = {key: fields[key] for key in fields if key not in _PASSDB}
    said |= {key.removeprefix("userdb_"): said[key] for key in said if key.startswith("userdb_")}
    said = {"home": home, **said} | {"uid": said.get("uid") or uid, "gid": said.get("gid") or gid}
    try:
        place = place_of(said, user=_user, group=_group)
    except UserdbMistake as mistake:
        raise line.mistake(str(mistake)) from None
    if len(password) > MAX_STORED:
        raise line.mistake(f"the stored password has more than {MAX_STORED} characters")
    return PasswdEntry(
        columns[0],
        # A password that need not be known is none: whoever gets in sends mail.
        "" if _is_set(fields, "nopassword") else _stored(password),
        place,
        not _is_set(fields, "nologin"),
        _nets(line, fields.get("allow_nets", "")),
    )


def _fields(columns: list[str]) -> dict[str, str]:
    """The fields of the last column, which may hold colons of its own."""
    if len(columns) < 8:
        return {}
    if not columns[7]:  # a form of old: an empty column, then where the mail is
        return {"userdb_mail": ":".join(columns[8:])} if any(columns[8:]) else {}
    pairs = (word.partition("=") for word in ":".join(columns[7:]).split(" ") if word)
    return {key: value if equals else "yes" for key, equals, value in pairs}


def _credentials(stored: str, default: str) -> Credentials:
    """What the hash is good for: a verifier of SCRAM is one for that mechanism too."""
    scheme, brace, text = stored[1:].partition("}") if stored.startswith("{") else ("", "", "")
    kind = scheme.upper() if brace else ""
    return Credentials(
        stored,
        scram_sha_1=text if kind == "SCRAM-SHA-1" else "",
        scram_sha_256=text if kind == "SCRAM-SHA-256" else "",
        default=default,
    )


def _is_set(fields: Mapping[str, str], key: str) -> bool:
    return key in fields and fields[key].lower() not in _FALSE


def _stored(password: str) -> str:
    """The stored hash in braces, where libpam-pwdfile has its scheme behind it."""
    if password[:1] in {"{", "$"} or len(password) <= 4 or password[-4] != "[":
        return password
    scheme = _PWDFILE.get(password[-3:-1]) if password[-1] == "]" else None
    return password if scheme is None else f"{{{scheme}}}{password[:-4]}"


def _nets(line: Line, text: str) -> tuple[str, ...]:
    """Networks, as Dovecot's `allow_nets` has them: separated by commas; `local` is nobody here."""
    nets = tuple(word.strip() for word in text.split(",") if word.strip())
    for net in nets:
        if net == "local":
            continue
        try:
            ip_network(net, strict=False)
        except ValueError:
            raise line.mistake(f'allow_nets: "{net[:60]}" is no network') from None
    return nets


def _look_at_hash(line: Line, entry: PasswdEntry, default: str, warn: Warn) -> None:
    if not entry.password:
        warn(line.warning(f'"{entry.user}" has no password, so nobody can log in as that'))
        return
    found = read_hash(entry.password, default)
    if isinstance(found, Verdict):
        warn(line.warning(f'"{entry.user}" cannot log in: {found.objection}'))


def _user(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _group(name: str) -> int:
    return grp.getgrnam(name).gr_gid
