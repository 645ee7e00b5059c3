"""Signatures between us, OpenDKIM and rspamd, in every direction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import dns.zone
import pytest

from dkim_signer import Octets, Zone, signature
from dns_server import DnsServer
from peers.opendkim import OpenDkim
from peers.rspamd_dkim import RspamdDkim
from postroad.mailauth.dkim.result import Verified
from postroad.mailauth.dkim.settings import OVERSIGNED, SIGNED
from postroad.mailauth.dkim.signature_field import names_to_sign, signature_field
from postroad.mailauth.dkim.signing_key import new_key
from postroad.mailauth.dkim.verification import Verifier
from postroad.model.fields import Fields

pytestmark = pytest.mark.peer

RSA = new_key("example.org", "rsa", "rsa", 2048)
ED25519 = new_key("example.org", "ed25519", "ed25519", 0)
HEADER = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.net,\r\n carol@example.net\r\n"
    b"Subject:   several  blanks \r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
    b"Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
)
BODY = b"Hello,\r\n\r\n.\r\n  two  blanks \t\r\nthe end\r\n\r\n\r\n"
MESSAGE = HEADER + b"\r\n" + BODY


def zone_file() -> dns.zone.Zone:
    lines = ["@ 60 SOA ns hostmaster 1 1 1 1 1\n"]
    for key in (RSA, ED25519):
        text = key.record
        strings = " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
        lines.append(f"{key.name}. 60 TXT {strings}\n")
    return dns.zone.from_text("".join(lines), "example.org.", relativize=False, check_origin=False)


def ours() -> bytes:
    """The message as the signer leaves it."""
    from postroad.mailauth.dkim.body_hash import Wanted, body_hashes
    from postroad.mailauth.dkim.canonicalization import Canonicalization

    wanted = Wanted(Canonicalization.RELAXED)
    digest = asyncio.run(body_hashes(Octets(BODY), [wanted]))[wanted].digest
    plain = fields = Fields.of(HEADER)
    names = names_to_sign(plain, SIGNED, OVERSIGNED)
    for key in (RSA, ED25519):
        fields = fields.above(signature_field(plain, digest, key, names, now=int(time.time())))
    return fields.octets + b"\r\n" + BODY


def verified(message: bytes) -> list[Verified]:
    header, _, body = message.partition(b"\r\n\r\n")
    verifier = Verifier(Zone.of(RSA, ED25519), time.time)
    return list(asyncio.run(verifier.verify(Fields.of(header + b"\r\n"), Octets(body))))


@pytest.fixture(scope="module")
def opendkim() -> Iterator[OpenDkim]:
    """It signs mail of this network, and verifies what is signed already."""
    settings = (
        "Mode sv\nDomain example.org\nSelector rsa\nKeyFile {folder}/key\nRequireSafeKeys no\n"
        "Canonicalization {ways}\nInternalHosts 192.0.2.0/24\nOversignHeaders From\n"
    ).replace("{ways}", "relaxed/simple")
    peer = OpenDkim(settings, {"key": RSA.pem})
    yield peer
    peer.stop()


def test_what_opendkim_signs(opendkim: OpenDkim) -> None:
    (field,) = [each for each in opendkim.show(MESSAGE).fields if each[1] == "DKIM-Signature"]
    assert field[0] == 0  # above all that Postfix shows it, which its own Received field is not
    line = f"{field[1]}: {field[2]}".replace("\n", "\r\n") + "\r\n"
    found = verified(line.encode() + MESSAGE)
    assert [(each.result.value, each.words, each.domain) for each in found] == [
        ("pass", "", "example.org")
    ]
    found = verified(line.encode() + MESSAGE.replace(b"the end", b"an end"))
    assert [each.result.value for each in found] == ["fail"]


async def test_rspamd_and_we_believe_each_other() -> None:
    names = DnsServer("example.org.", "@ 60 SOA ns hostmaster 1 1 1 1 1\n")
    names.zone = zone_file()
    address = await names.start()
    peer = await asyncio.to_thread(RspamdDkim, address, RSA)
    try:
        signed = await asyncio.to_thread(ours)
        symbols = await asyncio.to_thread(peer.symbols, signed)
        assert sorted(symbols["R_DKIM_ALLOW"]) == ["example.org:s=ed25519", "example.org:s=rsa"]
        broken = signed.replace(b"the end", b"an end")
        symbols = await asyncio.to_thread(peer.symbols, broken)
        assert len(symbols["R_DKIM_REJECT"]) == 2
        theirs = await asyncio.to_thread(peer.signed, MESSAGE)
        found = await asyncio.to_thread(verified, theirs)
        assert [(each.result.value, each.words) for each in found] == [("pass", "")]
    finally:
        await asyncio.to_thread(peer.stop)
        names.stop()


def test_both_ways_of_signing_are_the_same() -> None:
    """The signer of the tests, which others are measured by, against the real one."""
    fields = Fields.of(HEADER)
    message = fields.above(signature(fields, BODY, RSA)).octets + b"\r\n" + BODY
    assert [each.result.value for each in verified(message)] == ["pass"]
    assert [each.result.value for each in verified(ours())] == ["pass", "pass"]
