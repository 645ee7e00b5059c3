"""How many deliveries may run at once where mail is counted together. Pure.

It knows counts, not messages, times or hosts. Success widens the window, a put-off halves it; that
is how a sender finds out what a receiver bears without being told.

Theory of operation. As TCP does it: up to a *knee* each success adds one, so that a new destination
gets its full window after a few deliveries; beyond the knee a whole windowful of successes adds
one. At first there is no knee. Whatever makes the window smaller puts the knee at half of what it
was. So a receiver that bears ten at once is not asked for eleven after each success, and sees a
put-off once in some tens of deliveries instead of one in two: the window swings between half of
what is borne and one more, and it never comes to rest. Postfix adds one for each success and takes
one for each failure (default_destination_concurrency_positive_feedback, …_negative_feedback), which
swings less widely and asks too much more often; here each put-off costs a message minutes.
"""

from __future__ import annotations

__all__ = ["Window"]

_NO_KNEE = 1 << 30


class Window:
    """The concurrency of one destination.

    Attributes:
        limit: deliveries allowed at once now; at least 1.
    """

    __slots__ = ("_initial", "_knee", "_most", "_since", "_successes", "limit")

    def __init__(self, initial: int, most: int) -> None:
        """A window that knows nothing yet.

        Args:
            initial: deliveries allowed before any succeeded.
            most: deliveries allowed ever.
        """
        self._initial = min(initial, most)
        self._most = most
        self._knee = _NO_KNEE
        self._successes = 0  # since the window was last widened
        self._since = 0
        self.limit = self._initial

    def succeeded(self) -> None:
        """A delivery was taken, or refused for good, which is an answer as well."""
        if self.limit >= self._most:
            return
        if self.limit >= self._knee:
            self._successes += 1
            if self._successes < self.limit:
                return
        self.limit += 1
        self._successes = 0

    def failed(self, *, began: int, ordered: int) -> None:
        """A delivery was put off, or got no answer.

        Args:
            began: `Attempt.began` of the delivery.
            ordered: how many attempts have been ordered so far. One that began before the window
                last shrank makes it smaller again, but tells nothing new of what is borne.
        """
        if began >= self._since:
            self._knee = max(1, self.limit // 2)
            self._since = ordered
        self.limit = max(1, self.limit // 2)
        self._successes = 0

    def restart(self) -> None:
        """Forget everything."""
        self.limit, self._knee, self._successes = self._initial, _NO_KNEE, 0

    def resize(self, initial: int, most: int) -> None:
        """Take other bounds; what was learnt holds within them."""
        grown = most > self._most and self.limit == self._most
        self._initial, self._most = min(initial, most), most
        self.limit = min(self.limit, most)
        if grown and self.limit < self._initial:
            self.limit = self._initial
