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
        meaning = await _meaning(recipient.address, directory)
        if isinstance(meaning, Address):  # nearly all mail
            _end(final, meaning, recipient, recipient.notify)
        else:
            walk = _Walk(recipient, directory, final)
            await walk.follow(meaning)
            if walk.expanded is not None:
                expanded.append(walk.expanded)
        if len(final) > MAX_TARGETS:
            raise AliasLimitError
    return [*final.values(), *expanded] if expanded else list(final.values())


async def _meaning(address: Address, directory: Resolving) -> Alias | Address:
    """The alias that an address is, or else where its mail goes."""
    if address.domain and not await directory.is_local(address.domain):
        return address
    answer = await directory.resolve(address)
    if isinstance(answer, Alias):
        return answer
    if isinstance(answer, Mailbox) and not address.domain:
        return Address.parse(answer.user)
    return address


def _end(
    final: dict[str, Addressee], address: Address, recipient: Recipient, wants: Notify | None
) -> None:
    """The first recipient that leads here gives the original; the wishes of all count."""
    key = address.key
    there = final.get(key)
    if there is None:
        final[key] = Addressee(address, recipient.address, wants, recipient.orcpt)
    elif there.notify != wants:
        final[key] = there._replace(notify=_both(there.notify, wants))


class _Walk:
    """The way from a recipient that is an alias to its ends.

    Each address is looked at once, whatever number of aliases name it: two lists may share a
    third. An alias that names itself among its targets means the mailbox of that name. Aliases
    that name only each other lead nowhere, and then the recipient stays, for its delivery to fail.

    Attributes:
        expanded: the report that is owed at the first list on the way.
    """

    __slots__ = (
        "_directory",
        "_final",
        "_followed",
        "_has_ended",
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
        self._followed = {recipient.address.key}
        self._has_ended = False
        self._is_list = False
        self._wants = recipient.notify
        self.expanded: Addressee | None = None

    async def follow(self, alias: Alias) -> None:
        """Go on from what the recipient stands for; the ends are put among the final ones."""
        level = [(self._recipient.address, alias)]
        for _ in range(MAX_DEPTH - 1):
            level = [step for named, behind in level for step in await self._step(named, behind)]
            if not level:
                break
        else:
            raise AliasLimitError
        if not self._has_ended:
            self.expanded = None
            _end(self._final, self._recipient.address, self._recipient, self._recipient.notify)

    async def _step(self, address: Address, alias: Alias) -> list[tuple[Address, Alias]]:
        """The aliases among the targets of one, which come next."""
        self._pass(address, alias)
        itself = address.key
        found: list[tuple[Address, Alias]] = []
        for target in alias.targets:
            key = target.key
            if key == itself:
                self._end(target)
            elif key not in self._followed:
                self._followed.add(key)
                meaning = await _meaning(target, self._directory)
                if isinstance(meaning, Address):
                    self._end(meaning)
                else:
                    found.append((target, meaning))
        return found

    def _end(self, address: Address) -> None:
        self._has_ended = True
        _end(self._final, address, self._recipient, self._wants)

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


def _both(one: Notify | None, other: Notify | None) -> Notify:
    """What satisfies two wishes; without one, a sender is told of failure (RFC 3461 §4.1)."""
    one = Notify.FAILURE if one is None else one
    return one | (Notify.FAILURE if other is None else other)
