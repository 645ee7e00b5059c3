"""As whom users may write, and to whom: with swaks, on the port of strangers too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.certificates import Certificate
from peers.clients import swaks
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

ACCOUNTS = {"john@example.org": "summersun", "anna@example.org": "winter"}

PARTNERS = [
    "reject_unlisted_recipient",
    "permit_auth_destination",
    "check_recipient_access inline:{partner.example=OK}",
    "check_sasl_access inline:{anna@example.org=OK}",
    (
        "check_recipient_access static:{550 5.7.1 users of this server write to example.org and"
        " partner.example only}"
    ),
]
"""The recipe of docs/operators.md."""


@pytest.fixture(scope="module")
def server(certificate: Certificate) -> Iterator[Postroad]:
    server = Postroad(
        {
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "relay": {"trusted_networks": []},
            "domains": ["example.org", "example.net"],
            "delivery": {"capture": "captured"},
            "login": {"send_as": {"john@example.org": ["boss@example.com"]}},
            "listeners": {
                "mx": {"auth": True, "from_header": "reject"},
                "submission": {"policy": {"recipient": PARTNERS}},
            },
        },
        listeners=("mx", "submission"),
        accounts=ACCOUNTS,
    )
    server.run("alias", "add", "team@example.org", "john@example.org", "anna@example.org")
    server.run("alias", "add", "sales@example.org", "team@example.org")
    server.run("alias", "add", "@example.org", "john@example.org")
    yield server
    server.stop()


def send(
    server: Postroad,
    listener: str,
    *options: str,
    to: str = "anna@example.org",
    user: str = "john@example.org",
) -> str:
    """What swaks, logged in, is told last of all that matters."""
    done = swaks(
        *("--server", f"127.0.0.1:{server.port(listener)}", "--tls", "--auth", "PLAIN"),
        *("--auth-user", user, "--auth-password", ACCOUNTS[user]),
        *("--to", to, *options),
    )
    told = [line[4:].strip() for line in done.stdout.splitlines() if line.startswith("<~")]
    refused = [line for line in told if line[:1] in "45"]
    return refused[0] if refused else told[-2]


NOT_OWNED = "Sender address rejected: not owned by user john@example.org"


@pytest.mark.parametrize("listener", ["mx", "submission"])
@pytest.mark.parametrize(
    ("sender", "reply"),
    [
        ("john@example.org", "250 2.0.0 Ok: queued as "),
        ("john+shop@example.org", "250 2.0.0 Ok: queued as "),
        ("team@example.org", "250 2.0.0 Ok: queued as "),
        ("sales@example.org", "250 2.0.0 Ok: queued as "),
        ("boss@example.com", "250 2.0.0 Ok: queued as "),
        ("anna@example.org", f"553 5.7.1 <anna@example.org>: {NOT_OWNED}"),
        ("caught@example.org", f"553 5.7.1 <caught@example.org>: {NOT_OWNED}"),
        ("someoneelse@example.com", f"553 5.7.1 <someoneelse@example.com>: {NOT_OWNED}"),
    ],
)
def test_the_same_rule_on_both_ports(
    server: Postroad, listener: str, sender: str, reply: str
) -> None:
    assert send(server, listener, "--from", sender).startswith(reply)


def test_the_refusal_in_the_log_is_the_guides(server: Postroad) -> None:
    send(server, "mx", "--from", "someoneelse@example.com")
    line = server.wait_log("553 5.7.1 <someoneelse@example.com>")
    assert "NOQUEUE: reject: RCPT from " in line
    assert f"{NOT_OWNED}; from=<someoneelse@example.com> to=<anna@example.org>" in line


def test_the_from_header(server: Postroad) -> None:
    sender = ("--from", "john@example.org")
    assert send(server, "mx", *sender, "--header", "From: Boss <boss@example.com>").startswith(
        "250"
    )
    assert send(server, "mx", *sender, "--header", "From: Anna <anna@example.org>") == (
        "553 5.7.1 <anna@example.org>: From header address rejected: "
        "not owned by user john@example.org"
    )
    line = server.wait_log("From header address rejected")
    assert "NOQUEUE" not in line
    assert ": reject: END-OF-MESSAGE from " in line
    assert send(server, "submission", *sender, "--header", "From: anna@example.org").startswith(
        "250"
    )


@pytest.mark.parametrize(
    ("recipient", "reply"),
    [
        ("nobody@example.net", "550 5.1.1 <nobody@example.net>: Recipient address rejected: "),
        ("anna@example.org", "250 2.0.0 Ok: queued as "),
        ("lisa@partner.example", "250 2.0.0 Ok: queued as "),
        (
            "lisa@elsewhere.test",
            (
                "550 5.7.1 <lisa@elsewhere.test>: Recipient address rejected: "
                "users of this server write to example.org and partner.example only"
            ),
        ),
    ],
)
def test_users_who_may_write_to_some_domains_only(
    server: Postroad, recipient: str, reply: str
) -> None:
    assert send(server, "submission", "--from", "john@example.org", to=recipient).startswith(reply)


def test_one_who_may_write_anywhere(server: Postroad) -> None:
    anna = "anna@example.org"
    reply = send(server, "submission", "--from", anna, user=anna, to="lisa@elsewhere.test")
    assert reply.startswith("250 2.0.0 Ok: queued as ")


def test_a_table_of_senders_as_postfix_has_it(certificate: Certificate, tmp_path: Path) -> None:
    table = tmp_path / "senders"
    table.write_text("sales@example.org  anna, john\n@example.com  john@example.org\n")
    server = Postroad(
        {
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "relay": {"trusted_networks": []},
            "login": {"sender_login_maps": f"hash:{table}"},
        },
        listeners=("submission",),
        accounts=ACCOUNTS,
    )
    try:
        for sender, taken in (
            ("sales@example.org", True),
            ("anybody@example.com", True),
            ("john@example.org", False),
        ):
            reply = send(server, "submission", "--from", sender)
            assert reply.startswith("250") is taken
            assert taken or reply == f"553 5.7.1 <{sender}>: {NOT_OWNED}"
    finally:
        server.stop()
