"""A whole server and the real SpamAssassin, rspamd and ClamAV: what clients hear, what is filed."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator

import pytest

from peers.clamd import EICAR, MOST, Clamd
from peers.maildir import Maildir
from peers.ports import free_port
from peers.postroad import Postroad
from peers.rspamd import BARGAIN, LATER, Rspamd
from peers.spamd import GTUBE, Spamd
from peers.waiting import logged, until

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
ANNA = "anna@example.org"
LISA = "lisa@elsewhere.test"


@pytest.fixture(scope="module")
def spamd() -> Iterator[Spamd]:
    peer = Spamd()
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def rspamd() -> Iterator[Rspamd]:
    peer = Rspamd()
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def clamd() -> Iterator[Clamd]:
    peer = Clamd()
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def server(spamd: Spamd, rspamd: Rspamd, clamd: Clamd) -> Iterator[Postroad]:
    listeners = {
        name: {"preset": "mx", "bind": [f"127.0.0.1:{free_port()}"], "filters": [name]}
        for name in ("assassin", "lenient", "rspamd", "clamav", "held", "away")
    }
    assassin = {"kind": "spamassassin", "socket": f"inet:127.0.0.1:{spamd.port}"}
    scanner = {"kind": "clamav", "socket": f"unix:{clamd.path}"}
    server = Postroad(
        {
            "workers": 1,
            "authentication": {"verify": False},
            "listeners": listeners,
            "filters": {
                "assassin": assassin,
                "lenient": {**assassin, "reject": 0, "tag": 2.0},
                "rspamd": {"kind": "rspamd", "url": f"http://127.0.0.1:{rspamd.port}"},
                "clamav": scanner,
                "held": {**scanner, "infected": "hold"},
                "away": {"kind": "clamav", "socket": f"inet:127.0.0.1:{free_port()}"},
            },
        },
        listeners=("mx",),
        accounts={JOHN: "summersun", ANNA: "summersun"},
    )
    server.ports = {  # type: ignore[attr-defined]
        name: int(str(each["bind"][0]).rpartition(":")[2]) for name, each in listeners.items()
    }
    yield server
    server.stop()


def send(
    server: Postroad, listener: str, text: str, *recipients: str, header: str = ""
) -> tuple[int, str]:
    """Hand over a message and return the reply to its end."""
    letter = f"From: {LISA}\nTo: {JOHN}\n{header}\n{text}\n".replace("\n", "\r\n")
    ports: dict[str, int] = server.ports  # type: ignore[attr-defined]
    with smtplib.SMTP("127.0.0.1", ports[listener], timeout=60) as client:
        client.ehlo("mx.elsewhere.test")
        client.mail(LISA)
        for each in recipients or (JOHN,):
            client.rcpt(each)
        code, words = client.data(letter.encode())
        return code, words.decode()


def junk_of(server: Postroad, address: str) -> Maildir:
    return Maildir(server.maildir(address).new.parent / ".Junk", server.log)


def test_spamassassin_refuses_and_marks(server: Postroad) -> None:
    code, words = send(server, "assassin", GTUBE, header="Subject: refused\n")
    assert (code, words[:33]) == (550, "5.7.1 Message rejected as spam (s")

    forged = "X-Spam-Flag: YES\nX-Spam-Score: -100\nSubject: soup\n"
    assert send(server, "assassin", "Soup?", header=forged)[0] == 250
    message = server.maildir(JOHN).wait_parsed("Subject: soup")
    assert message["X-Spam-Flag"] is None
    (score,) = message.get_all("X-Spam-Score", [])
    assert -10 < float(score) < 5
    assert message["X-Spam-Status"].startswith(f"No, score={score} required=5.0")


def test_what_is_not_refused_is_filed_as_junk(server: Postroad) -> None:
    assert send(server, "lenient", GTUBE, header="Subject: bargain\n")[0] == 250
    junk = junk_of(server, JOHN)
    message = junk.wait_parsed("Subject: bargain")
    assert message["X-Spam-Flag"] == "YES"
    assert message["X-Spam-Level"] == "*" * 50
    assert "GTUBE" in message["X-Spam-Status"]


def test_an_account_has_its_own_thresholds(server: Postroad) -> None:
    server.run("spam", "threshold", ANNA, "--reject", "never")
    assert send(server, "assassin", GTUBE, ANNA, header="Subject: for anna\n")[0] == 250
    junk_of(server, ANNA).wait_parsed("Subject: for anna")
    # Of two, one wants it.
    assert send(server, "assassin", GTUBE, JOHN, ANNA, header="Subject: both\n")[0] == 250
    junk_of(server, JOHN).wait_parsed("Subject: both")
    server.run("spam", "threshold", ANNA, "--junk", "2000")
    assert send(server, "assassin", GTUBE, ANNA, header="Subject: wanted\n")[0] == 250
    server.maildir(ANNA).wait_parsed("Subject: wanted")
    (listed,) = json.loads(server.run("spam", "thresholds", "--json"))
    assert listed == {"user": ANNA, "junk": 2000.0, "reject": 0.0}
    server.run("spam", "threshold", ANNA, "--reset")
    assert send(server, "assassin", GTUBE, ANNA)[0] == 550


def test_rspamd_does_what_its_actions_say(server: Postroad, rspamd: Rspamd) -> None:
    assert send(server, "rspamd", GTUBE) == (550, "5.7.1 Gtube pattern")
    assert send(server, "rspamd", LATER) == (451, "4.7.1 Come back in an hour")
    assert send(server, "rspamd", "Soup?", header="Subject: plain\nX-Old: 1\n")[0] == 250
    message = server.maildir(JOHN).wait_parsed("Subject: plain")
    assert message["X-Spam-Flag"] is None
    assert message["X-Old"] == "1"

    assert send(server, "rspamd", BARGAIN, header="Subject: offer\nX-Old: 1\n")[0] == 250
    message = junk_of(server, JOHN).wait_parsed("Subject: offer")
    assert message["X-Spam-Flag"] == "YES"
    assert message["X-Spam-Status"].split() == [
        *("Yes,", "score=7.0", "required=5.0"),
        "tests=BARGAIN",
    ]
    assert message["X-Bargain"] == "yes"
    assert message["X-Old"] is None
    logged(rspamd.log, f"from: <{LISA}>", within=30, whose="rspamd")


def test_clamav_refuses_viruses(server: Postroad) -> None:
    code, words = send(server, "clamav", EICAR)
    assert (code, words) == (550, "5.7.1 Message rejected, infected: Eicar-Test.UNOFFICIAL")
    assert send(server, "clamav", "Soup?", header="Subject: clean\n")[0] == 250
    server.maildir(JOHN).wait_parsed("Subject: clean")
    server.wait_log(": clamav=clean")


def test_a_virus_can_be_held(server: Postroad) -> None:
    assert send(server, "held", EICAR)[0] == 250
    held = server.run("queue", "list", "--held", "--json")
    assert "held: infected: Eicar-Test.UNOFFICIAL" in held


def test_more_than_clamd_takes(server: Postroad) -> None:
    text = "\n".join(["0123456789" * 7] * (MOST // 70 + 1000))
    assert send(server, "clamav", text) == (451, "4.7.1 Service unavailable - try again later")
    # It hangs up on octets that it has not read: what it said may be lost with the connection.
    ways = ("INSTREAM size limit exceeded", "the connection broke", "ended without an answer")
    until(
        lambda: any(way in server.log() for way in ways), within=30, what="the failure in the log"
    )


def test_a_service_that_is_away(server: Postroad) -> None:
    assert send(server, "away", "Soup?") == (451, "4.7.1 Service unavailable - try again later")
    server.wait_log("Connection refused")
