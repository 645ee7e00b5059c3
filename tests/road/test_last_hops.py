"""Where the way of mail ends, by real programs: SpamAssassin behind a pipe, Dovecot behind LMTP."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable, Iterator

import pytest

from peers import needs
from peers.dovecot_store import DovecotStore
from peers.maildir import Maildir
from peers.ports import free_port
from peers.postroad import Postroad
from peers.spamd import GTUBE, Spamd
from peers.waiting import until

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
ANNA = "anna@example.org"
LISA = "lisa@elsewhere.test"
QUEUE = {"minimal_backoff": "1s", "maximal_backoff": "2s"}


# The SpamAssassin pipe of the small server -------------------------------------------------------


@pytest.fixture(scope="module")
def spamd() -> Iterator[Spamd]:
    peer = Spamd()
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def filtered(spamd: Spamd) -> Iterator[Postroad]:
    """The guide's `spamassassin unix - n n - - pipe argv=spamc -f -e sendmail …`."""
    back = free_port()
    command = [
        *(spamd.client, "-d", "127.0.0.1", "-p", str(spamd.port), "-f", "-e"),
        *(needs.program("msmtp"), "--host=127.0.0.1", f"--port={back}", "--tls=off"),
        *("--auth=off", "-f", "${sender}", "--", "${recipient}"),
    ]
    server = Postroad(
        {
            "workers": 1,
            "queue": QUEUE,
            "listeners": {
                "mx": {"content_filter": "spamassassin:"},
                "filtered": {
                    "preset": "mx",
                    "bind": [f"127.0.0.1:{back}"],
                    "taken_before": True,
                    "filters": [],
                },
            },
            "transports": {
                "spamassassin": {
                    "kind": "pipe",
                    "command": command,
                    "user": "nobody",
                    "null_sender": "",
                }
            },
        },
        listeners=("mx",),
        accounts={JOHN: "summersun", ANNA: "summersun"},
    )
    yield server
    server.stop()


def _send(port: int, sender: str, recipients: list[str], text: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.ehlo("mx.elsewhere.test")
        client.sendmail(sender, recipients, text.replace("\n", "\r\n").encode())


def _letter(subject: str, body: str) -> str:
    return f"From: {LISA}\nTo: {JOHN}\nSubject: {subject}\n\n{body}\n"


def test_spam_is_marked(filtered: Postroad) -> None:
    _send(filtered.port("mx"), LISA, [JOHN], _letter("bargain", GTUBE))
    junk = Maildir(filtered.maildir(JOHN).new.parent / ".Junk", filtered.log)
    message = junk.wait_parsed("Subject: bargain")
    assert message["X-Spam-Flag"] == "YES"
    assert message["Return-Path"] == f"<{LISA}>"
    line = filtered.wait_log("relay=spamassassin, ")
    assert "status=sent (250 2.0.0 delivered via spamassassin service)" in line


def test_what_is_no_spam_passes_once(filtered: Postroad) -> None:
    _send(filtered.port("mx"), LISA, [JOHN, ANNA], _letter("lunch", "Soup?\n.\n..dots"))
    for who in (JOHN, ANNA):
        message = filtered.maildir(who).wait_parsed("Subject: lunch")
        assert "X-Spam-Flag" not in message
        assert "X-Spam-Status" in message
        assert message.get_payload() == "Soup?\n.\n..dots\n"
    received = message.get_all("Received", [])
    assert len([one for one in received if "mail.example.org" in one]) == 2
    assert "status=sent" in filtered.wait_log("relay=spamassassin, ")
    lunches = [each for each in filtered.maildir(JOHN).messages() if b"Subject: lunch" in each]
    assert len(lunches) == 1


def test_a_report_passes_too(filtered: Postroad) -> None:
    """Its null sender goes through the filter and back as one."""
    _send(filtered.port("mx"), "", [JOHN], _letter("Undelivered", "sorry"))
    message = filtered.maildir(JOHN).wait_parsed("Subject: Undelivered")
    assert message["Return-Path"] == "<>"


# Dovecot's LMTP ----------------------------------------------------------------------------------

FULL = "full@example.org"
GONE = "gone@example.org"


@pytest.fixture(scope="module")
def store() -> Iterator[DovecotStore]:
    peer = DovecotStore({JOHN: 1_000_000, ANNA: 1_000_000, FULL: 100})
    yield peer
    peer.stop()


Stored = Callable[[str], Postroad]


@pytest.fixture(scope="module", params=["unix", "inet"])
def stored(request: pytest.FixtureRequest, store: DovecotStore) -> Iterator[Postroad]:
    where = f"unix:{store.socket}" if request.param == "unix" else f"inet:127.0.0.1:{store.port}"
    server = Postroad(
        {
            "workers": 1,
            "queue": QUEUE,
            "mailbox": {"transport": f"lmtp:{where}"},
            "delivery": {"idle_timeout": "60s"},
        },
        listeners=("mx",),
        accounts=dict.fromkeys((JOHN, ANNA, FULL, GONE), "summersun"),
    )
    yield server
    server.stop()


def test_each_recipient_has_its_own_result(stored: Postroad, store: DovecotStore) -> None:
    """One mailbox takes it, one is full, one is not there: nobody's trouble is another's."""
    subject = f"for three {stored.port('mx')}"
    body = "caf\u00e9 " * 40
    _send(stored.port("mx"), LISA, [FULL, JOHN, GONE], _letter(subject, body))
    payload = store.maildir("john").wait_parsed(subject).get_payload(decode=True)
    assert payload == f"{body}\n".encode()
    sent = stored.wait_log(f"to=<{JOHN}>, ")
    assert "status=sent (250 2.0.0 " in sent
    gone = stored.wait_log(f"to=<{GONE}>, ")
    assert re.search(r"dsn=5\.1\.1, status=bounced \(550 5\.1\.1 .*User doesn't exist", gone)
    full = stored.wait_log(f"to=<{FULL}>, ")
    assert re.search(r"dsn=[45]\.2\.2, status=(deferred|bounced) .*Quota exceeded", full)


def test_the_operator_reads_what_a_full_mailbox_is(stored: Postroad) -> None:
    line = stored.wait_log(f"to=<{FULL}>, ")
    queue_id = line.split("]: ")[1].split(":")[0]
    wanted = "What it means: The recipient's mailbox is full."

    def is_told() -> bool:
        try:
            return wanted in stored.run("why", queue_id)
        except RuntimeError:  # it is written down once a second
            return False

    until(is_told, within=30, what=wanted)


def test_connections_are_used_again(stored: Postroad, store: DovecotStore) -> None:
    before = store.log().count("Connect from")
    for number in (1, 2, 3):
        _send(stored.port("mx"), LISA, [ANNA], _letter(f"again {number}", "hello"))
        store.maildir("anna").wait(f"Subject: again {number}")
        until(
            lambda: stored.log().count(f"to=<{ANNA}>, ") >= number,  # noqa: B023 - called here
            within=30,
            what=f"the end of delivery {number}",
        )
    assert store.log().count("Connect from") - before <= 1
