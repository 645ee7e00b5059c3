"""A message as rules see it: read once, so that no rule reads it again.

What our own border wrote above our Received field is no part of it, nor is what others say of
spam. Reading is bounded: of a field that is longer than anybody writes, only the beginning counts.
"""

from __future__ import annotations

import re
import time
from calendar import timegm
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_tz
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from postroad.filters.builtin.decoding import words_decoded
from postroad.filters.builtin.phrases import MOST_SAID, Said, said_in
from postroad.filters.builtin.reading import Reading
from postroad.filters.scoring import SPAM_FIELDS
from postroad.mailauth.dmarc.suffixes import organizational_domain
from postroad.model.address import domain_key, is_domain
from postroad.model.authors import UNREADABLE, authors
from postroad.model.fields import Field, Fields
from postroad.model.letter import Finding, Letter, Origin

__all__ = ["Case", "Here", "case_of", "is_public", "line_of", "moment", "organization"]

MOST_FIELDS = 1_000
"""Fields that are looked at; mail that came through many lists has a hundred."""

MOST_NAME = 2_000
"""Octets of From and Reply-To that are read: of a name, of an address, or of a few."""

MOST_DATE = 200
"""Octets of a date that are read; it has some thirty, and a comment."""

MOST_LINE = 8 * 1024
"""Octets of any field: a megabyte of folds would cost tens of milliseconds each time."""

_LISTS = ("list-id", "list-post", "list-unsubscribe", "mailing-list", "x-mailing-list")
_OTHERS = frozenset(name.lower() for name in SPAM_FIELDS)

_INNER = tuple(
    ip_network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"),
        *("::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)
"""Addresses that no host has on the Internet: those of a house or a machine, and no host's."""


class Here(NamedTuple):
    """What a rule may know of this server.

    Attributes:
        hostname: its name, in lower case.
        domains: those that are local, in lower case.
        names_clients: whether the names of clients are looked up.
    """

    hostname: str = ""
    domains: frozenset[str] = frozenset()
    names_clients: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A message, read.

    Attributes:
        letter: the message.
        here: what is known of this server.
        came: the header section as it came in.
        reading: its body.
        subject: decoded, in one line.
        author: the one address in From, in lower case; empty where there is not exactly one.
        author_name: the name before it, decoded.
        reply_to: the one address in Reply-To likewise.
        is_list: whether it came through a list, or says so.
        said: the phrases that stand in its subject and its text, by their topics.
    """

    letter: Letter
    here: Here
    came: Fields
    reading: Reading
    subject: str
    author: str
    author_name: str
    reply_to: str
    is_list: bool
    said: Said

    @property
    def is_from_outside(self) -> bool:
        """Whether a stranger's server handed it over, so that the client says something."""
        return self.letter.origin is Origin.OUTSIDE and self.letter.client is not None

    @property
    def is_signed(self) -> bool:
        """Whether somebody vouches for it by a signature that holds."""
        return any(each.by == "dkim" and each.result == "pass" for each in self.letter.findings)

    @property
    def text(self) -> str:
        """What rules read of the body: its plain text, or else what a reader of HTML sees."""
        return self.reading.plain[:MOST_SAID] or self.reading.seen[:MOST_SAID]

    @property
    def author_domain(self) -> str:
        """The domain of the author; empty where there is none."""
        return self.author.rpartition("@")[2]

    def found(self, by: str) -> Iterable[Finding]:
        """What somebody found out about it."""
        return [each for each in self.letter.findings if each.by == by]

    def vouched(self) -> frozenset[str]:
        """The organizations that are shown to have sent it, by SPF or by a signature."""
        passed = [each for each in self.letter.findings if each.result == "pass"]
        return frozenset(
            organization(each.details.get("domain", ""))
            for each in passed
            if each.by == "spf" or (each.by == "dkim" and each.details.get("counts") == "yes")
        )


def case_of(letter: Letter, reading: Reading, here: Here) -> Case:
    """Read the header of a message.

    Args:
        letter: the message; its body is not looked at.
        reading: what its body was found to be.
        here: what is known of this server.
    """
    came = _came(letter)
    name, author = _person(came.named("from"))
    subject = _one(came, "subject")
    return Case(
        letter=letter,
        here=here,
        came=came,
        reading=reading,
        subject=subject,
        author=author,
        author_name=name,
        reply_to=_person(came.named("reply-to"))[1],
        is_list=any(came.first(each) is not None for each in _LISTS) or _is_bulk(came),
        said=said_in((subject, reading.plain, reading.seen)),
    )


def organization(domain: str) -> str:
    """Whom a domain belongs to, for comparisons; empty for what is no domain's name."""
    name = domain_key(domain)
    return organizational_domain(name) if name.isascii() and is_domain(name) else ""


def is_public(address: str) -> bool:
    """Whether a text is an IP address that a host on the Internet may have."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return not any(ip.version == each.version and ip in each for each in _INNER)


def line_of(field: Field) -> str:
    """The value of a field in one line, as far as it matters what it is."""
    return Field(field.octets[:MOST_LINE]).text


def moment(text: str) -> float | None:
    """A date as fields have it (RFC 5322 §3.3), in seconds since the epoch; `None`: it is none."""
    try:
        found = parsedate_tz(text[:MOST_DATE])
        if found is None:
            return None
        *parts, offset = found
        return float(timegm(time.struct_time(parts)) - (offset or 0))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None  # the library raises these for some of what strangers write


def _came(letter: Letter) -> Fields:
    """The fields below our Received field, or all of them where it is not there."""
    row = list(letter.fields)
    if letter.trace:
        at = next((at for at, each in enumerate(row) if each.octets == letter.trace), -1)
        row = row[at + 1 :]
    return Fields(tuple([each for each in row[:MOST_FIELDS] if each.key not in _OTHERS]))


def _person(fields: tuple[Field, ...]) -> tuple[str, str]:
    """Name and address of whom a field names, if it names one."""
    if len(fields) != 1 or len(fields[0].octets) > MOST_NAME:
        return "", ""
    found = authors([fields[0].value])
    if len(found) != 1 or found[0] == UNREADABLE:
        return "", ""
    name = words_decoded(fields[0].value).rpartition("<")[0].strip(' "')
    return name, found[0].lower()


def _one(fields: Fields, name: str) -> str:
    field = fields.first(name)
    return "" if field is None else words_decoded(field.value)


def _is_bulk(fields: Fields) -> bool:
    return re.match(r"(?:list|bulk)\b", _one(fields, "precedence"), re.IGNORECASE) is not None
