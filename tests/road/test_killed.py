"""`kill -9` while a thousand messages arrive: nothing that was acknowledged is missing.

Ten clients send, half to a mailbox here and half to another domain's MX, some with bodies that the
spool keeps as files. Each remembers the messages whose `250` it read. Three times
processes are killed and started again; the clients go on until a thousand are acknowledged. Then
the inventory: every acknowledged message is in one of the two mailboxes. A message may be there
twice, and one whose `250` was lost may be there too; both are allowed, a loss is not.
"""

from __future__ import annotations

import smtplib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest

from peers import postfix
from peers.certificates import Certificate
from peers.dns import NameServer
from peers.maildir import Maildir
from peers.postfix import Postfix
from peers.postroad import Postroad
from peers.waiting import listening, until

pytestmark = pytest.mark.peer

MESSAGES = 1000
CLIENTS = 10
KILL_AFTER = (200, 450, 700)  # acknowledged messages
RECIPIENTS = ("john@example.org", "lisa@elsewhere.test")
LARGE = 200_000  # octets: more than the spool keeps in its database
TIME_LIMIT = 180.0  # seconds for arrival, and again for delivery


@dataclass(slots=True)
class Tally:
    """Who may send what next, and what was acknowledged."""

    sent: int = 0
    acknowledged: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)

    def next(self) -> int | None:
        """The number of the next message; `None` when enough are through."""
        with self.lock:
            if self.stopped.is_set() or len(self.acknowledged) >= MESSAGES:
                return None
            self.sent += 1
            return self.sent

    def reached(self, part: int) -> bool:
        """Whether this many are acknowledged."""
        return len(self.acknowledged) >= part

    def acknowledge(self, name: str) -> None:
        with self.lock:
            self.acknowledged.add(name)


@pytest.fixture
def elsewhere() -> Iterator[Postfix]:
    server = postfix.mail_exchanger("elsewhere.test", ["lisa"])
    yield server
    server.stop()


@pytest.fixture
def server(elsewhere: Postfix, certificate: Certificate) -> Iterator[Postroad]:
    names = NameServer(
        ["elsewhere.test. MX 10 mx.elsewhere.test.", "mx.elsewhere.test. A 127.0.0.1"]
    )
    server = Postroad(
        {
            "tls": {"certificate": str(certificate.chain), "key": str(certificate.key)},
            "dns": {"servers": [names.address], "reverse": False},
            "delivery": {"mx_port": elsewhere.port},
            "queue": {"minimal_backoff": "1s", "maximal_backoff": "2s"},
        },
        listeners=("mx",),
        accounts={"john@example.org": "summersun"},
    )
    yield server
    server.stop()
    names.stop()


def _worker(server: Postroad) -> None:
    dead = server.kill_worker()
    until(lambda: dead not in server.workers(), within=15, what="the end of the worker")


def _supervisor(server: Postroad) -> None:
    server.kill_supervisor()
    server.start()


def _everything(server: Postroad) -> None:
    server.kill_all()
    server.start()


@pytest.mark.parametrize("kill", [_worker, _supervisor, _everything])
def test_nothing_acknowledged_is_missing(
    server: Postroad, elsewhere: Postfix, kill: Callable[[Postroad], None]
) -> None:
    tally = Tally()
    clients = [
        threading.Thread(target=_send, args=(server.port("mx"), tally)) for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    try:
        for part in KILL_AFTER:
            until(partial(tally.reached, part), within=TIME_LIMIT, what=f"{part} messages")
            kill(server)
        until(lambda: tally.next() is None, within=TIME_LIMIT, what="a thousand acknowledgements")
    finally:
        tally.stopped.set()
        for client in clients:
            client.join(60)

    inboxes = (server.maildir(RECIPIENTS[0]), elsewhere.maildir("lisa"))
    missing = set(tally.acknowledged)

    def inventory() -> bool:
        missing.difference_update(*map(_names, inboxes))
        return not missing

    try:
        until(inventory, within=TIME_LIMIT, what="delivery of every acknowledged message")
    except TimeoutError:
        pytest.fail(f"{len(missing)} of {MESSAGES} are missing: {sorted(missing)[:10]}")


def _send(port: int, tally: Tally) -> None:
    """Send message after message, reconnecting when the server goes away."""
    client: smtplib.SMTP | None = None
    while (number := tally.next()) is not None:
        name = f"message-{number:06}"
        try:
            client = client or smtplib.SMTP("127.0.0.1", port, timeout=30)
            client.sendmail("source@source.test", [RECIPIENTS[number % 2]], _message(name, number))
            tally.acknowledge(name)
        except (smtplib.SMTPException, OSError):
            client = None
            until(lambda: tally.stopped.is_set() or listening(port), within=60, what="a server")
    if client is not None:
        client.close()


def _message(name: str, number: int) -> bytes:
    body = b"x" * 70 + b"\r\n"
    lines = LARGE // len(body) if number % 20 == 0 else 3
    return f"Subject: {name}\r\n\r\n".encode() + body * lines


def _names(inbox: Maildir) -> set[str]:
    found: set[str] = set()
    for message in inbox.messages():
        header, _, _ = message.partition(b"\n\n")
        lines = header.decode("latin-1").splitlines()
        found.update(line[9:] for line in lines if line.startswith("Subject: message-"))
    return found
