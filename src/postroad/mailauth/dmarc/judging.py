"""DMARC at the border: an evaluation, as the border wants it.

What is told in Authentication-Results and to the history, the reply to a message that is refused,
the mark on one that is to be filed as junk, and the record for the reports. In that order: what is
said of a message is said whether or not anything is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from postroad.mailauth.dkim.result import Result, Verified
from postroad.mailauth.dmarc.evaluation import Evaluation, Evaluator, Verdict, Witness
from postroad.mailauth.dmarc.recording import AuthDkim, AuthSpf, DmarcRecorder, Evaluated
from postroad.mailauth.dmarc.result import DmarcResult, Policy
from postroad.mailauth.dmarc.settings import OnTemperror
from postroad.mailauth.evidence import Evidence, Statement
from postroad.mailauth.results.result import MethodResult, Property
from postroad.mailauth.spf.result import SpfVerdict
from postroad.model import Reply
from postroad.model.letter import Finding, Letter

__all__ = ["JUNK", "DmarcJudge", "comment", "finding", "refusal"]

JUNK = b"X-Spam-Flag: YES\r\n"
"""The mark that mail is filed by, here and by most mail stores' rules."""

MOST_DOMAINS = 100
"""Domains of recipients that a report may name; a message has seldom more than one here."""


class DmarcJudge:
    """Implements `Judge`."""

    method = "dmarc"

    def __init__(
        self,
        evaluator: Evaluator,
        *,
        on_temperror: OnTemperror,
        clock: Callable[[], float],
        recorder: DmarcRecorder | None = None,
    ) -> None:
        """Take what it needs.

        Args:
            evaluator: evaluates.
            on_temperror: what becomes of mail without an answer.
            clock: seconds since the epoch.
            recorder: keeps what reports are made of; `None`: there are none.
        """
        self._evaluator = evaluator
        self._on_temperror = on_temperror
        self._clock = clock
        self._recorder = recorder

    async def judge(self, letter: Letter, evidence: Evidence) -> Statement:
        """See `Judge.judge`. It goes by what ARC's judge has said before."""
        witness = Witness(
            fields=evidence.came,
            address="" if letter.client is None else letter.client.address,
            spf=evidence.spf,
            helo=evidence.helo,
            dkim=evidence.dkim,
            vouched=tuple(_vouched(evidence.statements)),
        )
        evaluation = await self._evaluator.evaluate(witness)
        reply = self._reply(evaluation)
        recorder = self._recorder
        if recorder is not None and recorder.wants([each.address for each in letter.recipients]):
            for verdict in evaluation.verdicts:
                if (evaluated := _evaluated(verdict, letter, witness, self._clock())) is not None:
                    recorder.record(evaluated)
        quarantined = evaluation.worst.disposition is Policy.QUARANTINE
        return Statement(
            results=_results(evaluation),
            findings=tuple([finding(each) for each in _by_weight(evaluation)]),
            reply=reply,
            fields=(JUNK,) if quarantined else (),
        )

    def late(self, words: str) -> Statement:
        """See `Judge.late`. An evaluation bounds itself: here it is we who have no time."""
        waits = self._evaluator.enforces or self._on_temperror == "defer"
        return Statement(
            results=(MethodResult("dmarc", "temperror", comment=words),),
            findings=(Finding("dmarc", "temperror", words),),
            reply=_deferral("its author") if waits else None,
        )

    def _reply(self, evaluation: Evaluation) -> Reply | None:
        if evaluation.worst.disposition is Policy.REJECT:
            return refusal(evaluation.worst)
        for verdict in evaluation.verdicts:
            # Another author's failure without consequence makes this one no surer.
            if verdict.result is DmarcResult.TEMPERROR:
                is_refused = verdict.awaited is Policy.REJECT
                if is_refused or self._on_temperror == "defer":
                    return _deferral(verdict.author)
        return None


def _deferral(author: str) -> Reply:
    """RFC 9989 §7.2: a 4yx reply; 4.7.26 would say that it fails."""
    return Reply.of(451, "4.7.0", f"Cannot verify now that the message is from {author}")


def refusal(verdict: Verdict) -> Reply:
    """The reply to a message that is refused (RFC 7372 §3.3, RFC 9989 §5.3.6)."""
    if verdict.published is None:
        return Reply.of(550, "5.7.1", f"Message rejected: {verdict.words}")
    words = f"Message rejected due to the DMARC policy of {verdict.published.domain}"
    # Either may pass, for another domain.
    return Reply.of(550, "5.7.26", f"{words}: neither SPF nor DKIM proves its author")


