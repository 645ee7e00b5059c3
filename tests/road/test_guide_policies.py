"""The restriction lists of the five guides: Postfix has the guide's lines, Postroad our file.

Each conversation is held with both. What they say is the same word for word, and where the guide
shows a reply it is that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from guide_lines import GUIDES, JOHN, LISA, RELAY_USER, SMALL_SERVER
from guide_servers import Conversation, Guide, GuideServers
from peers import dialogue
from peers.certificates import Certificate
from peers.dns import NameServer
from peers.ports import free_port
from peers.postroad import Postroad
from postroad.config import load

pytestmark = pytest.mark.peer

STRANGER = "ADDR=192.0.2.7 NAME=[UNAVAILABLE]"

FROM_LISA, FROM_JOHN = "MAIL FROM:<lisa@example.com>", f"MAIL FROM:<{JOHN}>"
FORGED = "MAIL FROM:<someoneelse@example.com>"
AWAY, TO_JOHN, TO_NOBODY = (
    f"RCPT TO:<{address}>" for address in ("someone@example.net", JOHN, "nobody@example.org")
)
OK = "250 2.1.5 Ok"
DENIED = "554 5.7.1 <someone@example.net>: Relay access denied"
UNKNOWN = (
    "550 5.1.1 <nobody@example.org>: Recipient address rejected: "
    "User unknown in virtual mailbox table"
)
NOT_OWNED = (
    "553 5.7.1 <someoneelse@example.com>: Sender address rejected: "
    "not owned by user john@example.org"
)

TALKS: dict[str, dict[str, Conversation]] = {
    "ispmail-debian7": {
        "a stranger may not relay": Conversation(lines=[FROM_LISA, AWAY], last=DENIED),
        "a stranger writes to john": Conversation(lines=[FROM_LISA, TO_JOHN], last=OK),
        "a stranger writes to nobody": Conversation(lines=[FROM_LISA, TO_NOBODY], last=UNKNOWN),
        "john relays": Conversation(tls=True, login=JOHN, lines=[FROM_JOHN, AWAY], last=OK),
        "john forges": Conversation(tls=True, login=JOHN, lines=[FORGED, AWAY], last=OK),
        "john writes to nobody": Conversation(
            tls=True, login=JOHN, lines=[FROM_JOHN, TO_NOBODY], last=UNKNOWN
        ),
    },
    "ispmail-debian11": {
        "thunderbird on port 25": Conversation(
            client=STRANGER, lines=[FROM_LISA, AWAY], last=DENIED
        ),
        "the machine itself": Conversation(lines=[FROM_LISA, AWAY], last=OK),
        "john relays by port 25": Conversation(
            tls=True, login=JOHN, lines=[FROM_JOHN, AWAY], last=OK
        ),
        "john forges on port 25": Conversation(
            tls=True, login=JOHN, lines=[FORGED, AWAY], last=NOT_OWNED
        ),
        "a stranger as john": Conversation(
            client=STRANGER,
            lines=[FROM_JOHN, TO_JOHN],
            last=f"553 5.7.1 <{JOHN}>: Sender address rejected: not logged in",
        ),
        "submission before TLS": Conversation(
            listener="submission",
            lines=[FROM_JOHN],
            last="530 5.7.0 Must issue a STARTTLS command first",
        ),
        "john relays": Conversation(
            listener="submission", tls=True, login=JOHN, lines=[FROM_JOHN, AWAY], last=OK
        ),
        "john forges": Conversation(
            listener="submission", tls=True, login=JOHN, lines=[FORGED, AWAY], last=NOT_OWNED
        ),
        "john as lisa": Conversation(
            listener="submission",
            tls=True,
            login=JOHN,
            lines=[f"MAIL FROM:<{LISA}>", AWAY],
            last=f"553 5.7.1 <{LISA}>: Sender address rejected: not owned by user {JOHN}",
        ),
        "john bounces": Conversation(
            listener="submission", tls=True, login=JOHN, lines=["MAIL FROM:<>", AWAY], last=OK
        ),
        "john writes to nobody": Conversation(
            listener="submission", tls=True, login=JOHN, lines=[FROM_JOHN, TO_NOBODY], last=OK
        ),
        "submission without a login": Conversation(
            listener="submission",
            tls=True,
            lines=[FROM_LISA, TO_JOHN],
            last="554 5.7.1 <lisa@example.com>: Sender address rejected: Access denied",
        ),
    },
    "port-443": {
        "not using TLS": Conversation(
            listener="firewall",
            lines=["MAIL FROM: someone@server.local"],
            last="530 5.7.0 Must issue a STARTTLS command first",
        ),
        **{
            f"without a login to {to}": Conversation(
                listener="firewall",
                tls=True,
                client="ADDR=IPV6:::1 NAME=localhost",
                lines=["MAIL FROM: someone@server.local", f"RCPT TO: {to}"],
                last="554 5.7.1 <localhost[::1]>: Client host rejected: Access denied",
            )
            for to in ("root@localhost", "someone@example.net", RELAY_USER)
        },
        **{
            f"after a login to {to}": Conversation(
                listener="firewall",
                tls=True,
                login=RELAY_USER,
                lines=["MAIL FROM: someone@server.local", f"RCPT TO: {to}"],
                last=said,
            )
            for to, said in (
                ("someone@example.net", OK),
                (RELAY_USER, OK),
                ("nobody@relay.example.org", UNKNOWN.replace("example", "relay.example")),
            )
        },
    },
    "ubuntu": {
        "a stranger may not relay": Conversation(
            client=STRANGER, lines=[FROM_LISA, AWAY], last=DENIED
        ),
        "submission without a login": Conversation(
            listener="submission",
            tls=True,
            lines=[FROM_LISA, AWAY],
            last="554 5.7.1 <someone@example.net>: Recipient address rejected: Access denied",
        ),
        "taro relays": Conversation(
            listener="submission", tls=True, login="taro@example.jp", lines=[FORGED, AWAY], last=OK
        ),
        "taro relays by port 25": Conversation(
            tls=True, login="taro@example.jp", client=STRANGER, lines=[FORGED, AWAY], last=OK
        ),
        "taro writes to nobody": Conversation(
            listener="submission",
            tls=True,
            login="taro@example.jp",
            lines=[FORGED, "RCPT TO:<nobody@example.jp>"],
            last=OK,
        ),
    },
    "small-server": {
        "a blocked client": Conversation(
            client="ADDR=192.0.2.66 NAME=[UNAVAILABLE]",
            lines=[FROM_LISA, TO_JOHN],
            last="554 5.7.1 Client host 192.0.2.66 blocked using ZEN - "
            "see https://www.spamhaus.org/query/ip/192.0.2.66 for details",
        ),
        "an answer outside the filter": Conversation(
            client="ADDR=192.0.2.67 NAME=[UNAVAILABLE]", lines=[FROM_LISA, TO_JOHN], last=OK
        ),
        "a list that does not answer": Conversation(
            client="ADDR=192.0.2.68 NAME=[UNAVAILABLE]", lines=[FROM_LISA, TO_JOHN], last=OK
        ),
        "a blocked sender": Conversation(
            client=STRANGER,
            lines=["MAIL FROM:<x@spam.test>", TO_JOHN],
            last="554 5.7.1 Sender address x@spam.test blocked using DBL - "
            "see https://www.spamhaus.org/query/domain/spam for details",
        ),
        "a blocked name in HELO": Conversation(
            client=STRANGER,
            hello="EHLO spam.test",
            lines=[FROM_LISA, TO_JOHN],
            last="554 5.7.1 Helo command spam.test blocked using DBL - "
            "see https://www.spamhaus.org/query/domain/spam for details",
        ),
        "a blocked reverse name": Conversation(
            client="ADDR=192.0.2.7 NAME=[UNAVAILABLE] REVERSE_NAME=spam.test",
            lines=[FROM_LISA, TO_JOHN],
            last="554 5.7.1 Unverified Client host spam.test blocked using DBL - "
            "see https://www.spamhaus.org/query/domain/spam for details",
        ),
        "a young sender": Conversation(
            client=STRANGER,
            lines=["MAIL FROM:<x@young.test>", TO_JOHN],
            last="554 5.7.1 Sender address x@young.test blocked using ZRD - domain too young",
        ),
        "a young name in HELO": Conversation(
            client=STRANGER,
            hello="EHLO young.test",
            lines=[FROM_LISA, TO_JOHN],
            last="554 5.7.1 Helo command young.test blocked using ZRD - domain too young",
        ),
        "an old sender": Conversation(
            client=STRANGER, lines=["MAIL FROM:<x@old.test>", TO_JOHN], last=OK
        ),
        "the bounce of a stranger": Conversation(
            client=STRANGER, lines=["MAIL FROM:<>", TO_JOHN], last=OK
        ),
        "a sender in the blocklist": Conversation(
            client=STRANGER,
            lines=["MAIL FROM:<badguy@mail.test>", TO_JOHN],
            last='554 5.7.1 <badguy@mail.test>: Sender address rejected: "Spam"',
        ),
        "a domain in the blocklist": Conversation(
            client=STRANGER,
            lines=["MAIL FROM:<someone@annoying.test>", TO_JOHN],
            last='554 5.7.1 <someone@annoying.test>: Sender address rejected: "Spam"',
        ),
        "a domain below one in the blocklist": Conversation(
            client=STRANGER,
            lines=["MAIL FROM:<Someone@News.Annoying.test>", TO_JOHN],
            last='554 5.7.1 <Someone@News.Annoying.test>: Sender address rejected: "Spam"',
        ),
        "relaying": Conversation(client=STRANGER, lines=[FROM_LISA, AWAY], last=DENIED),
        "relaying from the machine itself": Conversation(lines=[FROM_LISA, AWAY], last=DENIED),
        "a recipient without a fully qualified domain": Conversation(
            client=STRANGER,
            lines=[FROM_LISA, "RCPT TO:<john@localhost>"],
            last="504 5.5.2 <john@localhost>: Recipient address rejected: "
            "need fully-qualified address",
        ),
        "commands ahead of their turn": Conversation(
            client=STRANGER,
            hello="HELO client.test",
            lines=[FROM_LISA, f"{TO_JOHN}\r\nDATA"],
            last=f"503 5.5.0 <{JOHN}>: Recipient address rejected: "
            "Improper use of SMTP command pipelining",
        ),
        "an unknown recipient": Conversation(
            client=STRANGER, lines=[FROM_LISA, TO_NOBODY], last=UNKNOWN
        ),
        "mail as SPF allows": Conversation(
            client=STRANGER, lines=["MAIL FROM:<paul@mail.test>", TO_JOHN], last=OK
        ),
        "mail as SPF forbids": Conversation(
            client="ADDR=192.0.2.8 NAME=[UNAVAILABLE]",
            lines=["MAIL FROM:<paul@mail.test>", TO_JOHN],
            last=f"550 5.7.23 <{JOHN}>: Recipient address rejected: Message rejected due to: "
            "SPF fail - not authorized. Please see http://www.openspf.net/Why?"
            "s=mfrom;id=paul@mail.test;ip=192.0.2.8;r=example.org",
        ),
        "a sixth recipient": Conversation(
            client=STRANGER,
            lines=[FROM_LISA, *[TO_JOHN] * 6],
            last="452 4.5.3 Error: too many recipients",
        ),
        "submission without a login": Conversation(
            listener="submission",
            tls=True,
            client=STRANGER,
            lines=[FROM_LISA, AWAY],
            last="554 5.7.1 <someone@example.net>: Recipient address rejected: Access denied",
        ),
        "submission from the machine itself": Conversation(
            listener="submission", tls=True, lines=[FROM_LISA, AWAY], last=OK
        ),
        "john relays": Conversation(
            listener="submission",
            tls=True,
            login=JOHN,
            client=STRANGER,
            lines=[FORGED, AWAY],
            last=OK,
        ),
    },
}


@pytest.fixture(scope="module")
def both(certificate: Certificate) -> Iterator[Callable[[Guide], GuideServers]]:
    """The servers of a guide, which run until those of the next guide are asked for."""
    with ExitStack() as stack:
        running: dict[str, GuideServers] = {}

        def servers(guide: Guide) -> GuideServers:
            if guide.name not in running:
                stack.close()
                running.clear()
                running[guide.name] = GuideServers(guide, certificate)
                stack.callback(running[guide.name].stop)
                running[guide.name].postroad.run("check")
            return running[guide.name]

        yield servers


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_our_file_has_no_faults(guide: Guide) -> None:
    load(guide.configuration, examine_files=False)


@pytest.mark.parametrize(
    ("guide", "talk"),
    [
        pytest.param(guide, talk, id=f"{guide.name}: {what}")
        for guide in GUIDES
        for what, talk in TALKS[guide.name].items()
    ],
)
def test_both_say_the_same(both, guide: Guide, talk: Conversation) -> None:
    said = both(guide).heard(talk)
    assert said["postroad"] == [_as_a_mailbox(line) for line in said["postfix"]]
    assert said["postroad"][-1] == talk.last


def _as_a_mailbox(reply: str) -> str:
    """To the Postfix of the small server, users are aliases."""
    return reply.replace("virtual alias table", "virtual mailbox table")


def test_fifty_recipients_in_a_minute(both) -> None:
    """smtpd_client_recipient_rate_limit; tests/road/test_rates.py compares it with Postfix."""
    port = both(SMALL_SERVER).postroad.port("mx")
    with dialogue.plain(port) as terminal:
        terminal.hear()
        terminal.say("EHLO proxy.test")
        terminal.say("XCLIENT ADDR=192.0.2.50 NAME=[UNAVAILABLE]")
        terminal.say("EHLO client.test")
        for _ in range(10):
            terminal.say(FROM_LISA)
            assert [terminal.say(TO_JOHN) for _ in range(5)] == [OK] * 5
            terminal.say("RSET")
        terminal.say(FROM_LISA)
        assert terminal.say(TO_JOHN) == "450 4.7.1 Error: too many recipients from 192.0.2.50"


def test_the_transcript_of_port_443(certificate: Certificate, started) -> None:
    """By `openssl s_client -connect localhost:443`, which finds `::1` first."""
    zeros = "0." * 31
    names = started(
        NameServer([f"1.{zeros}ip6.arpa. PTR localhost.", "localhost. AAAA ::1"], ["."])
    )
    port = free_port()
    firewall = {"preset": "submission", "bind": [f"[::1]:{port}"]}
    settings = {
        "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
        "dns": {"servers": [names.address]},
        "listeners": {"firewall": firewall},
    }
    started(Postroad(settings, listeners=["mx"], accounts={JOHN: "summersun"}))
    for recipient in (JOHN, "someone@example.net"):
        with dialogue.starttls(port, host="[::1]") as openssl:
            openssl.say("EHLO mylaptop.local")
            assert openssl.say("MAIL FROM: someone@server.local") == "250 2.1.0 Ok"
            assert openssl.say(f"RCPT TO: {recipient}") == (
                "554 5.7.1 <localhost[::1]>: Client host rejected: Access denied"
            )
            assert openssl.say("QUIT") == "221 2.0.0 Bye"
