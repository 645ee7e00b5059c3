"""Our border: what is verified of mail from outside, in which order, and the fields that tell it.

SPF and DKIM are verified side by side, then the judges are asked one after the other. What is not
known in time is a temporary error. Each judge has time of its own: a stranger whose DNS is slow
uses up the time for his own names, and not that for the policy of the author he names.
The results stand above our Received field, under our name (RFC 8601 §4); whatever came in with our
name on it is forged and goes, as nobody behind us could tell it from ours (§5). Results of other
servers stay: they are theirs, and signatures may cover them.

Mail of our users is not verified, as it is ours; but they may not forge our results either. Mail
from another server of ours was verified there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from postroad.mailauth.dkim.result import Result, Verified
from postroad.mailauth.evidence import Evidence, Judge, Statement
from postroad.mailauth.results.claiming import unforged
from postroad.mailauth.results.result import AuthenticationResults, MethodResult, Property
from postroad.mailauth.results.writing import received_spf, written
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model import Client, Content
from postroad.model.fields import Field, Fields
from postroad.model.letter import NO_OPINION, Finding, Letter, Opinion, Origin

__all__ = ["SPAM_FIELDS", "Border", "Customs"]

SPAM_FIELDS = frozenset({"x-spam-flag", "x-spam-score", "x-spam-level", "x-spam-status"})
"""What filters of ours say of spam, and what mail is sorted by: not a stranger's to say."""

_LATE = "there was no answer in time"

JUDGING = 10.0
"""Seconds for each judge: some questions to the DNS, one after the other."""


class Senders(Protocol):
    """Who knows SPF; `spf.checking.SpfChecker` does."""

    async def spf(self, address: str, sender: str, helo: str) -> SpfVerdict:
        """Whether a client may send; an empty sender asks for the name in HELO."""
        ...


class Signatures(Protocol):
    """Who verifies signatures; `dkim.verification.Verifier` does."""

    async def verify(
        self, fields: Fields, body: Content, patience: float | None = None
    ) -> tuple[Verified, ...]:
        """One for each signature, within so many seconds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Customs:
    """What holds at the border.

    Attributes:
        authserv_id: the name that our results stand under.
        timeout: seconds for SPF and DKIM.
        judging: seconds for each judge after that.
        verifies: whether anything is verified; else only what is forged goes.
        skips: whether a client's IP address is not asked for SPF.
        names_clients: whether clients' names are looked up, so that they can be told.
        removed: names of fields, in lower case, that strangers may not write.
    """

    authserv_id: str
    timeout: float = 30.0
    judging: float = JUDGING
    verifies: bool = True
    skips: Callable[[str], bool] = lambda _: False
    names_clients: bool = True
    removed: frozenset[str] = frozenset()


class Border:
    """Verifies mail from outside; implements `Examiner`."""

    def __init__(
        self,
        customs: Customs,
        senders: Senders,
        signatures: Signatures,
        judges: Sequence[Judge] = (),
    ) -> None:
        """A border.

        Args:
            customs: what holds there.
            senders: knows SPF.
            signatures: verifies DKIM.
            judges: who goes by their results, in order.
        """
        self._customs = customs
        self._senders = senders
        self._signatures = signatures
        self._judges = tuple(judges)

    async def examine(self, letter: Letter) -> Opinion:
        """Verify a message from outside, and write down what was found."""
        if letter.origin is Origin.OUTSIDE:
            if self._customs.verifies:
                return await self._verify(letter)
            return self._cleaned(letter, self._customs.removed)
        if letter.origin is Origin.OURS and letter.login is not None:
            return self._cleaned(letter, frozenset())
        return NO_OPINION

    def _cleaned(self, letter: Letter, removed: frozenset[str]) -> Opinion:
        above, came = _parted(letter.fields)
        kept = self._without_forged(came, removed)
        return Opinion(fields=Fields((*above, *kept))) if len(kept) < len(came) else NO_OPINION

    async def _verify(self, letter: Letter) -> Opinion:
        above, came = _parted(letter.fields)
        (spf, helo), dkim = await asyncio.gather(
            self._spf(letter), self._dkim(Fields(tuple(came)), letter.body)
        )
        evidence = Evidence(came=Fields(tuple(came)), spf=spf, helo=helo, dkim=dkim)
        for judge in self._judges:
            statement = await _judged(judge, letter, evidence, self._customs.judging)
            evidence = replace(evidence, statements=(*evidence.statements, statement))
        return self._opinion(letter, above, evidence)

    def _opinion(self, letter: Letter, above: Sequence[Field], evidence: Evidence) -> Opinion:
        statements = evidence.statements
        findings = (
            *_findings(evidence),
            *(found for each in statements for found in each.findings),
        )
        reply = next((each.reply for each in statements if each.reply is not None), None)
        if reply is not None:
            return Opinion(reply=reply, findings=findings)
        kept = self._without_forged(evidence.came, self._customs.removed)
        fields = Fields((*above, *kept)).above(*self._written(letter, above, evidence))
        hold = next((each.hold for each in statements if each.hold), "")
        return Opinion(fields=fields, hold=hold, findings=findings)

    def _written(
        self, letter: Letter, above: Sequence[Field], evidence: Evidence
    ) -> Iterable[bytes]:
        """Our fields, from the top."""
        name = self._customs.authserv_id
        results = (
            *self._of_client(letter.client),
            *_of_spf(evidence),
            *_of_dkim(evidence.dkim),
            *evidence.results,
        )
        utf8 = letter.envelope.smtputf8
        yield written(AuthenticationResults(name, results), utf8=utf8)
        # A policy service may have had one prepended (policyd-spf does).
        if evidence.spf is not None and all(field.key != "received-spf" for field in above):
            yield received_spf(evidence.spf, name, letter.hello, utf8=utf8)
        for statement in evidence.statements:
            yield from statement.fields

    def _without_forged(self, came: Iterable[Field], removed: frozenset[str]) -> list[Field]:
        name = self._customs.authserv_id
        return [field for field in unforged(came, name) if field.key not in removed]

    async def _spf(self, letter: Letter) -> tuple[SpfVerdict | None, SpfVerdict | None]:
        """For the reverse-path and for the name in HELO (RFC 7208 §2.3, §2.4)."""
        client = letter.client
        if client is None or not client.has_address or self._customs.skips(client.address):
            return None, None
        sender = "" if letter.envelope.sender is None else str(letter.envelope.sender)
        by_helo = self._one_spf(client.address, "", letter.hello)
        if not sender:
            return await by_helo, None
        by_sender = self._one_spf(client.address, sender, letter.hello)
        mail_from, helo = await asyncio.gather(by_sender, by_helo)
        return mail_from, helo

    async def _one_spf(self, address: str, sender: str, helo: str) -> SpfVerdict:
        try:
            async with asyncio.timeout(self._customs.timeout):
                return await self._senders.spf(address, sender, helo)
        except TimeoutError:
            return SpfVerdict(
                result=SpfResult.TEMPERROR,
                identity="mailfrom" if sender else "helo",
                domain=(sender.rpartition("@")[2] or helo).lower(),
                address=address,
                sender=sender or f"postmaster@{helo}",
                reason=_LATE,
            )

    async def _dkim(self, came: Fields, body: Content) -> tuple[Verified, ...]:
        return await self._signatures.verify(came, body, self._customs.timeout)

    def _of_client(self, client: Client | None) -> Iterable[MethodResult]:
        """Whether the client's address has a name that has the address (RFC 8601 §3)."""
        if client is None or not client.has_address or not self._customs.names_clients:
            return
        if client.name != "unknown":
            result, name = "pass", client.name
        elif client.name_unsure or client.reverse_unsure:
            result, name = "temperror", ""
        elif client.reverse_name != "unknown":
            result, name = "fail", client.reverse_name
        else:
            result, name = "permerror", ""
        looked_at = (Property("policy", "iprev", client.address),)
        yield MethodResult("iprev", result, comment=name, properties=looked_at)


