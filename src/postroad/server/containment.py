"""What sessions tell of logged-in users, and whether such a user may send.

A session says what its user does and asks whether the account is frozen; who counts, and what
follows, is decided elsewhere (`app.containment`). Without a login nothing is told and nothing is
asked.

What a frozen account is told, and why so. It may log in, with all of its passwords: a refused login
would have mail programs ask for the password again and again, and would look to its owner like a
mistyped one. MAIL and RCPT are refused with words that mail programs show to the user. The code is
a 450: a program that keeps a queue of its own tries again for days, so that what the owner sends is
sent when the account is thawed, where a 550 would have it returned. The enhanced code says what
is the matter (X.7.13, user account disabled; IANA's registry, RFC 5248).
"""

from __future__ import annotations

from typing import Protocol

from postroad.limits.conduct import Act
from postroad.model import Login, Reply

__all__ = ["Containing", "Uncontained", "closing", "suspended"]


class Containing(Protocol):
    """What watches over logged-in users. Synchronous, microseconds."""

    def suspension(self, login: Login) -> Reply | None:
        """The refusal of mail of somebody whose account is frozen."""
        ...

    def saw(self, login: Login, client: str, act: Act, now: float) -> None:
        """Somebody did something; ask `suspension` afterwards.

        Args:
            login: who.
            client: from which IP address.
            act: what.
            now: seconds since the epoch.
        """
        ...


class Uncontained:
    """Implements `Containing` where nobody watches."""

    def suspension(self, login: Login) -> Reply | None:  # noqa: ARG002 - of an interface
        """See `Containing.suspension`."""
        return None

    def saw(self, login: Login, client: str, act: Act, now: float) -> None:
        """See `Containing.saw`."""


def suspended(user: str, postmaster: str) -> Reply:
    """The answer to MAIL and RCPT of a frozen account.

    Args:
        user: the account.
        postmaster: whom its owner can ask.
    """
    words = f"Error: sending from {user} is suspended; ask {postmaster}"
    return Reply.of(450, "4.7.13", words)


def closing(user: str, hostname: str) -> Reply:
    """The last words to a session of an account that is frozen now (RFC 5321 §3.8)."""
    return Reply.of(421, "4.7.0", f"{hostname} Error: sending from {user} is suspended")
