"""Address verification and greylisting of a running server, beside a real Postfix that does it.

Both servers, ours and a Postfix, verify recipients at the same third one, the Postfix that is the
mail exchanger of `elsewhere.test`; what they say is compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from peers.dialogue import Dialogue, plain
from peers.dns import NameServer
from peers.ports import free_port
from peers.postfix import Listener, Postfix
from peers.postroad import Postroad
from peers.waiting import until

pytestmark = pytest.mark.peer

RECORDS = [
    "elsewhere.test. MX 10 mx.elsewhere.test.",
    "mx.elsewhere.test. A 127.0.0.1",
    "dead.test. MX 10 mx.dead.test.",
    "mx.dead.test. A 127.0.0.3",
]
ACCESS = """\
later@elsewhere.test 450 4.2.0 come again
never@elsewhere.test 550 5.7.1 not for you
slow@elsewhere.test slowly
"""
NOBODY = "User unknown in virtual mailbox table"


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    server = NameServer(RECORDS)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Postfix]:
    """The mail exchanger of elsewhere.test: one address of each temper."""
    boxes = "bob@elsewhere.test bob/\nlater@elsewhere.test x/\nslow@elsewhere.test x/\n"
    server = Postfix(
        {
            "virtual_mailbox_domains": "elsewhere.test",
            "virtual_mailbox_base": "%(folder)s/mail",
            "virtual_mailbox_maps": "texthash:%(folder)s/boxes",
            "virtual_uid_maps": "static:5000",
            "virtual_gid_maps": "static:5000",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "smtpd_recipient_restrictions": "check_recipient_access texthash:%(folder)s/access",
            "smtpd_restriction_classes": "slowly",
            "slowly": "sleep 6",
        },
        files={"boxes": boxes, "access": ACCESS},
    )
    yield server
    server.stop()


@pytest.fixture(scope="module")
def postfix(elsewhere: Postfix) -> Iterator[Postfix]:
    """A relay for trusted clients that verifies recipients."""
    routes = {"elsewhere.test": "127.0.0.1", "dead.test": "127.0.0.3"}
    table = "".join(f"{domain} smtp:[{host}]:{elsewhere.port}\n" for domain, host in routes.items())
    strict = {"unverified_recipient_reject_code": "550"}
    server = Postfix(
        {
            "transport_maps": "texthash:%(folder)s/transport",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtpd_recipient_restrictions": "reject_unverified_recipient",
            "address_verify_poll_delay": "1s",
            "address_verify_poll_count": "30",
            "smtp_tls_security_level": "none",
        },
        listeners=[Listener(free_port(), {}), Listener(free_port(), strict)],
        files={"transport": table},
    )
    yield server
    server.stop()


@pytest.fixture
def serve(
    names: NameServer, elsewhere: Postfix, started: Callable[[Postroad], Postroad]
) -> Callable[..., Postroad]:
    """Starts a relay of ours that verifies recipients."""

    def start(lists: dict[str, list[str]] | None = None, **tables: object) -> Postroad:
        policy = lists or {"recipient": ["reject_unverified_recipient"]}
        settings = {
            "listeners": {"mx": {"policy": policy}},
            "dns": {"servers": [names.address]},
            "delivery": {"mx_port": elsewhere.port},
            "relay": {"trusted_networks": ["127.0.0.0/8"]},
            "verification": {"poll": 30},
            **tables,
        }
        return started(
            Postroad(settings, listeners=["mx"], accounts={"john@example.org": "summersun"})
        )

    return start


def ask(port: int, *recipients: str, sender: str = "joe@client.test") -> list[str]:
    """The replies to RCPT in one session."""
    with plain(port) as dialogue:
        return _ask(dialogue, sender, recipients)


def _ask(dialogue: Dialogue, sender: str, recipients: tuple[str, ...]) -> list[str]:
    dialogue.hear()
    dialogue.say("EHLO client.test")
    dialogue.say(f"MAIL FROM:<{sender}>")
    replies = [dialogue.say(f"RCPT TO:<{each}>") for each in recipients]
    dialogue.say("QUIT")
    return replies


def same_words(reply: str) -> str:
    """A reply without the next hop's name, which a transport table does not know."""
    return re.sub(r"(host|to|with) \S+\[([0-9.]+)\](:\d+)?", r"\1 \2", reply)


ADDRESSES = (
    "bob@elsewhere.test",
    "nobody@elsewhere.test",
    "never@elsewhere.test",
    "later@elsewhere.test",
    "someone@dead.test",
)


