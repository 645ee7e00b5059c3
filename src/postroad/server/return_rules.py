"""What may be sent to an address of ours that stands for a foreign sender: bounces, one at a time.

Whoever gets a forwarded message reads such an address in it, and may give it to others. Taken for
everything, it would be a way for strangers to that sender, in our name: what goes on from it passes
SPF as ours. So mail to it has no sender, as a notification has none (RFC 5321 §4.5.5), and nobody
beside it: one notification is about one message.

A sender that is none of those is refused at DATA, not at RCPT: a next hop that asks whether our
address takes mail (`reject_unverified_sender` of Postfix) does so with a sender of its own, and
goes no further than RCPT.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from postroad.directory import DirectoryUnavailable
from postroad.model import Address, Recipient, Reply

__all__ = ["ReturnRules"]

_UNKNOWN = Reply.of(451, "4.3.0", "Error: temporary lookup failure")
_ALONE = "Recipient address rejected: a bounce has one recipient"
_BOUNCES = "Recipient address rejected: it takes bounces only, and those have no sender"


class ReturnRules:
    """Refuses what is no bounce."""

    def __init__(self, leads_back: Callable[[Address], bool], *, bounces_only: bool) -> None:
        """Take what it needs.

        Args:
            leads_back: whether an address of such a form stands for a foreign sender; may raise
                `DirectoryUnavailable`.
            bounces_only: whether mail that has a sender is refused.
        """
        self._leads_back = leads_back
        self._bounces_only = bounces_only

    def beside(self, recipient: Address, first: Address) -> Reply | None:
        """The refusal of a further recipient, who is to get a message of his own.

        Args:
            recipient: the one in question.
            first: the first of those that the message has.
        """
        try:
            if self._is_one(recipient) or self._is_one(first):
                return Reply.of(452, "4.5.3", f"<{recipient}>: {_ALONE}")
        except DirectoryUnavailable:
            return _UNKNOWN
        return None

    def refusal(self, sender: Address | None, recipients: Sequence[Recipient]) -> Reply | None:
        """The refusal of a message before its content; `None`: it may come.

        Args:
            sender: the reverse-path.
            recipients: all of them; whether such an address came alone does not matter.
        """
        if not self._bounces_only or sender is None:
            return None
        try:
            for each in recipients:
                if self._is_one(each.address):
                    return Reply.of(550, "5.7.1", f"<{each.address}>: {_BOUNCES}")
        except DirectoryUnavailable:
            return _UNKNOWN
        return None

    def _is_one(self, address: Address) -> bool:
        return address.is_rewritten and self._leads_back(address)
