"""From the recipients a client named to those that mail goes to.

Aliases are followed with a bound on depth and on number; each final address occurs once, with the
recipient that the client named kept beside it. A target that exists nowhere is kept: its delivery
will fail and tell the sender, where dropping it would lose mail in silence.

What the sender wants to be told goes along (RFC 3461 §5.2.7). An alias with one target is the
recipient by another name: everything passes on, and nothing is reported. An alias with several is
a list: ORCPT and the wish to hear of failures and delays pass on to its members, the wish to hear
of success does not. That one is owed at the alias: its mail has been *expanded* (§5.2.7.4, the
second of the three ways).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from postroad.directory import Alias, Mailbox, Unknown
from postroad.model import Action, Address, Addressee, Notify, Recipient

__all__ = ["AliasLimitError", "Resolving", "expand"]

MAX_DEPTH = 20
MAX_TARGETS = 10_000


class AliasLimitError(Exception):
    """The aliases of a recipient lead too deep or to too many addresses."""


class Resolving(Protocol):
    """The part of a directory that expansion needs."""

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here."""
        ...

    async def resolve(self, address: Address) -> Mailbox | Alias | Unknown:
        """What an address of ours stands for."""
        ...


async def expand(recipients: Sequence[Recipient], directory: Resolving) -> list[Addressee]:
    """Follow aliases to their ends.

    Args:
        recipients: as RCPT named them.
        directory: who knows our addresses.

    Returns:
        Where the message goes, no address twice; after these, the lists whose expansion is to be
        reported.

    Raises:
        AliasLimitError: more than MAX_DEPTH steps or MAX_TARGETS addresses.
        DirectoryUnavailable: the directory cannot answer now.
    """
    final: dict[str, Addressee] = {}
    expanded: list[Addressee] = []
    for recipient in recipients:
        walk = _Walk(recipient, directory, final)
        level = [recipient.address]
        for _ in range(MAX_DEPTH):
            level = [target for address in level for target in await walk.step(address)]
            if not level:
                break
        else:
            raise AliasLimitError
        if len(final) > MAX_TARGETS:
            raise AliasLimitError
        if walk.expanded is not None:
            expanded.append(walk.expanded)
    return [*final.values(), *expanded] if expanded else list(final.values())


class _Walk:
    """The way from one recipient to its ends.

    Attributes:
        expanded: the report that is owed at the first list on the way.
    """

    __slots__ = (
        "_directory",
        "_final",
        "_followed",
        "_is_list",
        "_recipient",
        "_wants",
        "expanded",
    )

    def __init__(
        self, recipient: Recipient, directory: Resolving, final: dict[str, Addressee]
    ) -> None:
        self._recipient = recipient
        self._directory = directory
        self._final = final
        self._followed: set[str] = set()
        self._is_list = False
        self._wants = recipient.notify
        self.expanded: Addressee | None = None

    async def step(self, address: Address) -> tuple[Address, ...]:
        """The next addresses to look at; an end is put among the final ones."""
        key, directory = address.key, self._directory
        if key not in self._followed and (
            not address.domain or await directory.is_local(address.domain)
        ):
            self._followed.add(key)
            answer = await directory.resolve(address)
            if isinstance(answer, Alias):
                self._pass(address, answer)
                return answer.targets
            if isinstance(answer, Mailbox) and not address.domain:
                address, key = Address.parse(answer.user), answer.user
        # An alias that names itself among its targets means the mailbox of that name.
        self._end(key, address)
        return ()

    def _pass(self, address: Address, alias: Alias) -> None:
        """Up to the first list there is one address to follow; all others are behind it."""
        if self._is_list or len(alias.targets) < 2:
            return
        if len({target.key for target in alias.targets}) < 2:
            return
        self._is_list = True
        recipient, wants = self._recipient, self._wants
        if wants is not None and wants & Notify.SUCCESS:
            self._wants = wants & ~Notify.SUCCESS
            self.expanded = Addressee(
                address, recipient.address, wants, recipient.orcpt, Action.EXPANDED
            )

    def _end(self, key: str, address: Address) -> None:
        """The first recipient that leads here gives the original; the wishes of all count."""
        recipient, there = self._recipient, self._final.get(key)
        if there is None:
            self._final[key] = Addressee(address, recipient.address, self._wants, recipient.orcpt)
        elif there.notify != self._wants:
            self._final[key] = there._replace(notify=_both(there.notify, self._wants))


def _both(one: Notify | None, other: Notify | None) -> Notify:
    """What satisfies two wishes; without one, a sender is told of failure (RFC 3461 §4.1)."""
    one = Notify.FAILURE if one is None else one
    return one | (Notify.FAILURE if other is None else other)
