"""The signer: whose mail it signs, what, and how the field looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dkim_signer import Octets, Zone
from postroad.mailauth.dkim.key_store import KeysUnavailable
from postroad.mailauth.dkim.result import Result
from postroad.mailauth.dkim.settings import DkimSettings
from postroad.mailauth.dkim.signature_field import LINE, MOST_NAMES, names_to_sign
from postroad.mailauth.dkim.signing import Signer, author_domain
from postroad.mailauth.dkim.signing_key import SigningKey, new_key
from postroad.mailauth.dkim.verification import Verifier
from postroad.model import Address, Envelope, Recipient
from postroad.model.authors import MAX_FROM
from postroad.model.client import Login
from postroad.model.fields import Fields
from postroad.model.letter import NO_OPINION, Finding, Letter, Opinion, Origin

NOW = 1_700_000_000.5
RSA = new_key("example.org", "one-rsa", "rsa", 2048)
ED25519 = new_key("example.org", "one-ed25519", "ed25519", 0)
HEADER = (
    b"Received: from a by b; now\r\nFrom: Ann <ann@example.org>\r\nTo: bob@example.net\r\n"
    b"Subject: hi\r\nList-Unsubscribe: <https://example.org/u>\r\nX-Other: 1\r\n"
)
BODY = b"Hello  \r\n\r\n"


class Keys:
    """Keys by the author's domain, or the nearest one above it."""

    def __init__(self, *keys: SigningKey, trouble: str = "") -> None:
        self._keys = keys
        self._trouble = trouble

    def keys_for(self, author: str) -> Sequence[SigningKey]:
        if self._trouble:
            raise KeysUnavailable(self._trouble)
        found = tuple(key for key in self._keys if key.domain == author)
        return found or (self.keys_for(author.partition(".")[2]) if "." in author else ())

    def lack(self, author: str) -> str:
        return f"{author} has none"


def letter(header: bytes = HEADER, origin: Origin = Origin.OURS) -> Letter:
    return Letter(
        queue_id="ABC",
        envelope=Envelope(Address.parse("ann@example.org")),
        recipients=(Recipient(Address.parse("bob@example.net")),),
        origin=origin,
        fields=Fields.of(header),
        body=Octets(BODY),
    )


async def signed(
    given: Letter, keys: Keys | None = None, settings: DkimSettings | None = None
) -> tuple[Opinion, list[str]]:
    said: list[str] = []
    keys = keys or Keys(RSA, ED25519)
    signer = Signer(settings or DkimSettings(), keys, clock=lambda: NOW, warn=said.append)
    return await signer.examine(given), said


@pytest.mark.parametrize("origin", [Origin.OURS, Origin.MADE])
async def test_both_signatures_are_good_and_below_our_received_field(origin: Origin) -> None:
    opinion, _ = await signed(letter(origin=origin))
    assert opinion.fields is not None
    keys = [field.key for field in opinion.fields]
    assert keys[:4] == ["received", "dkim-signature", "dkim-signature", "from"]
    found = await Verifier(Zone.of(RSA, ED25519), lambda: NOW).verify(opinion.fields, Octets(BODY))
    assert [each.result for each in found] == [Result.PASS] * 2
    (finding,) = opinion.findings
    assert finding.words == "signed for example.org by one-rsa and one-ed25519"
    assert finding.details == {"domain": "example.org", "selector": "one-rsa one-ed25519"}


async def test_without_a_received_field_it_is_on_top() -> None:
    opinion, _ = await signed(letter(HEADER.partition(b"\r\n")[2]))
    assert opinion.fields is not None
    assert [field.key for field in opinion.fields][:3] == ["dkim-signature"] * 2 + ["from"]


UNCLEAR = "the From field does not name one author in a domain"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"From: eve@example.com\r\n", "example.com has none"),
        (b"From: ann@[192.0.2.1]\r\n", "[192.0.2.1] has none"),
        (b"From: ann@example.org, bob@example.org\r\n", UNCLEAR),
        (
            b"From: ann@example.org\r\nFrom: ann@example.org\r\nFrom: eve@example.com\r\n",
            UNCLEAR,
        ),
        (b"From: nobody\r\n", UNCLEAR),
        (b"From: \r\n", UNCLEAR),
        (b"Subject: hi\r\n", UNCLEAR),
    ],
)
async def test_whose_author_has_no_keys_leaves_as_it_is(header: bytes, words: str) -> None:
    opinion, said = await signed(letter(header))
    assert opinion.fields is None
    assert opinion.findings == (Finding("dkim", "unsigned", f"not signed: {words}"),)
    assert said == []


@pytest.mark.parametrize("origin", [Origin.OUTSIDE, Origin.NEIGHBOUR])
async def test_mail_of_strangers_is_not_signed(origin: Origin) -> None:
    opinion, _ = await signed(letter(origin=origin))
    assert opinion is NO_OPINION


async def test_keys_that_cannot_be_read_hold_up_nothing() -> None:
    opinion, said = await signed(letter(), Keys(trouble="keys.json: Permission denied"))
    assert opinion.fields is None
    assert not opinion.ends
    assert said == ["ABC: not signed: keys.json: Permission denied"]
    assert [each.result for each in opinion.findings] == ["unsigned"]


