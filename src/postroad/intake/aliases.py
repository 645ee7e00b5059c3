"""From the recipients a client named to those that mail goes to.

Aliases are followed with a bound on depth and on number; each final address occurs once, with the
recipient that the client named kept beside it. A target that exists nowhere is kept: its delivery
will fail and tell the sender, where dropping it would lose mail in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from postroad.directory import Alias, Mailbox, Unknown
from postroad.model import Address

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


async def expand(
    recipients: Sequence[Address], directory: Resolving
) -> list[tuple[Address, Address]]:
    """Follow aliases to their ends.

    Args:
        recipients: as RCPT named them.
        directory: who knows our addresses.

    Returns:
        Pairs of final address and the recipient it came from, no final address twice.

    Raises:
        AliasLimitError: more than MAX_DEPTH steps or MAX_TARGETS addresses.
        DirectoryUnavailable: the directory cannot answer now.
    """
    final: dict[str, tuple[Address, Address]] = {}
    for original in recipients:
        followed: set[str] = set()
        level = [original]
        for _ in range(MAX_DEPTH):
            level = [
                target
                for address in level
                for target in await _step(address, original, directory, followed, final)
            ]
            if not level:
                break
        else:
            raise AliasLimitError
        if len(final) > MAX_TARGETS:
            raise AliasLimitError
    return list(final.values())


async def _step(
    address: Address,
    original: Address,
    directory: Resolving,
    followed: set[str],
    final: dict[str, tuple[Address, Address]],
) -> tuple[Address, ...]:
    """The next addresses to look at; an end is put into `final`."""
    key = address.key
    if key not in followed and (not address.domain or await directory.is_local(address.domain)):
        followed.add(key)
        answer = await directory.resolve(address)
        if isinstance(answer, Alias):
            return answer.targets
        if isinstance(answer, Mailbox) and not address.domain:
            address, key = Address.parse(answer.user), answer.user
    # An alias that names itself among its targets means the mailbox of that name.
    final.setdefault(key, (address, original))
    return ()
