"""Clients log in by mechanisms that a real Dovecot speaks behind us, as they do behind Postfix."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from peers.certificates import Authority, Certificate
from peers.dovecot import Dovecot
from peers.postroad import Postroad
from scram_client import ScramClient

pytestmark = pytest.mark.peer

JOHN, OWN, WORD = "john@example.org", "own@example.org", "summersun"


@dataclass(frozen=True)
class Pair:
    here: Postroad
    trust: ssl.SSLContext

    def client(self) -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", self.here.port("submission"), timeout=30)
        client._host = "mail.example.org"  # the name in the certificate
        client.starttls(context=self.trust)
        client.ehlo()
        return client


@pytest.fixture(scope="module")
def pair(authority: Authority, certificate: Certificate) -> Iterator[Pair]:
    there = Dovecot({JOHN: WORD, OWN: WORD}, "plain login cram-md5 scram-sha-256")
    here = Postroad(
        {
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "dns": {"reverse": False},
            "directories": {
                "dovecot": {
                    "kind": "dovecot",
                    "domains": ["example.org"],
                    "socket": str(there.socket),
                    "userdb_socket": str(there.userdb),
                    "mechanisms": ["SCRAM-SHA-256", "CRAM-MD5"],
                }
            },
        },
        listeners=("submission",),
        accounts={OWN: "another"},
    )
    yield Pair(here, ssl.create_default_context(cafile=str(authority.certificate)))
    here.stop()
    there.stop()


def test_what_is_offered(pair: Pair) -> None:
    with pair.client() as client:
        assert client.esmtp_features["auth"].split() == [
            "PLAIN",
            "LOGIN",
            "SCRAM-SHA-256",
            "CRAM-MD5",
        ]


def test_cram_md5_and_the_account_may_send_as_itself(pair: Pair) -> None:
    with pair.client() as client:
        client.user, client.password = JOHN, WORD
        client.auth("CRAM-MD5", client.auth_cram_md5)
        assert client.mail(JOHN)[0] == 250
        assert client.rcpt("someone@example.com")[0] == 250
    with pair.client() as client:
        client.user, client.password = JOHN, WORD
        client.auth("CRAM-MD5", client.auth_cram_md5)
        client.mail(OWN)
        assert client.rcpt("someone@example.com")[0] == 553


def test_scram_sha_256(pair: Pair) -> None:
    scram = ScramClient(JOHN, WORD)
    said = iter([scram.final, lambda last: b"" if scram.believes(last) else b"no"])

    def answer(challenge: bytes | None = None) -> str:
        octets = scram.first() if challenge is None else next(said)(challenge)
        return octets.decode()

    with pair.client() as client:
        assert client.auth("SCRAM-SHA-256", answer)[0] == 235


def test_a_wrong_password(pair: Pair) -> None:
    with pair.client() as client:
        client.user, client.password = JOHN, "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.auth("CRAM-MD5", client.auth_cram_md5)
    assert refused.value.smtp_code == 535
    pair.here.wait_log(
        f"SASL CRAM-MD5 authentication failed: authentication failure, sasl_username={JOHN}"
    )


def test_an_account_that_is_ours_is_not_dovecots_to_let_in(pair: Pair) -> None:
    with pair.client() as client:
        client.user, client.password = OWN, WORD
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.auth("CRAM-MD5", client.auth_cram_md5)
    pair.here.wait_log("an account that the directory may not let in")


def test_a_frozen_account_sends_nothing(pair: Pair) -> None:
    pair.here.run("user", "freeze", JOHN, "--force")
    with pair.client() as client:
        client.user, client.password = JOHN, WORD
        client.auth("CRAM-MD5", client.auth_cram_md5)
        assert client.mail(JOHN)[0] >= 400 or client.rcpt("someone@example.com")[0] >= 400
