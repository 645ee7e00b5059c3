"""A question about a client, and the answer: what would be said, decided and done.

Values only; `explaining` finds the answer, the command line shows it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from postroad.app.destination import Destination
from postroad.model import PLAIN, Client, Disposition, TlsSession
from postroad.policy import Facts, Verdict
from postroad.server.settings import ResolvedListener

__all__ = ["CONTENT", "Exchange", "Explanation", "Question"]

CONTENT = "(content, and its end)"
"""Stands for the content of a message where commands are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who wants what.

    Attributes:
        client: the connecting host.
        is_named: whether its names are given; else the DNS is asked for them.
        helo: its name for itself; empty for its name or its address.
        login: the account that logs in, with the right password; empty for none.
        tls: whether it begins TLS where it may choose.
        fingerprint: SHA-256 of its certificate or of that one's key; empty for none.
        sender: of MAIL, without brackets; empty for the null one.
        recipients: of RCPT likewise.
        size: octets of the message; 0: not told.
        data: whether to go on to DATA and the end of the content.
        etrn: the domain of an ETRN; empty for none.
    """

    client: Client
    is_named: bool = False
    helo: str = ""
    login: str = ""
    tls: bool = False
    fingerprint: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    size: int = 0
    data: bool = False
    etrn: str = ""


@dataclass(slots=True)
class Exchange:
    """A command and its answer.

    Attributes:
        said: the command as a person would write it down; empty before the greeting.
        answer: the lines of the reply, as the wire carries them.
        facts: what was decided about; `None` where no list was asked.
        verdict: what the lists decided.
        assumed: the questions that nobody was asked, and on whose answers this depends.
    """

    said: str
    answer: tuple[str, ...]
    facts: Facts | None = None
    verdict: Verdict | None = None
    assumed: tuple[str, ...] = ()

    @property
    def code(self) -> int:
        """Of the reply; 421 where the session was ended without one."""
        return int(self.answer[-1][:3]) if self.answer else 421

    @property
    def is_accepted(self) -> bool:
        """Whether the command was taken."""
        return self.code < 400


@dataclass(slots=True)
class Explanation:
    """What would happen.

    Attributes:
        listener: by which door.
        client: with the names that were found.
        login: who logs in; empty for nobody.
        trusted: whether it is in the trusted networks.
        tls: the session's TLS at its end.
        logged_in: whether the login succeeded.
        exchanges: the conversation.
        disposition: what policy wants done with the message.
        destinations: where it would go, or why that cannot be said.
        remarks: what an operator should know besides.
    """

    listener: ResolvedListener
    client: Client
    login: str = ""
    trusted: bool = False
    tls: TlsSession | None = None
    logged_in: bool = False
    exchanges: list[Exchange] = field(default_factory=list)
    disposition: Disposition = PLAIN
    destinations: tuple[Destination, ...] | str = ()
    remarks: list[str] = field(default_factory=list)

    @property
    def refusals(self) -> tuple[Exchange, ...]:
        """The commands that were not taken."""
        return tuple(each for each in self.exchanges if not each.is_accepted)

    @property
    def is_open(self) -> bool:
        """Whether the outcome depends on an answer that nobody was asked for."""
        return any(each.assumed for each in self.exchanges)
