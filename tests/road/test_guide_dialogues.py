"""The conversations that the guides type by hand, against Postroad, word for word."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from peers import dialogue
from peers.certificates import Certificate
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

JOHN = "AGpvaG5AZXhhbXBsZS5vcmcAc3VtbWVyc3Vu"
JOHN_AS_JOHN = "am9obkBleGFtcGxlLm9yZwBqb2huQGV4YW1wbGUub3JnAHN1bW1lcnN1bg=="
RELAY_USER = "supercoolusername@example.org"
ACCOUNTS = {"john@example.org": "summersun", RELAY_USER: "supercoolpassword"}


@pytest.fixture(scope="module")
def server(certificate: Certificate) -> Iterator[Postroad]:
    server = Postroad(
        {
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "relay": {"trusted_networks": []},
            "listeners": {
                "mx": {"auth": True},
                "firewall": {"preset": "submission", "policy": {"sender": []}},
            },
        },
        listeners=("mx", "submission", "submissions", "firewall"),
        accounts=ACCOUNTS,
    )
    yield server
    server.stop()


def _plain(user: str, password: str) -> str:
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


class TestIspmail:
    """The guides of Debian 11 and of Debian 7, with the guide's logins on port 25."""

    def test_without_encryption_no_login_is_offered(self, server: Postroad) -> None:
        with dialogue.plain(server.port("mx")) as telnet:
            assert telnet.hear().startswith("220 mail.example.org ESMTP Postroad")
            features = telnet.say("ehlo example.com")
            assert features.startswith("250-mail.example.org\n")
            for feature in ("PIPELINING", "SIZE", "STARTTLS", "ENHANCEDSTATUSCODES", "8BITMIME"):
                assert f"{feature}" in features
            assert "AUTH" not in features
            assert telnet.say("STARTTLS") == "220 2.0.0 Ready to start TLS"

    def test_a_login_without_encryption_is_refused(self, server: Postroad) -> None:
        with dialogue.plain(server.port("mx")) as telnet:
            telnet.hear()
            telnet.say("ehlo example.com")
            assert telnet.say(f"AUTH PLAIN {JOHN}").startswith("5")

    @pytest.mark.parametrize("string", [JOHN, JOHN_AS_JOHN])
    @pytest.mark.parametrize("listener", ["mx", "submission"])
    def test_login(self, server: Postroad, listener: str, string: str) -> None:
        with dialogue.starttls(server.port(listener)) as openssl:
            features = openssl.say("EHLO example.com")
            assert "250-AUTH PLAIN LOGIN" in features
            assert "STARTTLS" not in features
            reply = openssl.say(f"AUTH PLAIN {string}")
            assert reply == "235 2.7.0 Authentication successful"
            assert openssl.say("QUIT") == "221 2.0.0 Bye"
            assert openssl.closed()

    def test_login_from_the_first_byte_under_tls(self, server: Postroad) -> None:
        with dialogue.tls(server.port("submissions")) as openssl:
            assert openssl.hear().startswith("220 mail.example.org ESMTP")
            openssl.say("EHLO example.com")
            reply = openssl.say(f"AUTH PLAIN {JOHN}")
            assert reply == "235 2.7.0 Authentication successful"

    def test_a_wrong_password(self, server: Postroad) -> None:
        with dialogue.starttls(server.port("submission")) as openssl:
            openssl.say("EHLO example.com")
            reply = openssl.say(f"AUTH PLAIN {_plain('john@example.org', 'wintersun')}")
            assert reply.startswith("535 5.7.8 ")

    def test_a_login_as_somebody_else(self, server: Postroad) -> None:
        string = base64.b64encode(b"lisa@example.org\0john@example.org\0summersun").decode()
        with dialogue.starttls(server.port("submission")) as openssl:
            openssl.say("EHLO example.com")
            assert openssl.say(f"AUTH PLAIN {string}").startswith("5")

    def test_a_stranger_may_not_relay(self, server: Postroad) -> None:
        with dialogue.plain(server.port("mx")) as telnet:
            telnet.hear()
            telnet.say("ehlo example.com")
            assert telnet.say("MAIL FROM:<lisa@example.com>").startswith("250 2.1.0 ")
            reply = telnet.say("RCPT TO:<someone@example.net>")
            assert reply == "554 5.7.1 <someone@example.net>: Relay access denied"
        server.wait_log("554 5.7.1 <someone@example.net>: Relay access denied; from=<lisa@")

    def test_an_unknown_local_recipient(self, server: Postroad) -> None:
        with dialogue.plain(server.port("mx")) as telnet:
            telnet.hear()
            telnet.say("ehlo example.com")
            telnet.say("MAIL FROM:<lisa@example.com>")
            reply = telnet.say("RCPT TO:<nobody@example.org>")
            assert reply.startswith("550 5.1.1 <nobody@example.org>: ")

    @pytest.mark.parametrize("listener", ["mx", "submission"])
    def test_a_forged_sender(self, server: Postroad, listener: str) -> None:
        with dialogue.starttls(server.port(listener)) as openssl:
            openssl.say("EHLO example.com")
            openssl.say(f"AUTH PLAIN {JOHN}")
            openssl.say("MAIL FROM:<someoneelse@example.com>")
            reply = openssl.say("RCPT TO:<someone@example.net>")
            assert reply == (
                "553 5.7.1 <someoneelse@example.com>: Sender address rejected: "
                "not owned by user john@example.org"
            )

    def test_on_the_submission_port_nothing_goes_before_tls(self, server: Postroad) -> None:
        with dialogue.plain(server.port("submission")) as telnet:
            telnet.hear()
            telnet.say("ehlo example.com")
            for command in ("MAIL FROM:<john@example.org>", f"AUTH PLAIN {JOHN}", "VRFY john"):
                assert telnet.say(command) == "530 5.7.0 Must issue a STARTTLS command first"
            assert telnet.say("NOOP").startswith("250 ")
            assert telnet.say("RSET").startswith("250 ")
            assert telnet.say("QUIT") == "221 2.0.0 Bye"


