"""What is counted of a message whose author's domain has a policy: the key of the counts. Pure.

Strangers decide what is in most of this: domains, selectors, addresses. So texts are cut and made
of printable characters here, before anything is kept; and what is told to others has no mailbox in
it, of senders or of recipients, only domains.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from postroad.mailauth.dmarc.recording import AuthDkim, Evaluated
from postroad.mailauth.dmarc.result import DmarcResult, Override, Policy
from postroad.model.ip_address import ip_of
from postroad.model.printable import printable
from postroad.reports.dmarc.feedback import DkimResult, Reason, Row, SpfResult

__all__ = ["Observation", "observation"]

MOST_DOMAIN = 253
"""Characters of a domain."""

MOST_SELECTOR = 100
"""Characters of a selector; those in use have some ten."""

MOST_COMMENT = 200
"""Characters of a comment on a reason."""

MOST_SIGNATURES = 10
"""Of one message that are told of. The standard has 100 at the most (RFC 9990 §3.1.3); nobody's
mail has them, but for who would fill a report with them."""

MOST_OF_SIGNATURES = 600
"""Characters of the names in them, of one message. With it what is kept of a message has at most
some 2,500, and seldom 300."""


class Observation(NamedTuple):
    """One message, as far as it matters.

    Attributes:
        domain: where the record was found.
        record: its text.
        found_by: how it was found.
        row: what came of the message.
    """

    domain: str
    record: str
    found_by: Literal["treewalk", "psl"]
    row: Row

    @property
    def in_short(self) -> Observation:
        """Without what strangers can make up any number of: for when there is too much of it."""
        row = self.row
        return self._replace(
            row=row._replace(
                envelope_from="",
                envelope_to="",
                reasons=tuple(dict.fromkeys([Reason(each.kind, "") for each in row.reasons])),
                signatures=(),
                senders=tuple([each._replace(domain="") for each in row.senders]),
            )
        )


def observation(evaluated: Evaluated) -> Observation | None:
    """What is counted of a message; `None`: nothing, as no address is known that it came from.

    Args:
        evaluated: as the judge has it.
    """
    source = _source(evaluated.source_ip)
    if not source:
        return None
    spf = evaluated.spf
    row = Row(
        source,
        _text(evaluated.header_from, MOST_DOMAIN),
        _text(evaluated.envelope_from, MOST_DOMAIN),
        _recipients(evaluated.envelope_to),
        _disposition(evaluated),
        evaluated.dkim_aligned,
        evaluated.spf_aligned,
        tuple([_reason(each) for each in evaluated.overrides]),
        tuple(_signatures(evaluated)),
        () if spf is None else (SpfResult(_text(spf.domain, MOST_DOMAIN), spf.scope, spf.result),),
    )
    return Observation(evaluated.policy_domain, evaluated.record.text, evaluated.found_by, row)


def _source(text: str) -> str:
    """The client's address as it is always written; empty for none."""
    return str(ip_of(text.partition("%")[0]) or "")


def _text(value: str, most: int) -> str:
    return printable(value[:most])


def _recipients(domains: tuple[str, ...]) -> str:
    """Their domain; of several none, as a record has room for one (RFC 9990 §3.1.1.10)."""
    return _text(domains[0], MOST_DOMAIN) if len(domains) == 1 else ""


def _disposition(evaluated: Evaluated) -> str:
    """What was done. `pass` is for what passed where a policy asks for something (RFC 9990)."""
    if evaluated.result is DmarcResult.PASS and evaluated.policy is not Policy.NONE:
        return "pass"
    return evaluated.disposition.value


def _reason(override: Override) -> Reason:
    return Reason(override.kind.value, _text(override.words, MOST_COMMENT))


def _signatures(evaluated: Evaluated) -> Iterator[DkimResult]:
    """Those that count most, first (RFC 9990 §3.1.3); the same one twice tells nothing."""
    room = MOST_OF_SIGNATURES
    ranked = dict.fromkeys(_ranked(evaluated.dkim, evaluated.header_from))
    for each, _ in zip(ranked, range(MOST_SIGNATURES), strict=False):
        room -= len(each.domain) + len(each.selector)
        if room < 0:
            break
        yield each


def _ranked(signatures: Iterable[AuthDkim], author: str) -> Iterable[DkimResult]:
    ranked = sorted(signatures, key=lambda each: _rank(each, author))
    for each in ranked:
        domain, selector = _text(each.domain, MOST_DOMAIN), _text(each.selector, MOST_SELECTOR)
        yield DkimResult(domain.lower(), selector, each.result)


def _rank(signature: AuthDkim, author: str) -> int:
    """Passing and the author's; passing and of a neighbour of the author's; passing; the rest."""
    if signature.result != "pass":
        return 3
    domain = signature.domain.lower()
    if domain == author:
        return 0
    related = domain.endswith(f".{author}") or author.endswith(f".{domain}")
    return 1 if related else 2
