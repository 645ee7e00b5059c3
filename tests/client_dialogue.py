"""Plays a written dialogue against the client core: `C:` and `S:` lines, nothing else.

What the core sends must be exactly the client's lines, group by group. The server's lines are fed
whole or octet by octet. The driver does what a transport does: on `Ready` it starts TLS and logs
in where the test wants that, begins the next transaction, hands over the content.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from postroad.sasl.client import (
    ClientExchange,
    ClientStart,
    chosen,
    client_exchange,
    spellings,
)
from postroad.smtp.client import (
    Challenged,
    ClientCore,
    ClientEvent,
    ContentWanted,
    Dialect,
    Ended,
    Finished,
    FirstOctetWanted,
    LoggedIn,
    LoginRefused,
    Ready,
    TlsAccepted,
    TlsRefused,
    Transaction,
)

HOSTNAME = "relay.example.org"
PEER = "mx.example.net[192.0.2.1]"
SPLITS = ("whole", "octets")


def transaction(*recipients: str, size: int = 0, **more: object) -> Transaction:
    to = recipients or ("bob@example.net",)
    return Transaction("alice@example.org", to, size, **more)  # type: ignore[arg-type]


class Driver:
    """A client core and what is to be done with it."""

    def __init__(
        self,
        transactions: Sequence[Transaction] = (),
        *,
        content: bytes = b"Subject: x\r\n\r\nHello\r\n",
        login: tuple[str, str] | None = None,
        tls: bool = False,
        dialect: Dialect = Dialect.SMTP,
    ) -> None:
        self.core = ClientCore(HOSTNAME, PEER, dialect)
        self.events: list[ClientEvent] = []
        self._transactions = list(transactions)
        self._content = content
        self._login = login
        self._exchange: ClientExchange | None = None
        self._tls = tls

    @property
    def finished(self) -> list[Finished]:
        return [event for event in self.events if isinstance(event, Finished)]

    @property
    def last(self) -> ClientEvent:
        return self.events[-1]

    def replies(self, at: int = 0) -> list[str]:
        return [str(answer.reply) for answer in self.finished[at].answers]

    def feed(self, data: bytes) -> None:
        self.core.receive(data)
        self.settle()

    def settle(self) -> None:
        while (event := self.core.next_event()) is not None:
            self.events.append(event)
            self._act(event)

    def _act(self, event: ClientEvent) -> None:
        match event:
            case TlsAccepted():
                self.core.tls_started()
            case FirstOctetWanted():
                self.core.first_octet(self._content[:1])
            case ContentWanted():
                self.core.content(self._content)
                self.core.end_content()
            case Ready() if self._tls and event.extensions.starttls:
                self._tls = False
                self.core.start_tls()
            case Ready() if self._login:
                self._log_in(*self._login)
            case Challenged() if self._exchange is not None:
                self.core.respond(self._exchange.respond(event.data))
            case Ready() | LoggedIn() | TlsRefused() | LoginRefused() | Finished():
                if self._transactions and self.core.is_idle:
                    self.core.begin(self._transactions.pop(0))
            case Ended():
                pass

    def _log_in(self, username: str, password: str) -> None:
        """By the best mechanism of those that need nothing from the server."""
        offered = self.core.extensions.mechanisms & {"PLAIN", "LOGIN"}
        start = ClientStart(username=username, secret=password, nonce=lambda: "nonce")
        for name in chosen(offered, token=False, encrypted=True, bound=False)[:1]:
            self._exchange = client_exchange(name, start)
            self.core.authenticate(name, self._exchange.begin(), spellings(password))


def play(driver: Driver, dialogue: str, split: str = "whole") -> Driver:
    for side, data in groups(dialogue):
        if side == "C":
            assert driver.core.data_to_send() == data
        else:
            for piece in pieces(data, split):
                driver.feed(piece)
    assert driver.core.data_to_send() == b""
    return driver


def groups(dialogue: str) -> Iterator[tuple[str, bytes]]:
    lines = [line.strip() for line in dialogue.splitlines() if line.strip()]
    for side, group in groupby(lines, key=lambda line: line[:1]):
        yield side, b"".join(line[3:].encode() + b"\r\n" for line in group)


def pieces(data: bytes, split: str) -> list[bytes]:
    return [data] if split == "whole" else [data[at : at + 1] for at in range(len(data))]
