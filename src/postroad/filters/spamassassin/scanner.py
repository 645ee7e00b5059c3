"""A filter that has spamd score mail.

The daemon's own threshold counts beside ours: what it takes for spam is marked as spam. The refusal
goes by our thresholds only. It is shown a `Return-Path` on top, as it would find one in a mailbox,
so that its rules know the sender; that line is seen by nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from postroad.filters.examining import Examining
from postroad.filters.failure import failed
from postroad.filters.place import Place
from postroad.filters.scoring import NO_WISHES, SCORED, Score, Scoring, Wishes
from postroad.filters.service import ServiceFailed, exchange
from postroad.filters.settings import FilterSettings
from postroad.filters.spamassassin.protocol import MOST_ANSWER, Garbled, read_symbols, request
from postroad.filters.stages import Filter
from postroad.model import Address
from postroad.model.letter import Letter, Opinion
from postroad.spool.reading import pieces

__all__ = ["DEFAULT_PLACE", "Accounts", "SpamAssassin", "build"]

DEFAULT_PLACE = "inet:127.0.0.1:783"


class Accounts(Protocol):
    """Who knows which account has an address."""

    async def account(self, address: Address) -> str:
        """The account's name; empty where it is nobody's, or cannot be known now."""
        ...


def build(
    settings: FilterSettings,
    name: str,
    *,
    wishes: Wishes = NO_WISHES,
    accounts: Accounts | None = None,
) -> Filter:
    """A filter.

    Args:
        settings: `[filters.NAME]`.
        name: how configuration and log name it.
        wishes: knows the thresholds of accounts.
        accounts: knows whose an address is; `None`: nobody does.
    """
    return Examining(name, SpamAssassin(settings, name, wishes=wishes, accounts=accounts))


class SpamAssassin:
    """Implements `Examiner`."""

    def __init__(
        self,
        settings: FilterSettings,
        name: str,
        *,
        wishes: Wishes = NO_WISHES,
        accounts: Accounts | None = None,
    ) -> None:
        """See `build`."""
        self._settings = settings
        self._name = name
        self._place = Place.parse(settings.socket or DEFAULT_PLACE)
        self._scoring = Scoring(name, settings, wishes)
        self._accounts = accounts

    async def examine(self, letter: Letter) -> Opinion:
        """Have a message scored."""
        until = asyncio.get_running_loop().time() + self._settings.timeout * SCORED
        try:
            answer = await self._ask(letter, await self._user(letter))
            found = read_symbols(answer)
        except (ServiceFailed, Garbled) as error:
            return failed(self._name, self._settings.on_failure, str(error))
        score = Score(
            found.points,
            self._settings.junk,
            found.tests,
            is_spam=found.is_spam and found.required <= self._settings.junk,
        )
        return await self._scoring.opinion(letter, score, until=until)

    async def _ask(self, letter: Letter, user: str) -> bytes:
        header = _return_path(letter) + letter.fields.octets + b"\r\n"

        async def question() -> AsyncIterator[bytes]:
            yield request(len(header) + letter.body.size, user) + header
            async for piece in pieces(letter.body):
                yield piece

        return await exchange(self._place, question(), MOST_ANSWER)

    async def _user(self, letter: Letter) -> str:
        """Whose preferences the daemon goes by."""
        usual = self._settings.user
        if not self._settings.user_per_account or len(letter.recipients) != 1:
            return usual
        if self._accounts is None:
            return usual
        user = await self._accounts.account(letter.recipients[0].address)
        return user if user.isascii() and user.isprintable() and user else usual


def _return_path(letter: Letter) -> bytes:
    sender = letter.envelope.sender
    return f"Return-Path: <{'' if sender is None else sender}>\r\n".encode()
