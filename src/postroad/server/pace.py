"""How long a client may take: for each command in all, and for content by its speed.

A time-out for silence alone lets a client live for ever on an octet a minute, and keep a session
each time. So the seconds that a client has are counted while we wait for it, and only a complete
command gives it new ones. Content earns them by the octet, up to the same amount, so that a slow
line is no fault and a trickle is (Postfix's smtpd_per_request_deadline and smtpd_min_data_rate).
What we take ourselves, for a look-up or a full disk, is never counted.
"""

from __future__ import annotations

__all__ = ["Pace"]


class Pace:
    """The seconds that a client has left.

    Attributes:
        left: seconds; infinite where there is no limit.
    """

    __slots__ = ("_all", "_rate", "left")

    def __init__(self, patience: float, rate: float) -> None:
        """A client that has all of its time.

        Args:
            patience: seconds for a command, from when it was due to its last octet; infinite
                where there is no limit.
            rate: octets of content in a second that earn a second; 0: one octet earns all.
        """
        self._all = self.left = patience
        self._rate = rate

    def renew(self) -> None:
        """A command was complete: the next one has all the time again."""
        self.left = self._all

    def waited(self, seconds: float) -> None:
        """So much went by waiting for the client."""
        self.left -= seconds

    def earn(self, octets: int) -> None:
        """Content came."""
        if not self._rate:
            self.left = self._all
        else:
            self.left = min(self._all, self.left + octets / self._rate)
