"""Ordinary mail of many kinds, made up: newsletters and receipts, machines and telephones, other
languages, lists, invitations, bounces, signed and encrypted mail. Nobody's rule may take it for
spam, in whatever way it comes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from postroad.filters.builtin.appraisal import hits_of
from postroad.model import Address, Client, Envelope
from postroad.model.letter import Finding
from spam_world import CLIENT, case, dkim, dmarc, spf

FOLDER = Path(__file__).parent / "ordinary"
MAIL = sorted(each.stem for each in FOLDER.glob("*.eml"))
NEEDS_UTF8 = ("smtputf8",)
OF_A_PROVIDER = replace(CLIENT, name="192-0-2-7.example.com", reverse_name="192-0-2-7.example.com")


@dataclass(frozen=True)
class Way:
    """How mail comes, and how many points it may have then; 5 is spam."""

    below: float
    findings: tuple[Finding, ...]
    client: Client = CLIENT


WAYS = {
    "verified": Way(3.0, (spf("pass"), dkim("pass"), dmarc("pass"))),
    "nobody vouches": Way(4.0, (spf("none"), Finding("dkim", "none"), dmarc("none"))),
    "a small server": Way(
        4.9, (spf("softfail"), Finding("dkim", "none"), dmarc("none")), OF_A_PROVIDER
    ),
    "forwarded": Way(4.9, (spf("fail"), dkim("fail"), dmarc("fail", "none"))),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
@pytest.mark.parametrize("name", MAIL)
def test_ordinary_mail_is_no_spam(name: str, way: Way) -> None:
    envelope = Envelope(Address("ann", "example.com"), smtputf8=name in NEEDS_UTF8)
    octets = (FOLDER / f"{name}.eml").read_bytes()
    hits = hits_of(
        case(octets, findings=way.findings, client=way.client, envelope=envelope), points={}
    )
    assert sum(each.points for each in hits) < way.below, [each.sentence for each in hits]


def test_there_is_mail_of_many_kinds() -> None:
    assert len(MAIL) > 170