def _parted(fields: Fields) -> tuple[list[Field], list[Field]]:
    """What we have put on top, which ends with our Received field, and the rest as it came."""
    row = list(fields)
    end = next((at for at, field in enumerate(row) if field.key == "received"), -1) + 1
    return row[:end], row[end:]


async def _judged(judge: Judge, letter: Letter, evidence: Evidence, patience: float) -> Statement:
    try:
        async with asyncio.timeout(patience):
            return await judge.judge(letter, evidence)
    except TimeoutError:
        return judge.late(_LATE)


def _findings(evidence: Evidence) -> Iterable[Finding]:
    for verdict in (evidence.spf, evidence.helo):
        if verdict is not None and _is_worth_telling(verdict, evidence):
            yield verdict.finding
    for verified in evidence.dkim:
        yield verified.finding
    if not evidence.dkim:
        yield Finding("dkim", "none", "the message has no signature")


def _is_worth_telling(verdict: SpfVerdict, evidence: Evidence) -> bool:
    """The name in HELO says nothing mostly, and then it is left out beside the reverse-path."""
    return verdict is evidence.spf or verdict.result is not SpfResult.NONE


def _of_spf(evidence: Evidence) -> Iterable[MethodResult]:
    for verdict in (evidence.spf, evidence.helo):
        if verdict is not None and _is_worth_telling(verdict, evidence):
            looked_at = (
                Property("smtp", "mailfrom", verdict.sender)
                if verdict.identity == "mailfrom"
                else Property("smtp", "helo", verdict.domain)
            )
            yield MethodResult(
                "spf", verdict.result.value, comment=verdict.sentence, properties=(looked_at,)
            )


def _of_dkim(verified: Sequence[Verified]) -> Iterable[MethodResult]:
    """RFC 8601 §2.7.1, and header.s and header.a of RFC 8601 appendix D's registry."""
    if not verified:
        yield MethodResult("dkim", "none", comment="no signature")
    for each in verified:
        size = f"{each.key_bits}-bit key" if each.key_bits else ""
        looked_at = [
            ("d", each.domain),
            ("i", each.identity),
            ("s", each.selector),
            ("a", each.algorithm),
            ("b", each.beginning),
        ]
        yield MethodResult(
            "dkim",
            each.result.value if each.result is not Result.NONE else "neutral",
            comment="; ".join(filter(None, (size, each.words))),
            properties=tuple([Property("header", name, text) for name, text in looked_at if text]),
        )
