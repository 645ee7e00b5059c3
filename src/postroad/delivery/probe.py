"""One question to one next hop: would you take mail for this address?

It is asked by a transaction that ends with the reply to RCPT, as VRFY is answered by nobody. What
the answer means, and when to ask, is decided by `probing`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from postroad.smtp.client import Answer, Transaction

__all__ = ["Probed", "Probing", "question"]


class Probed(NamedTuple):
    """What came of a probe.

    Attributes:
        answer: what was said of the address, or why nobody could be asked.
        relay: the host, as logs show it; `none` where there was none.
        unreachable: whether there was no session, so that to ask it of another address now would
            be in vain.
    """

    answer: Answer
    relay: str
    unreachable: bool = False

    @property
    def words(self) -> str:
        """The answer as Postfix quotes it: the host, its reply, and what that was a reply to."""
        answer = self.answer
        if not answer.from_peer:
            return " ".join(answer.reply.lines)
        host = f"{self.relay.rpartition(']')[0]}]" if "]" in self.relay else self.relay
        command = f" (in reply to {answer.command} command)" if answer.command else ""
        return f"host {host} said: {answer.reply}{command}"


class Probing(Protocol):
    """A way to next hops that can be asked; `SmtpTransport` is one."""

    async def probe(self, nexthop: str, sender: str, recipient: str) -> Probed:
        """Ask once; failures of the network and of the next hop are answers, never exceptions.

        Args:
            nexthop: `Route.nexthop`.
            sender: the reverse-path of the probe.
            recipient: the address in question.
        """
        ...


def question(sender: str, recipient: str) -> Transaction:
    """The transaction that asks."""
    return Transaction(sender, (recipient,), 0, probe=True)
