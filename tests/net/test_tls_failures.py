"""What the log says about a handshake that failed, by OpenSSL's reason and what was seen."""

from __future__ import annotations

import ssl

import pytest

from postroad.net.tls_failures import Seen, explain, explain_silence, is_plain_text

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
NAMES = ("mail.example.org", "*.example.net")


def failure(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


OF_CLIENTS = {
    "TLSV1_ALERT_UNKNOWN_CA": "tlsv1 alert unknown ca (the client does not trust our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "sslv3 alert bad certificate (the client does not trust",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "sslv3 alert certificate unknown (the client does not",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "sslv3 alert certificate expired (the client finds our"
    " certificate expired: renew it, then reload",
    "UNSUPPORTED_PROTOCOL": "unsupported protocol (the client's TLS is older than ours allows",
    "VERSION_TOO_LOW": "version too low (the client's TLS is older than ours allows",
    "TLSV1_ALERT_PROTOCOL_VERSION": "tlsv1 alert protocol version (the client finds our TLS",
    "NO_SHARED_CIPHER": "no shared cipher (the client knows none of our ciphers",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "no suitable signature algorithm (the client cannot use",
    "NO_SHARED_GROUPS": "no shared groups (the client and we have no key exchange in common",
    "UNEXPECTED_EOF_WHILE_READING": "unexpected eof while reading (the client hung up",
    "WRONG_VERSION_NUMBER": "wrong version number (the client speaks something other than TLS",
    "INAPPROPRIATE_FALLBACK": "inappropriate fallback (the client tried an older TLS",
    "SOME_NEW_REASON": "some new reason",
}


@pytest.mark.parametrize(("reason", "line"), OF_CLIENTS.items())
def test_what_clients_cause(reason: str, line: str) -> None:
    said = explain(failure(reason), Seen(server_side=True, beginning=HELLO, names=NAMES))

    assert said.startswith(line)


@pytest.mark.parametrize(
    ("asked", "advice"),
    [
        ("smtp.example.org", "the client asked for smtp.example.org, and our certificate is for"),
        ("smtp.example.net", "the client does not trust our certificate"),
        ("MAIL.example.org.", "the client does not trust our certificate"),
        ("", "the client does not trust our certificate"),
    ],
)
def test_the_wrong_name_is_named(asked: str, advice: str) -> None:
    seen = Seen(server_side=True, beginning=HELLO, asked=asked, names=NAMES)

    said = explain(failure("SSLV3_ALERT_BAD_CERTIFICATE"), seen)

    assert said.startswith(f"sslv3 alert bad certificate ({advice}")


@pytest.mark.parametrize(
    ("beginning", "invited", "advice"),
    [
        (b"EHLO x\r\n", False, "set it to TLS/SSL, or to STARTTLS and port 587"),
        (b"EHLO x\r\n", True, "the client said STARTTLS and went on in plain text"),
        (b"GET / HTTP", False, "a web browser or scanner: it speaks HTTP"),
    ],
)
def test_plain_text_at_a_handshake(beginning: bytes, invited: bool, advice: str) -> None:
    seen = Seen(server_side=True, beginning=beginning, invited=invited)

    said = explain(failure("WRONG_VERSION_NUMBER"), seen)

    assert said.startswith("wrong version number (")
    assert advice in said


def test_an_end_before_and_within_the_handshake() -> None:
    before = explain(EOFError(), Seen(server_side=True))
    within = explain(EOFError(), Seen(server_side=True, beginning=HELLO))

    assert before == "the client closed the connection before the TLS handshake"
    assert within.startswith("the peer closed the connection during the TLS handshake (the client")


def test_a_connection_that_broke_says_so() -> None:
    error = ConnectionResetError("Connection reset by peer")

    assert explain(error, Seen(server_side=True)) == "Connection reset by peer"


def test_certificates_that_are_not_trusted() -> None:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "self-signed certificate"

    ours = explain(error, Seen(server_side=True, beginning=HELLO))
    theirs = explain(error, Seen(server_side=False, beginning=HELLO))

    assert ours.startswith(
        "certificate verify failed: self-signed certificate (the client showed a certificate that"
        " client_ca_file does not vouch for"
    )
    assert theirs == "the peer's certificate is not trusted: self-signed certificate"


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (Seen(server_side=True), "timeout: the client sent nothing for 30 s (it waits for a"),
        (Seen(server_side=True, invited=True), "timeout: the client said STARTTLS and then noth"),
        (Seen(server_side=True, beginning=HELLO), "timeout: the peer did not finish the TLS han"),
        (Seen(server_side=False), "timeout: the peer did not finish the TLS handshake in time"),
    ],
)
def test_silence(seen: Seen, line: str) -> None:
    assert explain_silence(seen, 30.0).startswith(line)


def test_as_a_client_the_advice_is_about_the_server() -> None:
    said = explain(failure("WRONG_VERSION_NUMBER"), Seen(server_side=False, beginning=b"220 x"))

    assert said == (
        "wrong version number (the server speaks plain text or something other than TLS here)"
    )


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [(b"EHLO", True), (b"\r\n", True), (b"", False), (HELLO, False), (b"\x80\x2e\x01", False)],
)
def test_plain_text(beginning: bytes, expected: bool) -> None:
    assert is_plain_text(beginning) is expected
