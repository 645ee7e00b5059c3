"""Mail that goes on to other servers: under whose name, and whether it comes in a circle.

Postroad vouches by its address for what it sends, and a next hop asks the sender's domain whether
it may (SPF). Of a message that a stranger sent to an alias here it may not. So what an alias, a
group without an owner or an account's forward sends to another server has a reverse-path of ours
(`srs`), and a bounce is sent on to the one who wrote. Mail of our own users goes out as it is, and
so does mail without a sender: it bounces nowhere. A relayed domain's servers trust us as theirs.

A message that was delivered at an address before, as its Delivered-To fields say, is not forwarded
from there again. Nor is one that passed here for that address twice, as our own Received fields
say: the first time may have been on its way to a content filter.

It must not know what an alias is, or how an address is rewritten.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from postroad.directory import Standing
from postroad.directory.files.alias_file import PROGRAM_DOMAIN
from postroad.intake.srs import rewritten
from postroad.intake.srs_keys import DAY, SrsKeys
from postroad.model import SAME, Address, Addressee, AddressError, Recipient, Same
from postroad.model.address import domain_key

__all__ = ["Domains", "Forwarding", "Rewriting", "passed", "renamed"]

_DELIVERED = re.compile(rb"\ndelivered-to[ \t]*:([^\r]{0,512})", re.IGNORECASE)
_FOR = re.compile(
    rb"\nreceived:[^\r]*(?:\r\n[ \t][^\r]*)*?\r\n[ \t]for <([^\r\n]{1,320})>", re.IGNORECASE
)
_OURS = b"by %b (Postroad) "
MOST_FIELDS = 1000
"""Fields looked at; the hop limit is far below, and nobody can have us parse a megabyte of them."""

TWICE = 2


class Domains(Protocol):
    """Who knows what a domain is to us; a directory does."""

    async def standing(self, domain: str) -> Standing | None:
        """`None` if it is nothing to us; may raise `DirectoryUnavailable`."""
        ...


class Rewriting:
    """Makes reverse-paths of ours for foreign senders."""

    def __init__(self, domain: str, keys: SrsKeys) -> None:
        """Nothing is read yet.

        Args:
            domain: ours, of the addresses that are made.
            keys: sign them.
        """
        self.domain = domain
        self._keys = keys

    async def of(self, sender: Address, now: float) -> Address | None:
        """The address that stands for a sender; `None` if there is none (`srs.rewritten`).

        Args:
            sender: a foreign one.
            now: seconds since the epoch.

        Raises:
            KeysUnavailable: there is no key to sign with.
        """
        return rewritten(sender, self.domain, await self._keys.current(), int(now // DAY))


class Forwarding:
    """What the reverse-path of a forwarded message is."""

    def __init__(self, domains: Domains, rewriting: Rewriting | None) -> None:
        """A rule.

        Args:
            domains: what is ours.
            rewriting: makes addresses; `None`: everything goes out under its sender's own.
        """
        self._domains = domains
        self._rewriting = rewriting

    async def reverse_path(
        self, sender: Address | None, to: Address, now: float
    ) -> Address | Same | None:
        """The reverse-path of a copy that does not go straight to whom its sender named.

        Args:
            sender: the one that it would have.
            to: where the copy goes.
            now: seconds since the epoch.

        Returns:
            Another one, or `SAME`.

        Raises:
            DirectoryUnavailable: it is not known now what is ours.
            KeysUnavailable: an address is to be rewritten, and cannot be.
        """
        if self._rewriting is None or sender is None or not to.domain:
            return SAME
        if to.domain == PROGRAM_DOMAIN or await self._domains.standing(to.domain) is not None:
            return SAME
        if domain_key(sender.domain) == domain_key(self._rewriting.domain):
            return SAME
        if await self._domains.standing(sender.domain) is Standing.LOCAL:
            return SAME
        return await self._rewriting.of(sender, now) or SAME


def passed(fields: bytes, hostname: str) -> frozenset[str]:
    """The addresses that a message was delivered at, or twice passed here for.

    Args:
        fields: its header section.
        hostname: our name, as our Received fields have it.

    Returns:
        Keys of addresses.
    """
    section = b"\n" + fields
    found = set()
    for _, match in zip(range(MOST_FIELDS), _DELIVERED.finditer(section), strict=False):
        found.add(_key(match[1]))
    ours = _OURS % hostname.encode()
    if section.count(ours) >= TWICE:
        counts: dict[str, int] = {}
        for _, match in zip(range(MOST_FIELDS), _FOR.finditer(section), strict=False):
            if ours in match[0]:
                key = _key(match[1])
                counts[key] = counts.get(key, 0) + 1
        found |= {key for key, count in counts.items() if count >= TWICE}
    found.discard("")
    return frozenset(found)


def renamed(
    sender: str, recipients: Sequence[Addressee], named: Sequence[Recipient] = ()
) -> list[str]:
    """What the log says of copies that go out under another name, one line for each name.

    Args:
        sender: the message's reverse-path, empty for the null one.
        recipients: where it goes.
        named: as its sender named them, who may have wished for such names; one line tells of all.
    """
    others = [one.sender for one in recipients if one.sender is not SAME]
    if not others:  # nearly all mail
        return []
    lines = []
    wished = {one.sender for one in named}
    if variable := sum(1 for name in others if name in wished):
        lines.append(
            f"variable return paths instead of <{sender}> for {variable} of its recipients"
        )
        others = [name for name in others if name not in wished]
    for name, count in Counter(others).items():
        why = "owner of the list"
        if isinstance(name, Address) and name.is_rewritten:
            why = "rewritten, as it goes on to other servers (SRS)"
        whose = f"from=<{name or ''}> instead of <{sender}>"
        lines.append(f"{whose} for {count} of its recipients: {why}")
    return lines


def _key(octets: bytes) -> str:
    try:
        return Address.parse(octets.decode("utf-8").strip(" \t<>")).key
    except (AddressError, UnicodeDecodeError):
        return ""
