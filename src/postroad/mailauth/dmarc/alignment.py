"""Whether what SPF and DKIM have proved is the author's domain (RFC 9989 §4.4).

Strict: it is the very domain. Relaxed: both belong to one organization. An organization's domain is
always above, or equal to, all that belong to it; so what is not below the author's organization
needs no question, and signatures in a stranger's name cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from postroad.mailauth.dkim.result import Result, Verified
from postroad.mailauth.dmarc.discovery import Discovery, Published, TooManyQuestions
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model.address import belongs_to
from postroad.net.dns_records import DnsTemporary

__all__ = ["Alignment", "aligned"]


class Alignment:
    """What is aligned with one author's domain.

    Attributes:
        dkim: whether a signature that passes is.
        spf: whether SPF passes and is.
        unsure: whether something might be that had no answer in time.
    """

    __slots__ = ("dkim", "spf", "unsure")

    def __init__(self, *, dkim: bool = False, spf: bool = False, unsure: bool = False) -> None:
        self.dkim = dkim
        self.spf = spf
        self.unsure = unsure

    @property
    def passes(self) -> bool:
        """Whether the author's domain is proved: one of the two is enough."""
        return self.dkim or self.spf


async def aligned(
    published: Published,
    discovery: Discovery,
    spf: SpfVerdict | None,
    dkim: Sequence[Verified],
    found: Alignment | None = None,
) -> Alignment:
    """Compare what was verified with an author's domain.

    Args:
        published: what holds for that.
        discovery: finds organizations.
        spf: the verdict for the reverse-path, or for HELO with the null one.
        dkim: all signatures.
        found: filled while it goes on, for who breaks it off.
    """
    found = Alignment() if found is None else found
    # Those of the very domain first: they need no question, and no other has to be waited for.
    for name in sorted(
        _names(published, spf, dkim), key=lambda one: one.domain != published.author
    ):
        if name.is_proved and (found.dkim if name.is_signed else found.spf):
            continue
        belongs = await _belongs(published, discovery, name.domain, strict=name.is_strict)
        if belongs and name.is_proved:
            found.dkim |= name.is_signed
            found.spf |= not name.is_signed
        elif belongs is not False:
            found.unsure = True
    return found


class _Name(NamedTuple):
    """A domain that answers for the message, or may do so."""

    domain: str
    is_signed: bool
    is_proved: bool
    is_strict: bool


def _names(
    published: Published, spf: SpfVerdict | None, dkim: Sequence[Verified]
) -> Iterator[_Name]:
    record = published.record
    if spf is not None and spf.result in (SpfResult.PASS, SpfResult.TEMPERROR):
        yield _Name(spf.domain.lower(), False, spf.result is SpfResult.PASS, record.strict_spf)
    for each in dkim:
        if each.counts or each.result is Result.TEMPERROR:
            yield _Name(each.domain.lower(), True, each.counts, record.strict_dkim)


async def _belongs(
    published: Published, discovery: Discovery, domain: str, *, strict: bool
) -> bool | None:
    """Whether a domain is aligned; `None`: nobody knows at present."""
    organization = published.organization
    if domain == published.author:
        return True
    if strict or not belongs_to(domain, organization):
        return False
    try:
        return await discovery.organization(domain) == organization
    except DnsTemporary:
        return None
    except TooManyQuestions:
        return False  # whoever signs under so many long names: it is no proof