@pytest.mark.parametrize(("at", "code"), [(0, 450), (1, 550)])
def test_it_says_what_postfix_says(
    serve: Callable[..., Postroad], postfix: Postfix, at: int, code: int
) -> None:
    ours = serve(policy={"unverified_recipient_reject_code": code})
    theirs = postfix.listeners[at].port
    said = {
        address: (
            same_words(ask(ours.port("mx"), address)[0]),
            same_words(ask(theirs, address)[0]),
        )
        for address in ADDRESSES
    }
    assert {address: ours for address, (ours, _) in said.items()} == {
        address: theirs for address, (_, theirs) in said.items()
    }
    assert said["bob@elsewhere.test"][0] == "250 2.1.5 Ok"
    nobody = said["nobody@elsewhere.test"][0]
    assert nobody.startswith(f"{code} ")
    assert NOBODY in nobody


def test_what_is_found_out_is_kept_and_can_be_forgotten(
    serve: Callable[..., Postroad], elsewhere: Postfix
) -> None:
    ours = serve()
    nobody = "nobody2@elsewhere.test"
    first = ask(ours.port("mx"), nobody, "bob@elsewhere.test")
    elsewhere.wait_log(f"to=<{nobody}>")  # its log comes after its replies
    probes = elsewhere.log().count(f"to=<{nobody}>")
    assert probes == 1
    for _ in range(4):  # whichever worker it is
        assert ask(ours.port("mx"), nobody, "bob@elsewhere.test") == first
    assert elsewhere.log().count(f"to=<{nobody}>") == probes
    ours.kill_worker()
    until(lambda: _answers(ours, nobody, first[0]), within=30, what="a worker again")
    assert elsewhere.log().count(f"to=<{nobody}>") == probes
    listed = ours.run("verified", "list")
    assert "bob@elsewhere.test" in listed
    assert "undeliverable" in listed
    assert ours.run("verified", "forget", nobody) == "forgot 1 entry\n"
    ask(ours.port("mx"), nobody)
    until(lambda: elsewhere.log().count(f"to=<{nobody}>") > probes, within=30, what="a probe")
    assert elsewhere.log().count(f"to=<{nobody}>") == probes + 1


def _answers(server: Postroad, address: str, said: str) -> bool:
    try:
        return ask(server.port("mx"), address) == [said]
    except (ConnectionError, OSError, IndexError):
        return False


def test_a_slow_host_answers_the_next_time(serve: Callable[..., Postroad]) -> None:
    ours = serve(verification={"poll": 0.1})
    slow = "slow@elsewhere.test"
    (said,) = ask(ours.port("mx"), slow)
    assert said == (
        f"450 4.1.1 <{slow}>: Recipient address rejected: unverified address:"
        " Address verification in progress"
    )
    ours.wait_log("status=deliverable")
    assert ask(ours.port("mx"), slow) == ["250 2.1.5 Ok"]


def test_who_verifies_our_probes_finds_their_sender(
    serve: Callable[..., Postroad], elsewhere: Postfix
) -> None:
    ours = serve(relay={"trusted_networks": []})
    probe = "double-bounce@mail.example.org"
    said = ask(ours.port("mx"), probe, "nobody@mail.example.org", sender="")
    assert said[0] == "250 2.1.5 Ok"
    assert said[1].startswith("554 5.7.1 ")
    with plain(ours.port("mx")) as dialogue:
        dialogue.hear()
        dialogue.say("EHLO client.test")
        dialogue.say("MAIL FROM:<>")
        dialogue.say(f"RCPT TO:<{probe}>")
        dialogue.say("DATA")
        dialogue.type("Subject: harvested", "", "x")
        assert dialogue.say(".").startswith("250 2.0.0 Ok: queued as ")
    line = ours.wait_log(f"to=<{probe}>")
    assert "status=sent" in line
    assert "undeliverable postmaster notification discarded" in line
    ours.wait_log("removed")


def test_strangers_come_again(serve: Callable[..., Postroad]) -> None:
    ours = serve(
        {"recipient": ["reject_unlisted_recipient", "greylist"]},
        relay={"trusted_networks": []},
        greylist={"delay": 2},
    )
    john, nobody = "john@example.org", "nobody@example.org"
    first = ask(ours.port("mx"), john, nobody)
    assert first[0].startswith(f"450 4.2.0 <{john}>: Recipient address rejected: Greylisted")
    assert first[1].startswith("550 5.1.1 ")
    assert "waiting" in ours.run("greylist", "list")
    ours.kill_worker()
    passed = lambda: _answers(ours, john, "250 2.1.5 Ok")  # noqa: E731
    until(passed, within=30, what="the stranger passes")
    assert ask(ours.port("mx"), john) == ["250 2.1.5 Ok"]
    assert "passed" in ours.run("greylist", "list")
    assert ours.run("greylist", "forget", "127.0.0.1") == "forgot 2 entries\n"
    assert ask(ours.port("mx"), john)[0].startswith("450 4.2.0 ")
