"""Whether what SPF and DKIM have proved is the author's domain (RFC 9989 §4.4).

Strict: it is the very domain. Relaxed: both belong to one organization. An organization's domain is
always above, or equal to, all that belong to it; so what is not below the author's organization
needs no question, and signatures in a stranger's name cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from postroad.mailauth.dkim.result import Result, Verified
from postroad.mailauth.dmarc.discovery import Discovery, Published, TooManyQuestions
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
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
) -> Alignment:
    """Compare what was verified with an author's domain.

    Args:
        published: what holds for that.
        discovery: finds organizations.
        spf: the verdict for the reverse-path, or for HELO with the null one.
        dkim: all signatures.
    """
    found = Alignment()
    record = published.record
    if spf is not None and spf.result in (SpfResult.PASS, SpfResult.TEMPERROR):
        belongs = await _belongs(published, discovery, spf.domain, strict=record.strict_spf)
        found.spf = belongs is True and spf.result is SpfResult.PASS
        found.unsure |= belongs is None or (belongs and spf.result is SpfResult.TEMPERROR)
    for each in dkim:
        if not each.counts and each.result is not Result.TEMPERROR:
            continue
        belongs = await _belongs(published, discovery, each.domain, strict=record.strict_dkim)
        found.dkim |= belongs is True and each.counts
        found.unsure |= belongs is None or (belongs and not each.counts)
    return found


async def _belongs(
    published: Published, discovery: Discovery, domain: str, *, strict: bool
) -> bool | None:
    """Whether a domain is aligned; `None`: nobody knows at present."""
    name, organization = domain.lower(), published.organization
    if name == published.author:
        return True
    if strict or not (name == organization or name.endswith(f".{organization}")):
        return False
    try:
        return await discovery.organization(name) == organization
    except DnsTemporary:
        return None
    except TooManyQuestions:
        return False  # whoever signs under so many long names: it is no proof
