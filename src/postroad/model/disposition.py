"""What is to become of a message that policy accepted, besides being delivered.

Access tables and policy services may ask for it (Postfix's access(5)); `intake` and `queue` do it.
A disposition belongs to the whole message, whichever recipient it was that met the rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from postroad.model.address import Address

__all__ = ["PLAIN", "Disposition"]


@dataclass(frozen=True, slots=True)
class Disposition:
    """What policy wants done with a message.

    Attributes:
        discard: why it is to be thrown away after a success reply; empty: it is not.
        hold: why it is to wait in the queue until an operator releases it; empty: it does not.
        redirect: the one address that gets it instead of all recipients.
        bcc: addresses that get it besides them.
        prepend: header fields to put before its own, each without its line end.
        content_filter: `TRANSPORT:NEXT-HOP` that it goes through, instead of to the hosts of its
            recipients.
    """

    discard: str = ""
    hold: str = ""
    redirect: Address | None = None
    bcc: tuple[Address, ...] = ()
    prepend: tuple[str, ...] = ()
    content_filter: str = ""

    def merged(self, later: Disposition) -> Disposition:
        """Both: what can be there once is the later one's, reasons are the first one's."""
        if later is PLAIN:
            return self
        if self is PLAIN:
            return later
        return replace(
            self,
            discard=self.discard or later.discard,
            hold=self.hold or later.hold,
            redirect=later.redirect or self.redirect,
            bcc=self.bcc + tuple(each for each in later.bcc if each not in self.bcc),
            prepend=self.prepend + later.prepend,
            content_filter=later.content_filter or self.content_filter,
        )


PLAIN = Disposition()
"""Nothing besides delivery."""
