"""Tests of asking for the key of a signature."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fake_dns import FakeDns
from postroad.mailauth.dkim.key_lookup import published_key
from postroad.mailauth.dkim.public_key import PublicKey
from postroad.mailauth.dkim.result import Flaw, Result
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings

NAME = "s._domainkey.example.org"
_RAW = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
RECORD = f"v=DKIM1; k=ed25519; p={base64.b64encode(_RAW).decode()}"


async def found(*records: str, broken: bool = False) -> PublicKey | Flaw:
    dns = FakeDns({NAME: {"TXT": records}}, broken=frozenset({NAME} if broken else ()))
    return await published_key(Resolver(DnsSettings(), lambda: 0.0, query=dns), NAME)


async def test_a_key_is_found() -> None:
    key = await found("something else", RECORD)
    assert isinstance(key, PublicKey)
    assert (key.kind, key.bits) == ("ed25519", 256)


@pytest.mark.parametrize("records", [(), ("v=spf1 -all",), (RECORD, RECORD)])
async def test_none_or_several_are_a_lasting_error(records: tuple[str, ...]) -> None:
    flaw = await found(*records)
    assert isinstance(flaw, Flaw)
    assert flaw.result is Result.PERMERROR


async def test_no_answer_is_a_temporary_error() -> None:
    assert await found(RECORD, broken=True) == Flaw(
        Result.TEMPERROR, "the key cannot be looked up at present"
    )
