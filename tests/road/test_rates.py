"""Limits of what a client may do how often: the same conversations with Postfix and with Postroad.

Every conversation has a listener of its own on both, and comes from an address of its own. What
clients are told is compared word for word.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import pytest

from peers import postfix
from peers.certificates import Authority, Certificate
from peers.dovecot import Dovecot
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

POSTFIX_OPTIONS = {
    "recipients": {"smtpd_recipient_limit": "5", "smtpd_client_recipient_rate_limit": "50"},
    "messages": {"smtpd_client_message_rate_limit": "3"},
    "connections": {"smtpd_client_connection_rate_limit": "2"},
    "tls": {"smtpd_client_new_tls_session_rate_limit": "2"},
    "logins": {"smtpd_client_auth_rate_limit": "2"},
}

RATES = {
    "recipients": {"count": "recipients", "limit": 50},
    "messages": {"count": "messages", "limit": 3},
    "connections": {"count": "connections", "limit": 2},
    "tls": {"count": "tls_sessions", "limit": 2},
    "logins": {"count": "logins", "limit": 2},
}

ACCOUNTS = {"john@example.org": "summersun"}
MAIL, RCPT = "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>"
HOSTS = {"postfix": "postfix.test", "postroad": "mail.example.org"}


@dataclass(frozen=True)
class Pair:
    """Both servers."""

    ports: dict[str, dict[str, int]]
    logs: dict[str, Callable[[str], str]]
    trust: ssl.SSLContext


@pytest.fixture(scope="module")
def pair(authority: Authority, certificate: Certificate) -> Iterator[Pair]:
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    accounts = Dovecot(ACCOUNTS)
    there, ports = postfix.limited("example.org", ["john"], certificate, accounts, POSTFIX_OPTIONS)
    rates = {
        name: {**rate, "per": "client", "window": "1h", "listeners": [name]}
        for name, rate in RATES.items()
    }
    here = Postroad(
        {
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "relay": {"trusted_networks": []},
            "dns": {"reverse": False},
            "limits": {"recipients": 5},
            "rates": rates,
            "listeners": {name: {"preset": "mx", "auth": True} for name in RATES},
        },
        listeners=tuple(RATES),
        accounts=ACCOUNTS,
    )
    yield Pair(
        {"postfix": ports, "postroad": {name: here.port(name) for name in RATES}},
        {"postfix": there.wait_log, "postroad": here.wait_log},
        trust,
    )
    for server in (here, there, accounts):
        server.stop()


class Client:
    """A client at an address of its own, that notes what it is told."""

    def __init__(self, port: int, source: str, trust: ssl.SSLContext) -> None:
        self.heard: list[str] = []
        self._trust = trust
        self._smtp = smtplib.SMTP(timeout=30, source_address=(source, 0), local_hostname="x")
        self._smtp._host = "127.0.0.1"  # for the handshake; its constructor wants a 220
        self._hear(self._smtp.connect("127.0.0.1", port))

    def say(self, command: str) -> str:
        return self._hear(self._smtp.docmd(command))

    def hello(self) -> None:
        self._smtp.ehlo()

    def secure(self) -> None:
        """Begin TLS, and say EHLO in it; what is no success is noted."""
        try:
            self._smtp.starttls(context=self._trust)
        except smtplib.SMTPResponseException as error:
            self._hear((error.smtp_code, error.smtp_error))
            return
        answer = self._smtp.ehlo()
        if answer[0] >= 400:
            self._hear(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._smtp.close()

    def _hear(self, reply: tuple[int, bytes]) -> str:
        code, words = reply
        self.heard.append(f"{code} {words.decode()}")
        return self.heard[-1]


Talk = Callable[[int, str, ssl.SSLContext], list[str]]


def recipients(port: int, source: str, trust: ssl.SSLContext) -> list[str]:
    with Client(port, source, trust) as client:
        client.hello()
        for _ in range(11):
            client.say(MAIL)
            for _ in range(6):
                client.say(RCPT)
            client.say("RSET")
    return client.heard[1:]


def messages(port: int, source: str, trust: ssl.SSLContext) -> list[str]:
    with Client(port, source, trust) as client:
        client.hello()
        for _ in range(5):
            client.say(MAIL)
            client.say("RSET")
    return client.heard[1:]


def connections(port: int, source: str, trust: ssl.SSLContext) -> list[str]:
    heard = []
    for _ in range(4):
        with Client(port, source, trust) as client:
            heard.append(client.heard[0].partition(" ESMTP ")[0])
    return heard


def tls(port: int, source: str, trust: ssl.SSLContext) -> list[str]:
    heard = []
    for _ in range(4):
        with Client(port, source, trust) as client:
            client.hello()
            client.secure()
            heard += client.heard[1:]
    return heard


def logins(port: int, source: str, trust: ssl.SSLContext) -> list[str]:
    heard = []
    for _ in range(4):
        with Client(port, source, trust) as client:
            client.hello()
            client.secure()
            heard.append(client.say("AUTH PLAIN AGpvaG5AZXhhbXBsZS5vcmcAc3VtbWVyc3Vu"))
    return heard


TALKS: dict[str, Talk] = {
    "messages": messages,
    "connections": connections,
    "tls": tls,
    "logins": logins,
}


def _both(pair: Pair, name: str, talk: Talk) -> dict[str, list[str]]:
    source = f"127.0.7.{10 + list(POSTFIX_OPTIONS).index(name)}"
    return {
        who: [
            line.replace(host, "HOST") for line in talk(pair.ports[who][name], source, pair.trust)
        ]
        for who, host in HOSTS.items()
    }


@pytest.mark.parametrize("name", TALKS)
def test_both_say_the_same(pair: Pair, name: str) -> None:
    said = _both(pair, name, TALKS[name])
    assert said["postroad"] == said["postfix"]
    assert any("Error: too m" in line for line in said["postroad"])


def test_what_the_small_server_guide_sets(pair: Pair) -> None:
    """smtpd_recipient_limit = 5, smtpd_client_recipient_rate_limit = 50.

    Postfix counts the recipients that it refuses too, so its limit is reached sooner.
    """
    said = _both(pair, "recipients", recipients)
    words = {who: list(dict.fromkeys(lines)) for who, lines in said.items()}
    assert words["postroad"] == words["postfix"]
    assert words["postroad"] == [
        "250 2.1.0 Ok",
        "250 2.1.5 Ok",
        "452 4.5.3 Error: too many recipients",
        "250 2.0.0 Ok",
        "450 4.7.1 Error: too many recipients from 127.0.7.10",
    ]
    counts = {who: lines.count("250 2.1.5 Ok") for who, lines in said.items()}
    assert counts == {"postfix": 42, "postroad": 50}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("recipients", "Recipient address rate limit exceeded: 51 from unknown[127.0.7.10]"),
        ("messages", "Message delivery request rate limit exceeded: 4 from unknown[127.0.7.11]"),
        ("connections", "Connection rate limit exceeded: 3 from unknown[127.0.7.12]"),
        ("tls", "New TLS session rate limit exceeded: 3 from unknown[127.0.7.13]"),
        ("tls", "Refusing STARTTLS request from unknown[127.0.7.13]"),
        ("logins", "AUTH command rate limit exceeded: 3 from unknown[127.0.7.14]"),
    ],
)
def test_both_log_the_same(pair: Pair, name: str, line: str) -> None:
    """After the conversations above."""
    for who in HOSTS:
        assert f"warning: {line} for service " in pair.logs[who](line)
