"""RFC 7208's whole test suite, over our resolver; `tests/data/README.md` says where it is from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from postroad.mailauth.spf.checking import SpfChecker
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings
from spf_zone import SuiteZone

SUITE = json.loads((Path(__file__).parents[2] / "data" / "rfc7208-tests.json").read_text("utf-8"))
CASES = [
    pytest.param(scenario["zonedata"], case, id=f"{scenario['description']}: {name}")
    for scenario in SUITE
    for name, case in scenario["tests"].items()
]


def test_it_is_whole() -> None:
    assert len(CASES) == 203


@pytest.mark.parametrize(("zonedata", "case"), CASES)
async def test_case(zonedata, case) -> None:
    resolver = Resolver(DnsSettings(), lambda: 0.0, query=SuiteZone(zonedata))
    checker = SpfChecker(resolver, "receiver.example", lambda: 0.0)
    verdict = await checker.spf(case["host"], case["mailfrom"], case["helo"])
    expected = case["result"]
    assert verdict.result.value in (expected if isinstance(expected, list) else [expected])
    said = case.get("explanation")
    if said is not None and verdict.result.value == "fail":
        # The suite has the nibbles of IPv6 in upper case, RFC 7208 §7.4 has them in lower case.
        assert verdict.explanation.lower() == ("" if said == "DEFAULT" else said).lower()
