"""A forwarded message at a strict receiver: from a bank with p=reject, by an alias of ours.

The road is: the bank's signed message, a Postroad with an alias to another domain (SRS), a second
Postroad that is as strict as one can be. What arrives there is shown to OpenDMARC, with the field
that the second has written.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator

import pytest

from dkim_signer import signature
from peers.dns import NameServer
from peers.opendmarc import TRUSTED, Judged, OpenDmarc
from peers.postroad import Postroad
from peers.waiting import until
from postroad.mailauth.dkim.signing_key import new_key
from postroad.model.fields import Fields

pytestmark = pytest.mark.peer

KEY = new_key("bank.example", "june", "ed25519", 0)
POLICY = "v=DMARC1; p=reject; adkim=s; aspf=s"
RECORDS = [
    f'_dmarc.bank.example. TXT "{POLICY}"',
    'bank.example. TXT "v=spf1 ip4:192.0.2.1 -all"',
    f'{KEY.name}. TXT "{KEY.record}"',
    'example.org. TXT "v=spf1 ip4:127.0.0.1 -all"',
    '_dmarc.junk.example. TXT "v=DMARC1; p=quarantine"',
]
HEADER = b"From: Ann <ann@bank.example>\r\nTo: away@example.org\r\nSubject: %s\r\nDate: now\r\n"
BODY = b"Your account,\r\n\r\n.  two  blanks \r\n"


def message(subject: bytes, *, signed: bool = True) -> bytes:
    fields = Fields.of(HEADER % subject)
    if signed:
        fields = fields.above(signature(fields, BODY, KEY))
    return fields.octets + b"\r\n" + BODY


def strict(dns: NameServer, **more: object) -> dict:
    """Everybody here is a stranger, and nobody is passed over."""
    return {
        "workers": 1,
        "dns": {"servers": [f"127.0.0.1:{dns.port}"], "reverse": False},
        "relay": {"trusted_networks": ["203.0.113.0/24"], "tls": "none", **more},
        "spf": {"skip_addresses": []},
    }


@pytest.fixture(scope="module")
def dns() -> Iterator[NameServer]:
    server = NameServer(RECORDS, ["example.", "org.", "test."])
    yield server
    server.stop()


@pytest.fixture(scope="module")
def receiver(dns: NameServer) -> Iterator[Postroad]:
    settings = {**strict(dns), "hostname": TRUSTED, "domains": ["elsewhere.test"]}
    server = Postroad(settings, listeners=["mx"], accounts={"lisa@elsewhere.test": "summersun"})
    yield server
    server.stop()


@pytest.fixture(scope="module")
def forwarder(dns: NameServer, receiver: Postroad) -> Iterator[Postroad]:
    settings = strict(dns, smarthost=f"[127.0.0.1]:{receiver.port('mx')}")
    server = Postroad(settings, listeners=["mx"], accounts={"john@example.org": "summersun"})
    server.run("alias", "add", "away@example.org", "lisa@elsewhere.test")
    yield server
    server.stop()


def sent(server: Postroad, text: bytes, recipient: str) -> tuple[int, str]:
    with smtplib.SMTP("127.0.0.1", server.port("mx"), "client.example", timeout=30) as client:
        client.ehlo()
        assert client.mail("ann@bank.example")[0] == 250
        assert client.rcpt(recipient)[0] == 250
        code, words = client.data(text)
        return code, words.decode()


def test_a_forwarded_message_passes(forwarder: Postroad, receiver: Postroad) -> None:
    code, words = sent(forwarder, message(b"forwarded"), "away@example.org")
    assert code == 250, words
    arrived = receiver.maildir("lisa@elsewhere.test").wait("Subject: forwarded")
    octets = arrived.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    fields = Fields.of(octets.partition(b"\r\n\r\n")[0] + b"\r\n")
    return_path = fields.first("return-path")
    assert return_path is not None
    assert "=bank.example=ann@example.org" in return_path.text  # SRS
    (ours,) = [each.text for each in fields.named("authentication-results") if TRUSTED in each.text]
    assert "dkim=pass" in ours
    assert "dmarc=pass (p=reject) header.from=bank.example" in ours.replace("\t", " ")
    # As the milter sees it: without what the delivery puts on top.
    shown = fields.without("return-path").without("delivered-to").octets + b"\r\n" + BODY
    peer = OpenDmarc({"_dmarc.bank.example": POLICY})
    try:
        sender = return_path.text.strip("<>")
        (judged,) = peer.judge([(sender, shown)])
    finally:
        peer.stop()
    assert judged == Judged("pass", "reject"), shown.decode()


def test_a_forged_one_is_refused_by_both(forwarder: Postroad, receiver: Postroad) -> None:
    forged = message(b"forged", signed=False)
    for server, recipient in ((forwarder, "away@example.org"), (receiver, "lisa@elsewhere.test")):
        code, words = sent(server, forged, recipient)
        assert (code, words[:6]) == (550, "5.7.26")
        assert "DMARC policy of bank.example" in words
        server.wait_log("dmarc")


def test_what_is_quarantined(receiver: Postroad) -> None:
    text = b"From: ann@junk.example\r\nSubject: doubtful\r\n\r\nBuy\r\n"
    assert sent(receiver, text, "lisa@elsewhere.test")[0] == 250
    box = receiver.state / "mail"
    found: list[bytes] = []

    def arrived() -> bool:
        found[:] = [
            path.read_bytes()
            for path in box.rglob("*")
            if path.is_file() and path.parent.name in ("new", "cur")
        ]
        return any(b"Subject: doubtful" in each for each in found)

    until(arrived, within=30, what="the message is in a mailbox")
    (one,) = [each for each in found if b"Subject: doubtful" in each]
    assert b"X-Spam-Flag: YES" in one
    assert b"dmarc=fail (p=quarantine dis=quarantine)" in one.replace(b"\n\t", b" ")
    words = "delivered to maildir, Junk: DMARC quarantine of mail from junk.example"
    receiver.wait_log(f"(250 2.0.0 {words})")
