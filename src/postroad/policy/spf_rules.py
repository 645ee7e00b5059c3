"""Restrictions that go by SPF: whether the client may send for the domains that it names.

The verdicts are somebody else's (`facts.Senders`); here is what follows from them, as policyd-spf
has it and in its words, since operators and log readers know those. They refuse or have no opinion;
the field in the message is written by who examines it.
"""

from __future__ import annotations

from dataclasses import replace

from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.mailauth.spf.settings import SpfSettings
from postroad.policy.answer import Action, Answer, defer_if_permit, dunno, refuse
from postroad.policy.context import Context
from postroad.policy.facts import Facts, LookupUnavailable, Oracle, RecordType
from postroad.policy.networks import Networks
from postroad.policy.restriction import Check

__all__ = ["check_spf", "reject_spf_fail"]

_KNOWN = dunno("who is trusted or has logged in is not asked for SPF")
_NO_SENDER = dunno("no sender is known")
_SKIPPED = dunno("the client is in [spf] skip_addresses")
_NO_IDENTITY = dunno("[spf] asks for no identity that the client gave")

_REFUSED: dict[str, frozenset[SpfResult]] = {
    "never": frozenset(),
    "null": frozenset({SpfResult.FAIL}),
    "fail": frozenset({SpfResult.FAIL}),
    "softfail": frozenset({SpfResult.FAIL, SpfResult.SOFTFAIL}),
    "not_pass": frozenset({SpfResult.FAIL, SpfResult.SOFTFAIL, SpfResult.NEUTRAL}),
}

_WORDS = {
    SpfResult.FAIL: "SPF fail - not authorized",
    SpfResult.SOFTFAIL: "domain owner discourages use of this host",
    SpfResult.NEUTRAL: "access neither permitted nor denied",
    SpfResult.PERMERROR: "SPF Permanent Error",
    SpfResult.TEMPERROR: "SPF Temporary Error",
}
"""What policyd-spf says of a result, by its library pyspf."""


def check_spf(_argument: str, context: Context) -> Check:
    """SPF by `[spf]`."""
    return _check(context.spf)


def reject_spf_fail(_argument: str, context: Context) -> Check:
    """SPF's `fail` of the sender's domain, or of the name in HELO for the null sender, only."""
    settings = replace(
        context.spf,
        mail_from_reject="fail",
        helo_reject="null",
        permerror_reject=False,
        temperror_defer=False,
    )
    return _check(settings)


def _check(settings: SpfSettings) -> Check:
    skipped = Networks(settings.skip_addresses)
    forwarders = _Forwarders(settings)

    async def check(facts: Facts, oracle: Oracle) -> Answer:
        client = facts.client
        if facts.login is not None or facts.trusted or not client.has_address:
            return _KNOWN
        if not facts.mail:
            return _NO_SENDER
        if skipped.contains(client.address):
            return _SKIPPED
        known, unsure = await forwarders.find(facts, oracle)
        if known is not None:
            return known
        answer = await _judge(settings, facts, oracle)
        if unsure and answer.action is Action.REJECT:
            words = "Message deferred due to: SPF Temporary Error. Please try again later"
            why = f"{answer.why}, unless it comes from {unsure}, which nobody knows now"
            return defer_if_permit(why, "4.7.24", words, code=451)
        return answer

    return check


async def _judge(settings: SpfSettings, facts: Facts, oracle: Oracle) -> Answer:
    """The name in HELO first, then the sender (RFC 7208 §2.3)."""
    client, answer = facts.client.address, _NO_IDENTITY
    sender = "" if facts.sender is None else str(facts.sender)
    by_helo = settings.helo_reject
    if facts.helo and by_helo != "never" and (by_helo != "null" or not sender):
        verdict = await oracle.senders.spf(client, "", facts.helo)
        answer = _answer(verdict, _REFUSED[by_helo], settings, facts)
        if answer.refusal is not None:
            return answer
    if sender and settings.mail_from_reject != "never":
        verdict = await oracle.senders.spf(client, sender, facts.helo)
        answer = _answer(verdict, _REFUSED[settings.mail_from_reject], settings, facts)
    return answer


def _answer(
    verdict: SpfVerdict, refused: frozenset[SpfResult], settings: SpfSettings, facts: Facts
) -> Answer:
    """What follows from a verdict. The codes are RFC 7372 §3.2's."""
    why, result = verdict.sentence, verdict.result
    if result in refused:
        return refuse(why, 550, "5.7.23", _words("rejected", verdict, facts))
    if result is SpfResult.PERMERROR and settings.permerror_reject:
        return refuse(why, 550, "5.7.24", _words("rejected", verdict, facts))
    if result is SpfResult.TEMPERROR and settings.temperror_defer:
        return defer_if_permit(why, "4.7.24", _words("deferred", verdict, facts), code=451)
    return dunno(f"SPF says {result.value}: {why}")


def _words(done: str, verdict: SpfVerdict, facts: Facts) -> str:
    """policyd-spf's text. What a domain says itself is named as what it is (RFC 7208 §6.2)."""
    said = _WORDS[verdict.result]
    if verdict.explanation:
        said = f"{said}. {verdict.domain} explains: {verdict.explanation.rstrip('.')}"
    elif verdict.reason:
        said = f"{said}: {verdict.reason}"
    scope, identity = (
        ("helo", facts.helo) if verdict.identity == "helo" else ("mfrom", facts.sender)
    )
    domain = "<UNKNOWN>" if facts.recipient is None else facts.recipient.domain
    url = f"http://www.openspf.net/Why?s={scope};id={identity};ip={verdict.address};r={domain}"
    return f"Message {done} due to: {said}. Please see {url}"


class _Forwarders:
    """Those whose mail is not theirs, and fails SPF though nothing is wrong with it."""

    __slots__ = ("_domains", "_names")

    def __init__(self, settings: SpfSettings) -> None:
        self._domains = settings.domain_whitelist
        self._names = frozenset([name.lower().rstrip(".") for name in settings.helo_whitelist])

    async def find(self, facts: Facts, oracle: Oracle) -> tuple[Answer | None, str]:
        """Why the client is not asked for SPF; `None`: it is. And which of them it may be."""
        address, unsure = facts.client.address, ""
        helo = facts.helo.lower().rstrip(".")
        if helo in self._names:
            has = await _has(helo, address, oracle)
            if has:
                return dunno(f"the client is {helo}, which is in [spf] helo_whitelist"), ""
            unsure = helo if has is None else ""
        for domain in self._domains:
            verdict = await oracle.senders.spf(address, f"postmaster@{domain}", domain)
            if verdict.result is SpfResult.PASS:
                return dunno(f"the client may send for {domain} of [spf] domain_whitelist"), ""
            if verdict.result is SpfResult.TEMPERROR:
                unsure = domain
        return None, unsure


async def _has(name: str, address: str, oracle: Oracle) -> bool | None:
    """Whether a name has the address; `None`: the DNS does not tell."""
    kind: RecordType = "AAAA" if ":" in address else "A"
    try:
        return address in await oracle.names.records(name, kind)
    except LookupUnavailable:
        return None