@pytest.mark.parametrize(
    ("settings", "there", "missing"),
    [
        (DkimSettings(), "t=1700000000; h=From:From:", "x="),
        (DkimSettings(expiry=3600), "x=1700003600;", "l="),
        (DkimSettings(oversigned_headers=("From",)), "h=From:From:List-Unsubscribe;", "Subject"),
        (DkimSettings(signed_headers=("X-Other", "X-None")), ":X-Other;", "X-None"),
    ],
)
async def test_what_the_field_says(settings: DkimSettings, there: str, missing: str) -> None:
    opinion, _ = await signed(letter(), Keys(RSA), settings)
    assert opinion.fields is not None
    (field,) = opinion.fields.named("DKIM-Signature")
    text = field.octets.decode()
    flat = text.partition("bh=")[0].replace(":\r\n\t", ":").replace("\r\n\t", " ")
    assert there in flat
    assert missing not in flat
    assert max(len(line.expandtabs(8)) for line in text.split("\r\n")) <= LINE


def test_names_are_bounded() -> None:
    fields = Fields.of(b"To: a@example.net\r\n" * (MOST_NAMES - 1))
    fits = Fields.of(b"To: a@example.net\r\n" * (MOST_NAMES - 2))
    assert len(names_to_sign(fits, (), ("From", "To"))) == MOST_NAMES
    assert names_to_sign(fields, (), ("From", "To")) == []


FROM = b"From: ann@example.org\r\n"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"From: " + b"a " * MAX_FROM + b"\r\n", f"the From field has more than {MAX_FROM} octets"),
        (FROM + b" \r\n" * MAX_FROM, f"the From field has more than {MAX_FROM} octets"),
        (FROM + FROM, "there is more than one From field"),
        (FROM + b"To: x\r\n" * MOST_NAMES, f"it has more than {MOST_NAMES} fields to sign"),
        (FROM + b"X: a\nSubject: b\r\n", "there is a bare CR or LF in the header"),
        (FROM + b"X: a\rSubject: b\r\n", "there is a bare CR or LF in the header"),
    ],
    ids=["atoms", "folds", "two", "many", "lf", "cr"],
)
async def test_what_cannot_be_signed_leaves_as_it_is_and_is_said(header: bytes, words: str) -> None:
    opinion, _ = await signed(letter(header))
    assert opinion.fields is None
    assert opinion.findings == (Finding("dkim", "unsigned", f"not signed: {words}"),)


class Rights:
    """Implements `Writers`."""

    async def may_write(self, login: Login, author: str) -> bool:
        listed = [("eve@example.net", "list@example.org"), ("uid=33", "shop@example.org")]
        return (login.user, author) in listed


@pytest.mark.parametrize(
    ("user", "author", "is_signed"),
    [
        ("ann@example.org", "ann@example.org", True),
        ("ann@EXAMPLE.org", "bob@example.org", True),
        ("ann@example.org", "ann@shop.example.org", True),
        ("ann@example.org", "ann@news.example.org", False),  # it has keys of its own
        ("ann@news.example.org", "bob@news.example.org", True),
        ("ann@news.example.org", "ann@example.org", False),
        ("ann@xample.org", "ann@example.org", False),
        ("eve@example.net", "ann@example.org", False),
        ("eve@example.net", "list@example.org", True),
        ("example.org", "ann@example.org", False),
    ],
)
@pytest.mark.parametrize("writers", [Rights(), None])
async def test_users_have_signed_what_is_theirs(
    writers: Rights | None, user: str, author: str, is_signed: bool
) -> None:
    said: list[str] = []
    keys = Keys(RSA, new_key("news.example.org", "n", "ed25519", 0))
    signer = Signer(DkimSettings(), keys, clock=lambda: NOW, warn=said.append, writers=writers)
    given = replace(letter(f"From: {author}\r\n".encode()), login=Login(user, "PLAIN"))

    opinion = await signer.examine(given)

    if writers is None and author.startswith("list@"):
        is_signed = False
    assert (opinion.fields is not None) is is_signed
    if not is_signed:
        (finding,) = opinion.findings
        name = author.rpartition("@")[2]
        assert finding.words == f"not signed: {user} may not write in the name of {name}"


@pytest.mark.parametrize(
    ("writers", "author", "is_signed"),
    [
        (Rights(), "shop@example.org", True),
        (Rights(), "boss@example.org", False),
        (None, "boss@example.org", True),
    ],
)
async def test_programs_of_this_machine_sign_as_they_may_send(
    writers: Rights | None, author: str, is_signed: bool
) -> None:
    signer = Signer(DkimSettings(), Keys(RSA), clock=lambda: NOW, warn=[].append, writers=writers)
    header = f"From: {author}\r\n".encode()
    given = replace(letter(header), login=Login("uid=33", "local"))

    opinion = await signer.examine(given)

    assert (opinion.fields is not None) is is_signed
    if not is_signed:
        words = "not signed: uid=33 may not write in the name of example.org"
        assert [each.words for each in opinion.findings] == [words]


def test_the_domain_of_the_author() -> None:
    assert author_domain(Fields.of(b"From: Ann <ann@EXAMPLE.org>\r\n")).lower() == "example.org"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"oversigned_headers": ("To",), "signed_headers": ()}, "From must be"),
        ({"oversigned_headers": ("From", "from")}, "named twice"),
        ({"signed_headers": ("X Y",)}, "no name of a header field"),
    ],
)
def test_settings_that_make_no_sense(said: dict[str, tuple[str, ...]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DkimSettings(**said)
