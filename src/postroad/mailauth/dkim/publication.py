"""Whether the record of a key is in the DNS as it should be, and what follows for the key.

A new key signs when its record was seen: before that, every signature would fail. When it begins,
the keys of its domain and kind that signed until then retire. Their records are to stay published
for a while, which is the operator's part. One that signs is looked for now and then: a domain that
moves to another provider easily leaves its records behind.

A record is right when the key in it fits: what is signed with the private half, it verifies. So
other spellings of the same key are right as well.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence

from postroad.mailauth.dkim.key_store import (
    KeptKey,
    KeyGone,
    KeyState,
    KeyStore,
    KeysUnavailable,
)
from postroad.mailauth.dkim.public_key import key_of_records
from postroad.mailauth.dkim.result import Flaw
from postroad.mailauth.dkim.signing_key import SigningKey
from postroad.net.dns_records import DnsTemporary, Texts

__all__ = ["AGAIN", "Publication", "objection"]

AGAIN = 3_600.0
"""Seconds between two looks for the record of a key that signs."""

MOST_AT_ONCE = 200
"""Keys that sign and are looked at in one turn, the longest unseen first: a DNS that is away takes
some seconds for each, and new keys wait meanwhile."""

_PROBE = hashlib.sha256(b"is this record of this key?").digest()
_NO_ANSWER = "the DNS gives no answer at present"


async def objection(texts: Texts, key: SigningKey) -> str:
    """What is wrong with the published record of a key; empty: nothing."""
    try:
        records = await texts.records(key.name, "TXT")
    except DnsTemporary:
        return _NO_ANSWER
    if not records:
        return "no record is published"
    found = key_of_records(records)
    if isinstance(found, Flaw):
        return found.words
    if found.kind != key.kind:
        return f"the record is of a key of another kind ({found.kind})"
    if not found.is_signed(key.sign(_PROBE), _PROBE):
        return "the record is of another key"
    return ""


class Publication:
    """Looks for the records of kept keys."""

    def __init__(self, store: KeyStore, texts: Texts, say: Callable[[str], None]) -> None:
        """Take what it needs.

        Args:
            store: the keys.
            texts: asks for records.
            say: takes a line for the log when a key begins to sign.
        """
        self._store = store
        self._texts = texts
        self._say = say

    async def turn(self, now: float) -> tuple[str, ...]:
        """Look for the records of all keys that wait for it; hourly for those of keys that sign.

        Args:
            now: seconds since the epoch.

        Returns:
            What is wrong, for the log.

        Raises:
            KeysUnavailable: the list cannot be read or written.
        """
        listed = self._store.all()
        pending = [each for each in listed if each.state is KeyState.PENDING]
        active = [each for each in listed if each.state is KeyState.ACTIVE]
        due = [each for each in active if abs(now - each.checked) >= AGAIN]
        due.sort(key=lambda each: each.checked)
        words = [await self._trouble(each) for each in pending]
        words += await self._looked_again(due[:MOST_AT_ONCE])
        return tuple(filter(None, words))

    async def _trouble(self, kept: KeptKey) -> str:
        try:
            await self.look(kept)
        except KeyGone:  # the look at another one took its time
            return ""
        except KeysUnavailable as error:
            return str(error)
        return ""

    async def _looked_again(self, due: Sequence[KeptKey]) -> list[str]:
        """What is wrong with keys that sign; noted together, as a note is a list written anew."""
        found: dict[KeptKey, str] = {}
        unreadable: list[str] = []
        for kept in due:
            try:
                key = await asyncio.to_thread(self._store.key, kept)
            except KeyGone:
                continue
            except KeysUnavailable as error:
                found[kept] = str(error)
                unreadable.append(str(error))
            else:
                found[kept] = await objection(self._texts, key)
        noted = await asyncio.to_thread(self._store.noted, found) if found else ()
        return unreadable + [
            f"{each.name}: {each.words}; the key signs, and its signatures count as bad"
            for each in noted
            if each.state is KeyState.ACTIVE and each.words not in ("", _NO_ANSWER, *unreadable)
        ]

    async def look(self, kept: KeptKey) -> KeptKey:
        """Look for the record of one key; a pending one whose record is right begins to sign.

        Returns:
            The key as it is then; its `words` say what is wrong.

        Raises:
            KeyGone: the key was deleted meanwhile.
            KeysUnavailable: it, or the list, cannot be read or written.
        """
        key = await asyncio.to_thread(self._store.key, kept)
        words = await objection(self._texts, key)
        checked = await asyncio.to_thread(self._store.checked, kept, words)
        if words or checked.state is not KeyState.PENDING:
            return checked
        return await asyncio.to_thread(self._begin, checked)

    def _begin(self, kept: KeptKey) -> KeptKey:
        begun, former = self._store.begin(kept)
        if begun.state is KeyState.ACTIVE:
            self._say(f"{kept.name}: the record is published; the key signs from now on")
        for other in former:
            self._say(f"{other.name}: the key has been replaced and signs no more")
        return begun
