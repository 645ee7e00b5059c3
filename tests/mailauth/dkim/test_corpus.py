"""Two thousand changed messages, judged by the real OpenDKIM and by us.

Where the two differ, the difference is one of a table, which `docs/dkim.md` explains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from dkim_corpus import Case, corpus
from dkim_signer import Octets, Zone
from peers.opendkim import OpenDkim
from postroad.mailauth.dkim.result import Verified
from postroad.mailauth.dkim.signing_key import new_key
from postroad.mailauth.dkim.verification import Verifier
from postroad.model.fields import Fields

pytestmark = pytest.mark.peer

NOW = 1_800_000_000.0
LEAST = 1_000  # cases, or the corpus is not what it was

RSA = new_key("example.org", "mail", "rsa", 2048)
ED25519 = new_key("example.org", "ed", "ed25519", 0)
PUBLIC = RSA.record.partition("p=")[2]
SMALL = (  # of 512 bits, which nothing here makes any more
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC"
    "9AIKjbJTWit+CqvjWYzvQwECAwEAAQ=="
)
RECORDS = {
    RSA.name: RSA.record,
    ED25519.name: ED25519.record,
    **{
        f"{name}._domainkey.example.org": f"v=DKIM1; {text}"
        for name, text in {
            "revoked": "p=",
            "small": f"p={SMALL}",
            "testing": f"t=y; p={PUBLIC}",
            "strict": f"t=s; p={PUBLIC}",
            "sha1": f"h=sha1; p={PUBLIC}",
            "other": f"s=other; p={PUBLIC}",
            "garbage": "p=AAAA",
        }.items()
    },
}


class Difference(NamedTuple):
    """One that is on purpose.

    Attributes:
        title: as `docs/dkim.md` names it.
        theirs: results of OpenDKIM, separated by bars.
        ours: our result.
        words: of our reason; a pattern.
        case: of the name of the message; a pattern.
    """

    title: str
    theirs: str
    ours: str
    words: str
    case: str = ""


DIFFERENCES = (
    Difference("a tag twice", "fail|pass|permerror", "neutral", "stands there twice"),
    Difference("a name missing in h=", "fail|pass", "neutral", "what h= names", "empty name"),
    Difference("something that is no base64", "fail|pass|permerror", "neutral", "is not in base64"),
    Difference("h= names the signature itself", "fail", "pass", "", "h names itself"),
    Difference(
        "no usable key",
        "fail",
        "permerror",
        "no key is published|key is revoked|not for SHA-256|not for mail|of another kind"
        "|RSA key cannot be read",
    ),
    Difference("SHA-1", "fail", "permerror", "SHA-1"),
    Difference("a small key", "fail|permerror", "policy", "too small"),
    Difference("a body shorter than l=", "fail", "permerror", "shorter than l="),
    Difference("made in the future", "permerror|fail", "policy", "in the future"),
    Difference("a From field added", "pass|fail", "policy", "From field was added"),
    Difference("blanks before a colon", "pass", "fail", "", "blank before the colon"),
    Difference(
        "terms that cannot be read",
        "permerror",
        "neutral",
        "is unknown|unknown version|not in the DNS|is no number|what h= names|no name$",
    ),
)
SILENT = "syntax errors in one signature"


def test_every_difference_is_explained() -> None:
    cases = list(corpus(RSA, ED25519))
    assert len(cases) > LEAST
    table = "".join(f"{name} {text}\n" for name, text in RECORDS.items()).encode()
    peer = OpenDkim("Mode v\nTestPublicKeys {folder}/keys\n", {"keys": table})
    try:
        shown = peer.show_all([case.octets for case in cases])
    finally:
        peer.stop()
    seen: dict[str, int] = {}
    unexplained: list[str] = []
    for case, theirs, ours in zip(cases, shown, ours_of(cases), strict=True):
        for title in differences(case, theirs.results, ours):
            if title.startswith("?"):
                unexplained.append(f"{case.name}: {title}")
            seen[title] = seen.get(title, 0) + 1
    assert unexplained == []
    assert set(seen) == {SILENT, *(each.title for each in DIFFERENCES)}


def ours_of(cases: Sequence[Case]) -> Iterator[tuple[Verified, ...]]:
    import asyncio

    async def all_of_them() -> list[tuple[Verified, ...]]:
        verifier = Verifier(Zone(RECORDS), lambda: NOW)
        return [await verifier.verify(*parts(case.octets)) for case in cases]

    yield from asyncio.run(all_of_them())


def parts(octets: bytes) -> tuple[Fields, Octets]:
    header, _, body = octets.partition(b"\r\n\r\n")
    return Fields.of(header + b"\r\n"), Octets(body)


def differences(case: Case, theirs: Sequence[str], ours: Sequence[Verified]) -> Iterator[str]:
    if not theirs:
        unreadable = any(each.result.value != "pass" for each in ours)
        yield SILENT if unreadable else f"? nothing against {said(ours)}"
    elif len(theirs) != (len(ours) or 1):
        yield f"? {theirs} against {said(ours)}"
    else:
        for their, our in zip(theirs, ours, strict=bool(ours)):
            if their != our.result.value:
                yield explanation(case, their, our)


def said(ours: Sequence[Verified]) -> str:
    return ", ".join(f"{each.result.value} ({each.words})" for each in ours)


def explanation(case: Case, their: str, our: Verified) -> str:
    for each in DIFFERENCES:
        fits = their in each.theirs.split("|") and our.result.value == each.ours
        if fits and re.search(each.words, our.words) and re.search(each.case, case.name):
            return each.title
    return f"? {their} against {our.result.value} ({our.words})"


def test_the_differences_are_in_the_manual() -> None:
    page = (Path(__file__).parents[3] / "docs/dkim.md").read_text()
    titles = re.findall(r"(?m)^\| ([^|]+?) \| ", page.partition("## Where OpenDKIM")[2])
    assert set(titles) == {"message", "---", SILENT, *(each.title for each in DIFFERENCES)}
