"""Where a message goes in the end: each address once, and under whose name its copy goes.

The first recipient that leads to an address gives the original, and the wishes of all count. But
one that its sender named, or that an alias leads to, comes before one that is reached as a member
of a list with an owner, or by a way for which the sender has to be rewritten: what needs no other
reverse-path keeps its sender's. A copy that policy adds comes after all of these: where its
addressee gets the message anyway, nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from postroad.model import SAME, Action, Address, Addressee, Notify, Reply, Same
from postroad.model.address import domain_key

__all__ = ["AT_HOME", "Ends", "Onward", "Transit"]


class Onward(Protocol):
    """Who says under whose name mail goes on; `Forwarding` does."""

    async def reverse_path(
        self, sender: Address | None, to: Address, now: float
    ) -> Address | Same | None:
        """Another reverse-path than the sender, or `SAME`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Transit:
    """What the expansion has to know of a message, and of how mail goes on.

    Attributes:
        sender: its reverse-path.
        now: seconds since the epoch.
        forwarding: the name under which copies go on; `None`: their own.
        extensions: whether an extension goes along through an alias.
        passed: keys of the addresses at which it was before, and is not forwarded from again.
    """

    sender: Address | None = None
    now: float = 0.0
    forwarding: Onward | None = None
    extensions: bool = False
    passed: frozenset[str] = frozenset()


AT_HOME = Transit()
"""Of a question about addresses alone."""


class Ends:
    """The final addresses of one message.

    Attributes:
        reported: lists whose mail was expanded or delivered there, as their senders are to hear.
        loops: addresses that the message comes back to; their senders are told.
    """

    __slots__ = ("_final", "_reverse_paths", "_settled", "_transit", "loops", "reported")

    def __init__(self, transit: Transit) -> None:
        self._transit = transit
        self._final: dict[str, Addressee] = {}
        self._settled: frozenset[str] = frozenset()
        self._reverse_paths: dict[tuple[Address | None, str], Address | Same | None] = {}
        self.reported: list[Addressee] = []
        self.loops: dict[str, Addressee] = {}

    def __len__(self) -> int:
        return len(self._final)

    def settle(self) -> None:
        """Leave what is there as it is, whatever ways end there from now on."""
        self._settled = frozenset(self._final)

    def put(
        self,
        address: Address,
        original: Address,
        wants: Notify | None,
        orcpt: str,
        sender: Address | Same | None = SAME,
    ) -> None:
        """One way ends here."""
        key = address.key
        there = self._final.get(key)
        if there is None:
            self._final[key] = Addressee(address, original, wants, orcpt, None, sender)
        elif key in self._settled:
            return
        elif there.sender != sender:
            if sender is SAME:
                self._final[key] = Addressee(address, original, wants, orcpt)
        elif there.notify != wants:
            self._final[key] = there._replace(notify=_both(there.notify, wants))

    async def send_on(
        self,
        address: Address,
        original: Address,
        wants: Notify | None,
        orcpt: str,
        sender: Address | Same | None,
    ) -> None:
        """One way ends here that an alias, or policy, has led to.

        Raises:
            DirectoryUnavailable, KeysUnavailable: its reverse-path cannot be known now.
        """
        forwarding = self._transit.forwarding
        if forwarding is not None:
            base = self._transit.sender if sender is SAME else sender
            known = (base, domain_key(address.domain))
            if known not in self._reverse_paths:
                self._reverse_paths[known] = await forwarding.reverse_path(
                    base, address, self._transit.now
                )
            other = self._reverse_paths[known]
            sender = sender if other is SAME else other
        self.put(address, original, wants, orcpt, sender)

    def report(
        self, alias: Address, original: Address, wants: Notify, orcpt: str, action: Action
    ) -> None:
        """A list on the way is owed a report."""
        self.reported.append(Addressee(alias, original, wants, orcpt, action))

    def loop(self, alias: Address, original: Address, wants: Notify | None, orcpt: str) -> None:
        """An alias that the message is not to be forwarded from again."""
        words = Reply.of(554, "5.4.6", f"mail forwarding loop for {alias}")
        self.loops[alias.key] = Addressee(
            alias, original, wants, orcpt, Action.FAILED, SAME, str(words)
        )

    def all(self) -> list[Addressee]:
        """Where the message goes; after these, what only a report is owed to."""
        if self.reported or self.loops:
            return [*self._final.values(), *self.reported, *self.loops.values()]
        return list(self._final.values())


def _both(one: Notify | None, other: Notify | None) -> Notify:
    """What satisfies two wishes; without one, a sender is told of failure (RFC 3461 §4.1)."""
    one = Notify.FAILURE if one is None else one
    return one | (Notify.FAILURE if other is None else other)
