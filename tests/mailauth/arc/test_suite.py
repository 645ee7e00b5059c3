"""The public ARC test suite; `tests/data/README.md` says where it is from.

It was written for a draft of RFC 8617 and for the reference runner. Where the RFC, or a later one,
says otherwise, the table here says what we say, and why.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import dkim
import pytest

from dkim_signer import Octets, Zone, canonical_body
from postroad.mailauth.arc.chain import has_failed, highest_instance
from postroad.mailauth.arc.sealing import sealed
from postroad.mailauth.arc.verification import ArcVerdict, ArcVerifier
from postroad.mailauth.dkim.result import Result
from postroad.mailauth.dkim.signing_key import SigningKey
from postroad.mailauth.dkim.tags import tags_of
from postroad.model.fields import Field, Fields

DATA = Path(__file__).parents[2] / "data"
NOW = 1_500_000_000.0

STALE = "RFC 8617 §5.2 steps 2 and 3: fail. The suite's runner gives no word there."
SHA1 = "RFC 8301 §3.1: SHA-1 is good for no signature any more."
DIFFERENT = {
    "cv_fail_i1_as_cv_fail": ("fail", STALE),
    "cv_fail_i2_as2_fail": ("fail", STALE),
    "cv_fail_i2_as1_fail": ("fail", STALE),
    "ams_fields_a_sha1": ("fail", SHA1),
    "as_fields_a_sha1": ("fail", SHA1),
}


def scenarios(name: str) -> list[tuple[str, dict, dict]]:
    suite = json.loads((DATA / f"arc-{name}-tests.json").read_text("utf-8"))
    return [(test, case, each) for each in suite for test, case in each["tests"].items()]


VALIDATION = scenarios("validation")
SIGNING = scenarios("sign")


def parted(text: str) -> tuple[Fields, bytes]:
    octets = text.replace("\n", "\r\n").encode()
    if octets.startswith(b"\r\n"):
        return Fields(), octets[2:]
    header, _, body = octets.partition(b"\r\n\r\n")
    return Fields.of(header.rstrip(b"\r\n") + b"\r\n"), body


def zone(scenario: dict) -> Zone:
    return Zone({name.lower(): text for name, text in (scenario.get("txt-records") or {}).items()})


def verdict(fields: Fields, body: bytes, texts: Zone) -> ArcVerdict:
    return asyncio.run(ArcVerifier(texts, lambda: NOW).verify(fields, Octets(body)))


def test_it_is_whole() -> None:
    assert (len(VALIDATION), len(SIGNING)) == (170, 17)
    assert DIFFERENT.keys() <= {name for name, _, _ in VALIDATION}


@pytest.mark.parametrize(
    ("name", "case", "scenario"), [pytest.param(*each, id=each[0]) for each in VALIDATION]
)
def test_validation(name: str, case: dict, scenario: dict) -> None:
    expected = (case["cv"] or "").lower()
    ours = DIFFERENT.get(name, (expected, ""))[0]
    assert name not in DIFFERENT or ours != expected
    assert verdict(*parted(case["message"]), zone(scenario)).result.value == ours


@pytest.mark.parametrize(
    ("name", "case", "scenario"), [pytest.param(*each, id=each[0]) for each in SIGNING]
)
def test_signing(name: str, case: dict, scenario: dict) -> None:
    """All tags but `b=`: the suite has them in alphabetical order, which is a matter of taste.

    That `b=` is right is dkimpy's to say. What `cv=` says is given: the suite's signer takes it
    from the field Authentication-Results, and two of its chains do not hold, by dkimpy's word too.
    """
    fields, body = parted(case["message"])
    if not case["AS"]:
        assert has_failed(fields)
        return
    before = verdict(fields, body, zone(scenario))
    key = SigningKey.of(scenario["domain"], scenario["sel"], scenario["privatekey"].encode())
    made = sealed(
        fields,
        hashlib.sha256(canonical_body(body, "relaxed")).digest(),
        key,
        case["sig-headers"].split(":"),
        instance=highest_instance(fields) + 1,
        cv=told(case["AS"])["cv"],
        results=b" lists.example.org; none\r\n",
        now=case["t"],
    )
    for octets, expected in zip(made[:2], (case["AS"], case["AMS"]), strict=True):
        assert told(Field(octets).value.decode()) == told(expected)
    assert_dkimpy_agrees(fields.above(*made), body, scenario, before.result)
    again = verdict(fields.above(*made), body, zone(scenario))
    assert (again.result is Result.PASS) is (before.result is not Result.FAIL)
    assert told(case["AS"])["cv"] == before.result.value or name in ("i1_base", "i2_base")


def told(text: str) -> dict[str, str]:
    tags = tags_of(text)
    tags.pop("b")
    return {name: "".join(value.split()).lower() for name, value in tags.items()}


def assert_dkimpy_agrees(fields: Fields, body: bytes, scenario: dict, before: Result) -> None:
    texts = {
        f"{name}.".encode(): "".join(text.split("\n")).encode()
        for name, text in scenario["txt-records"].items()
    }
    cv, _, reason = dkim.arc_verify(
        fields.octets + b"\r\n" + body, dnsfunc=lambda name, timeout=5: texts.get(name)
    )
    assert (cv == dkim.CV_Pass) is (before is not Result.FAIL), reason