class TestPort443:
    """The guide for a relay behind a firewall that lets only the port of the web through."""

    def test_login_and_a_foreign_recipient(self, server: Postroad) -> None:
        with dialogue.starttls(server.port("firewall")) as openssl:
            assert openssl.say("EHLO mylaptop.local").splitlines()[-1].startswith("250 ")
            reply = openssl.say(f"AUTH PLAIN {_plain(RELAY_USER, 'supercoolpassword')}")
            assert reply == "235 2.7.0 Authentication successful"
            assert openssl.say("MAIL FROM: someone@server.local") == "250 2.1.0 Ok"
            assert openssl.say("RCPT TO: someone@example.net") == "250 2.1.5 Ok"
            assert openssl.say("QUIT") == "221 2.0.0 Bye"

    def test_not_using_tls_is_blocked(self, server: Postroad) -> None:
        with dialogue.plain(server.port("firewall")) as telnet:
            assert telnet.hear().startswith("220 ")
            telnet.say("EHLO mylaptop.local")
            reply = telnet.say("MAIL FROM: someone@server.local")
            assert reply == "530 5.7.0 Must issue a STARTTLS command first"
            assert telnet.say("QUIT") == "221 2.0.0 Bye"

    @pytest.mark.parametrize("recipient", ["john@example.org", "someone@example.net"])
    def test_without_a_login_nothing_goes(self, server: Postroad, recipient: str) -> None:
        with dialogue.starttls(server.port("firewall")) as openssl:
            openssl.say("EHLO mylaptop.local")
            assert openssl.say("MAIL FROM: someone@server.local") == "250 2.1.0 Ok"
            reply = openssl.say(f"RCPT TO: {recipient}")
            assert reply.startswith("554 5.7.1 <")
            assert reply.endswith(">: Client host rejected: Access denied")
            assert openssl.say("QUIT") == "221 2.0.0 Bye"
