"""What policy services are told of what golden scripts cannot have: TLS, certificates, sizes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policy_world import TLS
from postroad.model import Address, Client, ClientCertificate, Login
from postroad.policy import Facts, Particulars
from postroad.policy.service_rules import attributes_of

SHOWN = ClientCertificate(
    subject="branch office + 1",
    issuer="Müller = CA\n",
    fingerprint="a1b2c3d4",
    key_fingerprint="e5f6",
)
FACTS = Facts(
    Client("192.0.2.1", 40_000, "mx.example.net", "host.example.net"),
    helo="mx.example.net",
    login=Login("john@example.org", "PLAIN"),
    tls=replace(TLS, client_certificate=SHOWN),
    mail=True,
    sender=Address("odd one", "example.net"),
    recipients=3,
    size=4096,
    state="END-OF-MESSAGE",
    particulars=Particulars("ESMTP", "1a.2b", "4ABC", "192.0.2.25", 25),
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("protocol_state", "END-OF-MESSAGE"),
        ("protocol_name", "ESMTP"),
        ("client_address", "192.0.2.1"),
        ("client_port", "40000"),
        ("client_name", "mx.example.net"),
        ("reverse_client_name", "host.example.net"),
        ("server_address", "192.0.2.25"),
        ("server_port", "25"),
        ("instance", "1a.2b"),
        ("queue_id", "4ABC"),
        ("recipient", ""),
        ("recipient_count", "3"),
        ("size", "4096"),
        ("sasl_method", "PLAIN"),
        ("sasl_username", "john@example.org"),
        ("ccert_subject", "branch+20office+20+2B+201"),
        ("ccert_issuer", "M+C3+BCller+20+3D+20CA+0A"),
        ("ccert_fingerprint", "A1:B2:C3:D4"),
        ("ccert_pubkey_fingerprint", "E5:F6"),
        ("encryption_protocol", "TLSv1.3"),
        ("encryption_cipher", "TLS_AES_256_GCM_SHA384"),
        ("encryption_keysize", "256"),
    ],
)
def test_attributes(name: str, value: str) -> None:
    assert attributes_of(FACTS)[name] == value


def test_recipients_are_counted_from_data_on() -> None:
    assert attributes_of(replace(FACTS, state="RCPT"))["recipient_count"] == "0"


def test_half_characters_do_no_harm() -> None:
    shown = replace(SHOWN, subject="\ud800")
    facts = replace(FACTS, tls=replace(TLS, client_certificate=shown))
    assert attributes_of(facts)["ccert_subject"] == "?"
