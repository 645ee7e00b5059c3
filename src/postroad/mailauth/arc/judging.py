"""ARC at the border: a chain's verdict, and whose word is taken.

A chain that passes says who has found what, and nothing more; anybody can seal. So what a server
found is believed only where the operator trusts its domain, and only as far as nobody else can have
changed the message since: all who sealed after it are trusted as well, or its own signature still
holds. What it must have found is that DMARC passed, for the author that the message still names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from postroad.mailauth.arc.chain import ArcSet
from postroad.mailauth.arc.settings import ArcSettings
from postroad.mailauth.arc.verification import ArcVerdict, ArcVerifier
from postroad.mailauth.dkim.result import Result
from postroad.mailauth.dkim.settings import name_of_domain
from postroad.mailauth.evidence import Evidence, Statement
from postroad.mailauth.results.reading import read_payload
from postroad.mailauth.results.result import MethodResult, Property
from postroad.model.letter import Finding, Letter

__all__ = ["ArcJudge", "Voucher", "voucher_of"]


class Voucher(NamedTuple):
    """A sealer's word that is taken.

    Attributes:
        author: the author's domain that passed DMARC there.
        words: the comment for reports (RFC 8617 §7.2.2), in one line.
    """

    author: str
    words: str


class ArcJudge:
    """Implements `Judge`. It stands before DMARC's."""

    method = "arc"

    def __init__(self, settings: ArcSettings, verifier: ArcVerifier) -> None:
        """Take what it needs.

        Args:
            settings: who is trusted.
            verifier: verifies chains.
        """
        self._trusted = frozenset([name_of_domain(each) for each in settings.trusted_sealers])
        self._verifier = verifier

    async def judge(self, letter: Letter, evidence: Evidence) -> Statement:
        """See `Judge.judge`. Of a message without a chain nothing is said."""
        verdict = await self._verifier.verify(evidence.came, letter.body)
        if verdict.result is Result.NONE:
            return Statement()
        # Beside the field that was sealed a stranger may have put another, which is shown.
        has_one_author = len(evidence.came.named("from")) == 1
        voucher = voucher_of(verdict, self._trusted) if has_one_author else None
        address = "" if letter.client is None else letter.client.address
        result = MethodResult(
            "arc",
            verdict.result.value,
            comment=verdict.words,
            properties=_looked_at(verdict, address),
        )
        return Statement((result,), (_finding(verdict, voucher),))

    def late(self, words: str) -> Statement:
        """See `Judge.late`."""
        result = MethodResult(self.method, "temperror", comment=words)
        return Statement((result,), (Finding(self.method, "temperror", words),))


def voucher_of(verdict: ArcVerdict, trusted: frozenset[str]) -> Voucher | None:
    """Whose word is taken, if anybody's.

    Args:
        verdict: of the chain.
        trusted: domains of sealers, in A-labels and lower case.
    """
    if verdict.result is not Result.PASS:
        return None
    is_believed = _covers_author(verdict.sets[-1])
    for each in reversed(verdict.sets):
        holds = each.instance >= verdict.oldest_pass and _covers_author(each)
        is_trusted = each.seal.domain in trusted
        if is_trusted and (is_believed or holds) and (author := _passed(each)):
            return Voucher(author, _words(verdict.sets))
        is_believed = is_believed and is_trusted
    return None


def _covers_author(one: ArcSet) -> bool:
    """Whether the From field is signed: else anybody could have put another one there."""
    return "from" in [name.lower() for name in one.signature.names]


def _passed(one: ArcSet) -> str:
    """The author's domain that passed DMARC, by a set's results; empty: none did."""
    results = read_payload(one.claims)
    if results is None:
        return ""
    found = [each for each in results.results if each.method == "dmarc"]
    if len(found) != 1 or found[0].result != "pass":
        return ""
    return name_of_domain(found[0].value("header", "from").rpartition("@")[2])


def _words(sets: Sequence[ArcSet]) -> str:
    seals = [
        f"as[{each.instance}].d={each.seal.domain} as[{each.instance}].s={each.seal.selector}"
        for each in reversed(sets)
    ]
    return f"arc=pass {' '.join(seals)}"


def _looked_at(verdict: ArcVerdict, address: str) -> tuple[Property, ...]:
    """RFC 8617 §10.1."""
    found = []
    if address:
        found.append(Property("smtp", "remote-ip", address))
    if verdict.result is Result.PASS:
        found.append(Property("header", "oldest-pass", str(verdict.oldest_pass)))
    return tuple(found)


def _finding(verdict: ArcVerdict, voucher: Voucher | None) -> Finding:
    details: Mapping[str, str] = {
        "sets": str(len(verdict.sets)),
        "domain": verdict.sets[-1].seal.domain if verdict.sets else "",
        "vouches": "" if voucher is None else voucher.author,
        "voucher": "" if voucher is None else voucher.words,
    }
    return Finding("arc", verdict.result.value, verdict.words, details)
