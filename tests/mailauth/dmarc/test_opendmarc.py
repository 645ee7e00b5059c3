"""Our verdicts beside those of the real OpenDMARC; each difference has its reason here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from dkim_signer import Zone
from dmarc_cases import RECORDS, Case, cases
from peers.opendmarc import TRUSTED, Judged, OpenDmarc
from postroad.mailauth.dmarc.evaluation import Evaluator, Witness
from postroad.mailauth.dmarc.settings import DmarcSettings, OrganizationalDomain
from postroad.model.fields import Fields

pytestmark = pytest.mark.peer

CASES = tuple(cases())

REASONS = {
    "strict": "adkim=s and aspf=s: OpenDMARC 1.4.2 counts names below the author's all the same,"
    " and the one above; RFC 7489 §3.1 wants the very domain.",
    "suffix": "a signature of co.uk: OpenDMARC aligns a public suffix with what is below it; it is"
    " nobody's organization (RFC 7489 §3.2).",
    "frob": "a policy that is none: OpenDMARC says permerror and does nothing, we say that there is"
    " no policy (RFC 9989 §4.10.1).",
    "report": "a policy that is none, with rua=: it counts as p=none (RFC 9989 §4.10.1).",
    "version": "v= in lower case, or not the first: no record (RFC 9989 §4.7). OpenDMARC takes it.",
    "loose": "a value that cannot be: as if it were not there (RFC 9989 §4.7). OpenDMARC drops the"
    " record.",
    "bare": "no p=: none, since RFC 9989 §4.7. OpenDMARC follows RFC 7489, where it must be there.",
    "several": "several authors, or one that cannot be read for sure: OpenDMARC says nothing and"
    " lets it pass; we look at each domain.",
    "nobody": "no author: OpenDMARC says nothing, we say permerror.",
    "literal": "an author at an IP address: OpenDMARC looks for its record; we say permerror.",
    "temperror": "the one proof has no answer now: OpenDMARC says fail; we do not refuse what"
    " may be right.",
    "walk": "psd=n: the organization begins there (RFC 9989 §4.10.2); OpenDMARC does not know it.",
}


def reason(case: Case, way: OrganizationalDomain) -> str:
    """Why we may differ; empty where we must not."""
    author = case.author.lower()
    found = (
        ("own.below", "walk" if way == "tree-walk" else ""),
        ("strict.", "strict"),
        ("frob.", "frob"),
        ("report.", "report"),
        ("lower.", "version"),
        ("late.", "version"),
        ("loose.", "loose"),
        ("bare.", "bare"),
        ("bob@", "several"),
        ("example <", "several"),
        ("friends:;", "nobody"),
        ("nobody.example", ""),
        ("nobody", "nobody"),
        ("<>", "nobody"),
        ("[192", "literal"),
    )
    said = next((why for part, why in found if part in author), "")
    if any(domain == "co.uk" for domain, _ in case.dkim):
        return "suffix"
    if "temperror" in case.name:
        return "temperror"
    return said


@pytest.fixture(scope="module")
def theirs() -> Iterator[list[Judged]]:
    peer = OpenDmarc(RECORDS)
    try:
        yield peer.judge([(f"ann@{each.spf[0]}", each.message(TRUSTED)) for each in CASES])
    finally:
        peer.stop()


def ours(case: Case, way: OrganizationalDomain) -> Judged:
    evaluator = Evaluator(DmarcSettings(organizational_domain=way), Zone(RECORDS), b"key")
    header = case.message(TRUSTED).partition(b"\r\n\r\n")[0] + b"\r\n"
    witness = Witness(fields=Fields.of(header), spf=case.verdict, dkim=case.verified)
    verdict = asyncio.run(evaluator.evaluate(witness)).worst
    # Where there is no record it writes p=none.
    known = verdict.published is not None or verdict.result.value == "none"
    return Judged(verdict.result.value, verdict.policy.value if known else "")


@pytest.mark.parametrize("way", ["suffix-list", "tree-walk"])
def test_each_difference_has_a_reason(way: OrganizationalDomain, theirs: list[Judged]) -> None:
    assert len(CASES) >= 100
    met = set()
    for case, their in zip(CASES, theirs, strict=True):
        if ours(case, way) != their:
            why = reason(case, way)
            assert why, f"{case.name}: we say {ours(case, way)}, it says {their}"
            met.add(why)
    assert met == REASONS.keys() - (set() if way == "tree-walk" else {"walk"})


def test_most_agree(theirs: list[Judged]) -> None:
    same = [
        case
        for case, their in zip(CASES, theirs, strict=True)
        if ours(case, "suffix-list") == their
    ]
    assert len(same) >= 90
