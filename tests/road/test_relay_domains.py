"""Domains that mail is passed on for: a Postfix with `relay_domains` and we say the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from peers import dialogue
from peers.postfix import Postfix
from peers.postroad import Postroad

pytestmark = pytest.mark.peer

KNOWN = "known@partner.test ok\n@whole.test ok\nknown@asked.test ok\n"

MAIN_CF = {
    "mydestination": "",
    "relay_domains": "partner.test, whole.test, asked.test",
    "relay_recipient_maps": "texthash:%(folder)s/recipients",
    "parent_domain_matches_subdomains": "",
    "recipient_delimiter": "+",
    "mynetworks": "192.0.2.1/32",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
    "relay_transport": "discard:",
}
"""Without a map, Postfix takes any address of a relayed domain."""

RECIPIENTS = (
    "known@partner.test",
    "KNOWN@Partner.test",
    "known+tag@partner.test",
    "unknown@partner.test",
    "anybody@whole.test",
    "known@sub.partner.test",
    "known@other.test",
)


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Postfix, Postroad]]:
    postfix = Postfix(MAIN_CF, files={"recipients": KNOWN})
    table = postfix.folder / "recipients"
    domain = {"kind": "relay", "recipients": f"texthash:{table}", "transport": "discard"}
    postroad = Postroad(
        {
            "domain": {
                "partner.test": domain,
                "whole.test": domain,
                "asked.test": {"kind": "relay", "nexthop": f"[127.0.0.1]:{postfix.port}"},
                "any.test": {"kind": "relay", "recipients": "any", "transport": "discard"},
                "alias.test": {"kind": "alias", "alias_of": "example.org"},
            },
            "relay": {"trusted_networks": []},
        },
        listeners=("mx",),
        accounts={"john@example.org": "summersun"},
    )
    yield postfix, postroad
    postroad.stop()
    postfix.stop()


@pytest.fixture
def ports(servers: tuple[Postfix, Postroad]) -> tuple[int, int]:
    return servers[0].port, servers[1].port("mx")


@pytest.mark.parametrize("recipient", RECIPIENTS)
def test_replies_are_those_of_postfix(ports: tuple[int, int], recipient: str) -> None:
    said = [reply_to(port, recipient) for port in ports]
    assert said[0] == said[1]


def test_the_words_of_a_refusal(ports: tuple[int, int]) -> None:
    assert reply_to(ports[1], "unknown@partner.test") == (
        "550 5.1.1 <unknown@partner.test>: Recipient address rejected: "
        "User unknown in relay recipient table"
    )


@pytest.mark.parametrize(
    ("recipient", "reply"),
    [
        ("known@asked.test", "250 2.1.5 Ok"),
        ("unknown@asked.test", "550 5.1.1 <unknown@asked.test>: Recipient address rejected: "),
        ("whoever@any.test", "250 2.1.5 Ok"),
        ("John+x@alias.test", "250 2.1.5 Ok"),
        ("nobody@alias.test", "550 5.1.1 <nobody@alias.test>: Recipient address rejected: "),
    ],
)
def test_who_else_may_know(ports: tuple[int, int], recipient: str, reply: str) -> None:
    assert reply_to(ports[1], recipient).startswith(reply)


def test_explain_says_why(servers: tuple[Postfix, Postroad]) -> None:
    with pytest.raises(RuntimeError) as refused:  # the status of the command says so too
        servers[1].run(
            *("explain", "--client", "192.0.2.9", "--name", "unknown", "--helo", "client.test"),
            *("--from", "someone@elsewhere.test", "--to", "unknown@partner.test"),
        )
    said = str(refused.value)
    assert "not among those who take mail" in said
    assert "User unknown in relay recipient table" in said


def reply_to(port: int, recipient: str) -> str:
    with dialogue.plain(port) as line:
        line.hear()
        line.say("EHLO client.test")
        line.say("MAIL FROM:<someone@elsewhere.test>")
        return line.say(f"RCPT TO:<{recipient}>")
