"""What is done while a name has no answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from dmarc_witness import BANK, Records, signed, spf, verdict, witness
from postroad.mailauth.dkim.result import Result
from postroad.mailauth.dmarc.evaluation import Evaluator, Witness
from postroad.mailauth.dmarc.result import DmarcResult, Policy
from postroad.mailauth.dmarc.settings import DmarcSettings
from postroad.mailauth.spf.result import SpfResult
from postroad.net.dns_records import RecordType


@pytest.mark.parametrize(
    ("one", "slow"),
    [
        (witness(), "_dmarc.bank.example"),
        (witness("ann@x.bank.example"), "_dmarc.bank.example"),
        (witness(spf=spf("bank.example", SpfResult.TEMPERROR)), ""),
        (witness(dkim=(signed("x.bank.example", Result.TEMPERROR),)), ""),
        (witness(dkim=(signed("x.bank.example"),)), "_dmarc.x.bank.example"),
    ],
)
def test_temporary_errors(one: Witness, slow: str) -> None:
    records = Records(BANK)
    records.slow = {slow}
    found = verdict(one, records)
    assert (found.result, found.disposition) == (DmarcResult.TEMPERROR, Policy.NONE)
    assert found.awaited is (Policy.NONE if slow == "_dmarc.bank.example" else Policy.REJECT)
    stranger = replace(one, dkim=(signed("bank.example"),))
    assert slow or verdict(stranger, records).result is DmarcResult.PASS


class Hanging(Records):
    """Some names have no answer, ever."""

    async def records(self, name: str, kind: RecordType) -> tuple[str, ...]:
        if name.endswith(("evil.example", "lame.bank.example")):
            await asyncio.Event().wait()
        return await super().records(name, kind)


LAME = [
    ("ann@bank.example", {"dkim": (signed("lame.bank.example", Result.TEMPERROR),)}),
    ("ann@bank.example", {"dkim": (signed("lame.bank.example"),)}),
    ("ann@bank.example", {"spf": spf("lame.bank.example", SpfResult.TEMPERROR)}),
    ("ann@bank.example", {"dkim": (signed("bank.example", Result.TEMPERROR),)}),
    ("ann@lame.bank.example", {}),
    ("ann@x.lame.bank.example", {"spf": spf("evil.example")}),
]


@pytest.mark.parametrize("way", ["tree-walk", "suffix-list"])
@pytest.mark.parametrize("hangs", [True, False])
@pytest.mark.parametrize(("author", "known"), LAME)
@pytest.mark.parametrize("asked", [Policy.REJECT, Policy.QUARANTINE, Policy.NONE])
def test_a_name_without_an_answer_is_no_way_around_a_policy(
    asked: Policy, author: str, known: dict, hangs: bool, way: str
) -> None:
    published = {"_dmarc.bank.example": f"v=DMARC1; p={asked.value}"}
    records = Hanging(published) if hangs else Records(published)
    records.slow = {"_dmarc.lame.bank.example", "_dmarc.x.lame.bank.example"}
    if way == "suffix-list" and author == "ann@bank.example" and known == LAME[1][1]:
        return  # the list knows without a question that it passes
    evaluator = Evaluator(DmarcSettings(organizational_domain=way), records, b"key", patience=0.04)
    found = asyncio.run(evaluator.evaluate(witness(author, **known))).worst
    assert (found.result, found.awaited) == (DmarcResult.TEMPERROR, asked)
    junk = asked is Policy.QUARANTINE
    assert found.disposition is (Policy.QUARANTINE if junk else Policy.NONE)


@pytest.mark.parametrize(
    ("author", "known", "settings"),
    [
        ("ann@bank.example", {"spf": spf("bank.example")}, {}),
        ("ann@bank.example", {"dkim": (signed("lame.bank.example"), signed("bank.example"))}, {}),
        ("ann@lame.bank.example", {"dkim": (signed("bank.example"),)}, {}),
        ("ann@lame.bank.example", {"spf": spf("lame.bank.example")}, {}),
        ("ann@lame.bank.example", {}, {"forwarders": ("192.0.2.7",)}),
        ("ann@lame.bank.example", {}, {"enforce": False}),
    ],
)
def test_good_mail_waits_for_no_name_without_an_answer(
    author: str, known: dict, settings: dict
) -> None:
    evaluator = Evaluator(DmarcSettings(**settings), Hanging(BANK), b"key", patience=0.04)
    one = witness(author, **{"dkim": (signed("lame.bank.example"),), **known})
    if author != "ann@bank.example":
        one = replace(one, dkim=known.get("dkim", ()))
    found = asyncio.run(evaluator.evaluate(one)).worst
    assert (found.disposition, found.awaited) == (Policy.NONE, Policy.NONE)
    assert found.result is not DmarcResult.FAIL


def test_the_list_asks_no_further_than_the_first_record() -> None:
    records = Records({"_dmarc.x.bank.example": "v=DMARC1; p=reject"})
    records.slow = {"_dmarc.bank.example"}
    settings = DmarcSettings(organizational_domain="suffix-list")
    found = verdict(witness("ann@x.bank.example"), records, settings)
    assert found.disposition is Policy.REJECT


def test_slow_names_of_one_author_hide_no_other() -> None:
    evaluator = Evaluator(DmarcSettings(), Hanging(BANK), b"key", patience=0.01)
    one = witness("x@evil.example, ceo@bank.example")
    found = asyncio.run(evaluator.evaluate(one))
    assert [each.result.value for each in found.verdicts] == ["temperror", "fail"]
    assert found.worst.disposition is Policy.REJECT
