"""What reports on DMARC mean for who owns a domain, and what to do about it. Pure.

The words are for operators. They go by what most of the messages have in common; nobody but the
operator knows which addresses are his own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from postroad.reports.dmarc.summary import About, Source

__all__ = ["Advice", "advice_on", "policy_advice"]

ENOUGH = 100
"""Messages from which on a policy can be thought about."""

MOSTLY = 0.98
"""The part of the messages that has to pass before a stricter policy harms nobody."""

DOUBTFUL = 0.1
"""The part of the messages that may be told of without anybody's word."""

Organization = Callable[[str], str]
"""The organizational domain of a domain."""

_FORWARDERS = ("forwarded", "mailing_list", "trusted_forwarder")
_BROKEN = ("fail", "neutral", "policy", "permerror", "temperror")
_KEPT_OUT = ("reject", "quarantine")


@dataclass(frozen=True, slots=True)
class Advice:
    """About mail from one address.

    Attributes:
        kind: in a word that does not change, for programs.
        meaning: what it is.
        action: what to do.
    """

    kind: str
    meaning: str
    action: str


def advice_on(source: Source, domain: str, organization: Organization) -> Advice:
    """What to think of an address.

    Args:
        source: what was reported about it.
        domain: whose policy it is.
        organization: knows what belongs together.
    """
    if not source.failed:
        return _passing(source, domain)
    if any(each in source.reasons.counts for each in _FORWARDERS):
        return Advice(
            "forwarded",
            "receivers know it for mail that was forwarded, or sent through a list",
            "nothing; mail that is signed survives most forwarding",
        )
    return next(_failing(source, domain, organization), None) or _unknown(source, domain)


def _unknown(source: Source, domain: str) -> Advice:
    """No change of the policy for what is nobody's word, as `policy_advice` has it."""
    if source.unproved > source.messages * DOUBTFUL:
        otherwise = "change nothing for it: that it sent so much is nobody's word"
    elif sum([source.done.counts.get(each, 0) for each in _KEPT_OUT]) >= source.failed:
        otherwise = "it is forged, and your policy has kept it out"
    else:
        otherwise = 'it is forged, and "p=quarantine" or "p=reject" is what keeps it out'
    return Advice(
        "unknown",
        f"nothing proves that it is from {domain}",
        "if the address is yours, name it in the SPF record and sign what it sends; if not,"
        f" {otherwise}",
    )


def _passing(source: Source, domain: str) -> Advice:
    if source.dkim < source.messages:
        return Advice(
            "not-signed",
            f"{source.messages - source.dkim} messages pass by SPF alone, which does not survive"
            " forwarding",
            f"sign what this address sends for {domain} (postroad dkim create, if it is this"
            " server)",
        )
    if source.spf < source.messages:
        return Advice(
            "spf-not-aligned",
            f"{source.messages - source.spf} messages pass by their signature alone: they were"
            f" forwarded, or the return address is not one of {domain}",
            "nothing has to be done; if the server is yours, name it in the SPF record",
        )
    return Advice("fine", "all of it proves where it is from", "nothing")


def _failing(source: Source, domain: str, organization: Organization) -> Iterator[Advice]:
    """The most telling first."""
    own = organization(domain)
    for signer in source.signers.ranking:
        if organization(signer.domain) == own and signer.result in _BROKEN:
            selector = f" (selector {signer.selector})" if signer.selector else ""
            yield Advice(
                "broken-signature",
                f"a signature of {signer.domain}{selector} does not hold: {signer.result}",
                "if the server is yours, compare the published key with the one in use (postroad"
                " dkim check); if it is another's, a list or a filter changed the mail, which is"
                " not yours to mend",
            )
    for signer in source.signers.ranking:
        if signer.result == "pass" and organization(signer.domain) != own:
            yield Advice(
                "signed-by-other",
                f"it is signed by {signer.domain}, and not by {domain}",
                f"if you send through that service, have it sign as {domain}; if not, it is"
                " somebody else's, who writes your domain as the author's",
            )
    for name, result in source.senders.ranking:
        if organization(name) == own and result in ("permerror", "temperror"):
            yield Advice(
                "spf-error",
                f"the SPF record of {name} could not be evaluated: {result}",
                "see what is wrong with it (postroad spf check)",
            )
    for name, result in source.senders.ranking:
        if result == "pass" and organization(name) != own:
            yield Advice(
                "sent-for-other",
                f"its return address is one of {name}, for which it may send, and it has no"
                f" signature of {domain}",
                f"if you send through that service, have it sign as {domain}; if not, it was"
                " forwarded, or is forged",
            )


def policy_advice(about: About) -> str:
    """What to think of a domain's policy; empty: nothing.

    Args:
        about: what was reported.
    """
    messages, policy = about.messages, about.published.policy
    unproved = sum([each.unproved for each in about.sources.values()])
    if unproved > messages * DOUBTFUL:
        return (
            f"{unproved} of the messages are told of by reports that are nobody's word: do not"
            " change a policy for them"
        )
    if messages < ENOUGH or policy not in ("none", "quarantine"):
        return ""
    stricter = {"none": "quarantine", "quarantine": "reject"}[policy]
    if about.passed >= messages * MOSTLY:
        return f'nearly all mail passes: if none of the rest is yours, "p={stricter}" is safe'
    return f'look at what fails, and mend what is yours, before you change to "p={stricter}"'
