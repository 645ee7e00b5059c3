"""The policy section of a listener: `[listeners.NAME.policy]`.

Names only, as the operator wrote them; `presets.build` turns them into lists that can be run.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PolicySettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """The restriction lists of a listener, each in Postfix's names and order.

    `None` stands for the preset's list, an empty tuple for a list without restrictions. One text
    may hold several names, separated by commas or white space as in Postfix's `main.cf`.

    Attributes:
        client: about the connecting host; asked at RCPT.
        helo: about the name it gave in EHLO; asked at RCPT.
        sender: about the reverse-path; asked at RCPT.
        relay: whether mail for another domain may pass; asked at RCPT, refuses what nothing
            permitted.
        recipient: about the forward-path; asked at RCPT.
        data: about the transaction as a whole; asked at DATA.
    """

    client: tuple[str, ...] | None = None
    helo: tuple[str, ...] | None = None
    sender: tuple[str, ...] | None = None
    relay: tuple[str, ...] | None = None
    recipient: tuple[str, ...] | None = None
    data: tuple[str, ...] | None = None
