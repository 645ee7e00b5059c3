"""Signs mail of our users, and mail that is made here, in the name of its author's domain.

The signer is the last examiner of a message: nothing may change after it. It goes by the From
field, which must name exactly one author: that is the domain that DMARC looks at. A message whose
author has no keys here leaves as it is, and so does one whose keys cannot be read, as most
receivers take it without a signature. Of each that is not signed it is said why.

The fields go below our Received field and above all others, as with a milter behind Postfix.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from postroad.mailauth.dkim.body_hash import Wanted, body_hashes
from postroad.mailauth.dkim.canonicalization import Canonicalization
from postroad.mailauth.dkim.key_store import KeysUnavailable
from postroad.mailauth.dkim.settings import DkimSettings, name_of_domain
from postroad.mailauth.dkim.signature_field import MOST_NAMES, names_to_sign, signature_field
from postroad.mailauth.dkim.signed_input import is_whole
from postroad.mailauth.dkim.signing_key import SigningKey
from postroad.model import Login
from postroad.model.address import belongs_to
from postroad.model.authors import MAX_FROM, UNREADABLE, authors
from postroad.model.client import BY_THE_SYSTEM
from postroad.model.fields import Fields
from postroad.model.letter import NO_OPINION, Finding, Letter, Opinion, Origin

__all__ = ["Keys", "Signer", "Writers", "author_domain"]

AT_ONCE = 2_048
"""Octets of From fields that are read on the event loop; real ones have a hundred."""

_OURS = (Origin.OURS, Origin.MADE)

_RELAXED = Wanted(Canonicalization.RELAXED)


class Keys(Protocol):
    """Who knows the keys."""

    def keys_for(self, author: str) -> tuple[SigningKey, ...]:
        """Those that sign for a domain; may raise `KeysUnavailable`."""
        ...

    def lack(self, author: str) -> str:
        """Why there is none for a domain; may raise `KeysUnavailable`."""
        ...


class Writers(Protocol):
    """Who knows in whose name a user, or a program of this machine, may write."""

    async def may_write(self, login: Login, author: str) -> bool:
        """Whether they may send as the address; `False` where that cannot be found out."""
        ...


class Signer:
    """Implements `Examiner`."""

    def __init__(
        self,
        settings: DkimSettings,
        keys: Keys,
        *,
        clock: Callable[[], float],
        warn: Callable[[str], None],
        writers: Writers | None = None,
    ) -> None:
        """Take what it needs.

        Args:
            settings: what is signed, and for how long.
            keys: knows who signs for whom.
            clock: seconds since the epoch.
            warn: takes a line for the log.
            writers: asked about programs of this machine, and about users who write in the name of
                another domain than their own; `None`: the former may, and the latter not.
        """
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._warn = warn
        self._writers = writers

    async def examine(self, letter: Letter) -> Opinion:
        """See `Examiner.examine`.

        Raises:
            postroad.spool.SpoolError: the body cannot be read.
        """
        if letter.origin not in _OURS:
            return NO_OPINION
        if _is_from_too_long(letter.fields):
            return _unsigned(f"the From field has more than {MAX_FROM} octets")
        author = await _read_author(letter.fields)
        domain = author.rpartition("@")[2]
        if not domain:
            return _unsigned("the From field does not name one author in a domain")
        try:
            keys = self._keys.keys_for(domain)
            if not keys:
                return _unsigned(self._keys.lack(domain))
        except KeysUnavailable as error:
            self._warn(f"{letter.queue_id}: not signed: {error}")
            return _unsigned(str(error))
        names = names_to_sign(letter.fields, self._settings.signed, self._settings.oversigned)
        obstacle = _obstacle(letter.fields, names)
        if not obstacle and not await self._is_theirs(letter, author, keys[0].domain):
            obstacle = f"{_user(letter)} may not write in the name of {domain}"
        if obstacle:
            return _unsigned(obstacle)
        hashes = await body_hashes(letter.body, [_RELAXED])
        return self._signed(letter, keys, names, hashes[_RELAXED].digest)

    async def _is_theirs(self, letter: Letter, author: str, signer: str) -> bool:
        """Whether who has logged in, or left it to be sent, may have a domain answer for it.

        Their own domain's keys do so for all that is below it. A domain below that has keys of its
        own may be somebody else's: of that, their addresses tell.
        """
        login = letter.login
        if login is None:
            return True  # a trusted network, or made here
        if login.mechanism == BY_THE_SYSTEM:
            return self._writers is None or await self._writers.may_write(login, author)
        user = login.user
        own, domain = [name_of_domain(name.rpartition("@")[2]) for name in (user, author)]
        is_own = domain == own or (belongs_to(domain, own) and belongs_to(own, signer))
        if "@" in user and own and is_own:
            return True
        return self._writers is not None and await self._writers.may_write(login, author)

    def _signed(
        self, letter: Letter, keys: Sequence[SigningKey], names: Sequence[str], digest: bytes
    ) -> Opinion:
        settings, now = self._settings, int(self._clock())
        expires = now + int(settings.expiry) if settings.expiry else None
        fields = letter.fields
        below = 1 if len(fields) and next(iter(fields)).key == "received" else 0
        for key in keys:
            made = signature_field(letter.fields, digest, key, names, now=now, expires=expires)
            fields = fields.inserted(below, made)
        selectors = " and ".join([key.selector for key in keys])
        words = f"signed for {keys[0].domain} by {selectors}"
        details = {"domain": keys[0].domain, "selector": " ".join([each.selector for each in keys])}
        return Opinion(fields=fields, findings=(Finding("dkim", "signed", words, details),))


def author_domain(fields: Fields) -> str:
    """The domain of the one author that the From field names; empty where that is not clear."""
    return _author(fields).rpartition("@")[2]


async def _read_author(fields: Fields) -> str:
    """As `_author`; a long field in a thread, as it is read for some hundredths of a second."""
    size = sum([len(field.octets) for field in fields.named("from")])
    return _author(fields) if size <= AT_ONCE else await asyncio.to_thread(_author, fields)


def _author(fields: Fields) -> str:
    """The address of the one author; empty where it is not clear who that is."""
    if _is_from_too_long(fields):
        return ""
    found = authors([field.value for field in fields.named("from")])
    return "" if len(found) != 1 or found[0] == UNREADABLE else found[0]


def _is_from_too_long(fields: Fields) -> bool:
    return sum([len(field.octets) for field in fields.named("from")]) > MAX_FROM


def _obstacle(fields: Fields, names: Sequence[str]) -> str:
    """Why a header section cannot be signed as it is; empty: it can."""
    if len(fields.named("from")) > 1:
        return "there is more than one From field"
    if not names:
        return f"it has more than {MOST_NAMES} fields to sign"
    if not is_whole(fields):
        return "there is a bare CR or LF in the header"
    return ""


def _user(letter: Letter) -> str:
    return "" if letter.login is None else letter.login.user


def _unsigned(why: str) -> Opinion:
    return Opinion(findings=(Finding("dkim", "unsigned", f"not signed: {why}"),))