def comment(verdict: Verdict) -> str:
    """What stands behind the result in Authentication-Results, for people."""
    if verdict.published is None:
        return verdict.words
    said = verdict.published
    parts = [f"p={verdict.policy.value}"]
    if said.is_below:
        parts.append(f"by {said.domain}")
    if verdict.result is DmarcResult.FAIL or verdict.disposition is not Policy.NONE:
        parts.append(f"dis={verdict.disposition.value}")
        parts += [each.kind.value for each in verdict.overrides]
    return " ".join(parts)


def finding(verdict: Verdict) -> Finding:
    """The same for the history, and for examiners that come later."""
    details = {
        "domain": verdict.author,
        "policy": verdict.policy.value if verdict.published is not None else "",
        "disposition": verdict.disposition.value,
        "override": " ".join([each.kind.value for each in verdict.overrides]),
    }
    return Finding("dmarc", verdict.result.value, _sentence(verdict), details)


def _sentence(verdict: Verdict) -> str:
    """One line for an operator."""
    if verdict.result is DmarcResult.TEMPERROR and verdict.awaited is not Policy.NONE:
        waits = "it is to come again" if verdict.awaited is Policy.REJECT else "it is filed as junk"
        return f"{verdict.words}; without an answer, {verdict.awaited.value} would hold: {waits}"
    if verdict.result is not DmarcResult.FAIL:
        return verdict.words
    asked = (
        f"; {verdict.published.domain} asks for {verdict.policy.value}"
        if (verdict.published is not None)
        else ""
    )
    if verdict.overrides:
        reasons = "; ".join([f"{each.kind.value}: {each.words}" for each in verdict.overrides])
        return f"{verdict.words}{asked}; done is {verdict.disposition.value} ({reasons})"
    return f"{verdict.words}{asked}"


def _by_weight(evaluation: Evaluation) -> Iterable[Verdict]:
    """The verdicts, the one that decides last: a finding's name stands for the latest."""
    yield from [each for each in evaluation.verdicts if each is not evaluation.worst]
    yield evaluation.worst


def _results(evaluation: Evaluation) -> tuple[MethodResult, ...]:
    """One for each author's domain (RFC 8601 §2.7.2, RFC 7489 §11.1: `header.from`)."""
    return tuple(
        [
            MethodResult(
                "dmarc",
                each.result.value,
                comment=comment(each),
                properties=(Property("header", "from", each.author),) if each.author else (),
            )
            for each in evaluation.verdicts
        ]
    )


def _vouched(statements: Sequence[Statement]) -> Iterable[tuple[str, str]]:
    """What ARC's judge has found a trusted sealer to say."""
    for statement in statements:
        for each in statement.findings:
            if each.by == "arc" and each.details.get("vouches"):
                yield each.details["vouches"], each.details.get("voucher", each.words)


def _evaluated(verdict: Verdict, letter: Letter, witness: Witness, now: float) -> Evaluated | None:
    """For the reports: of domains that have a record, and only what is sure."""
    said = verdict.published
    if said is None or verdict.result not in (DmarcResult.PASS, DmarcResult.FAIL):
        return None
    sender = letter.envelope.sender
    recipients = [each.address.domain.lower() for each in letter.recipients]
    return Evaluated(
        at=now,
        source_ip=witness.address,
        header_from=verdict.author,
        envelope_from="" if sender is None else sender.domain.lower(),
        envelope_to=tuple(dict.fromkeys(recipients))[:MOST_DOMAINS],
        policy_domain=said.domain,
        record=said.record,
        found_by=said.found_by,
        policy=verdict.policy,
        result=verdict.result,
        dkim_aligned=verdict.dkim_aligned,
        spf_aligned=verdict.spf_aligned,
        disposition=verdict.disposition,
        overrides=verdict.overrides,
        dkim=tuple(_auth_dkim(witness.dkim)),
        spf=None if witness.spf is None else _auth_spf(witness.spf),
    )


def _auth_dkim(verified: Sequence[Verified]) -> Iterable[AuthDkim]:
    for each in verified:
        if each.domain:
            result = each.result if each.result is not Result.NONE else Result.NEUTRAL
            yield AuthDkim(each.domain, each.selector, result.value, each.words)


_SCOPES: Mapping[str, Literal["mfrom", "helo"]] = {"mailfrom": "mfrom", "helo": "helo"}


def _auth_spf(verdict: SpfVerdict) -> AuthSpf:
    return AuthSpf(verdict.domain, _SCOPES[verdict.identity], verdict.result.value, verdict.reason)
