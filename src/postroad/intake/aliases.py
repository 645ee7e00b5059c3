"""From the recipients a client named to those that mail goes to.

Aliases are followed with a bound on depth and on number; each final address occurs once, with the
recipient that the client named kept beside it. A target that exists nowhere is kept: its delivery
will fail and tell the sender, where dropping it would lose mail in silence.

What the sender wants to be told goes along (RFC 3461 §5.2.7). An alias with one target is the
recipient by another name: everything passes on, and nothing is reported. An alias with several is
a list: ORCPT and the wish to hear of failures and delays pass on to its members, the wish to hear
of success does not. That one is owed at the alias: its mail has been *expanded* (§5.2.7.4, the
second of the three ways).

A list with an owner is a mailing list (RFC 5321 §3.9.2, RFC 3461 §5.2.7.1): its copies have the
owner's reverse-path, who hears of their failures, and nothing of what the sender wanted; for the
sender, its mail is *delivered* at the list. Of lists within each other the innermost owner counts.
An owner that is the list itself is none, or each failure would go to all members. Mail without a
sender keeps being without one: it is a notification, and its failure must make no other (§4.5.5),
which could go round for ever where the owner is a member.

Which reverse-path a copy has that goes on to another server is `Forwarding`'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from postroad.directory import Alias, Mailbox, Unknown
from postroad.intake.ends import AT_HOME, Ends, Transit
from postroad.model import SAME, Action, Address, Addressee, Notify, Recipient, Same
from postroad.model.address import MAX_LOCAL

__all__ = ["AliasLimitError", "ForwardingLoop", "Resolving", "expand"]

MAX_DEPTH = 20
MAX_TARGETS = 10_000


class AliasLimitError(Exception):
    """The aliases of a recipient lead too deep, to too many addresses, or only to each other.

    An operator's mistake, and no word about the recipient: the message waits, as Postfix's
    cleanup(8) makes it wait. The text names the recipient, for the log.
    """


class ForwardingLoop(Exception):
    """The message was before wherever it would go; `alias` is such an address."""

    def __init__(self, alias: Address) -> None:
        super().__init__(str(alias))
        self.alias = alias


class Resolving(Protocol):
    """The part of a directory that expansion needs."""

    async def is_local(self, domain: str) -> bool:
        """Whether mail for the domain ends here."""
        ...

    async def resolve(self, address: Address) -> Mailbox | Alias | Unknown:
        """What an address of ours stands for."""
        ...


async def expand(
    recipients: Sequence[Recipient],
    directory: Resolving,
    transit: Transit = AT_HOME,
    *,
    added: Sequence[Recipient] = (),
) -> list[Addressee]:
    """Follow aliases to their ends.

    Args:
        recipients: as RCPT named them.
        directory: who knows our addresses.
        transit: what is to be known of the message.
        added: recipients that its sender did not name: to them it is forwarded.

    Returns:
        Where the message goes, no address twice; after these, those that are owed a report only.

    Raises:
        AliasLimitError: more than MAX_DEPTH steps, or MAX_TARGETS addresses besides those that were
            named, or no end at all.
        ForwardingLoop: it goes nowhere that it was not before.
        DirectoryUnavailable: the directory cannot answer now.
        KeysUnavailable: a sender is to be rewritten, and cannot be now.
    """
    ends = Ends(transit)
    most = len(recipients) + len(added) + MAX_TARGETS  # whoever named many named them
    for recipient in recipients:
        meaning = await _meaning(recipient.address, directory)
        if isinstance(meaning, Address):  # nearly all mail
            to = recipient.address
            ends.put(meaning, to, recipient.notify, recipient.orcpt, recipient.sender)
        else:
            await _Walk(recipient, directory, transit, ends, most).follow(meaning)
    if added:
        ends.settle()
    for recipient in added:
        meaning = await _meaning(recipient.address, directory)
        if isinstance(meaning, Address):
            original, wants, orcpt = recipient.address, recipient.notify, recipient.orcpt
            await ends.send_on(meaning, original, wants, orcpt, recipient.sender)
        else:
            await _Walk(recipient, directory, transit, ends, most).follow(meaning)
    if ends.loops and not len(ends):
        raise ForwardingLoop(next(iter(ends.loops.values())).address)
    return ends.all()


def _too_many(address: Address) -> AliasLimitError:
    return AliasLimitError(f"{address}: aliases lead to more than {MAX_TARGETS} addresses")


async def _meaning(address: Address, directory: Resolving) -> Alias | Address:
    """The alias that an address is, or else where its mail goes."""
    if address.domain and not await directory.is_local(address.domain):
        return address
    answer = await directory.resolve(address)
    if isinstance(answer, Alias):
        return answer
    if isinstance(answer, Mailbox):
        if not address.domain:
            return Address.parse(answer.user)
        if answer.domain:  # an address and its alias domain's are one, and get one copy
            return Address(address.local, answer.domain)
    return address


class _Step(NamedTuple):
    """An alias on the way, and what holds for mail that comes to it.

    Attributes:
        address: the alias'.
        alias: what it stands for.
        wants, orcpt: what the sender wants to be told of it.
        sender: the owner of the list that it is a member of, or what the recipient was given.
        is_listed: whether it is a member of a list.
    """

    address: Address
    alias: Alias
    wants: Notify | None
    orcpt: str
    sender: Address | Same | None = SAME
    is_listed: bool = False


class _Walk:
    """The way from a recipient that is an alias to its ends.

    Each address is looked at once, whatever number of aliases name it: two lists may share a
    third. An alias that names itself among its targets means the mailbox of that name. Aliases
    that name only each other lead nowhere, which is a mistake. Accounts may pass their mail on to
    each other only: the one that is met again keeps it, whatever becomes of other members of
    the list that leads there.
    """

    __slots__ = (
        "_arrived",
        "_circles",
        "_directory",
        "_ends",
        "_followed",
        "_has_ended",
        "_most",
        "_owed",
        "_recipient",
        "_taken",
        "_transit",
    )

    def __init__(
        self,
        recipient: Recipient,
        directory: Resolving,
        transit: Transit,
        ends: Ends,
        most: int,
    ) -> None:
        self._recipient = recipient
        self._directory = directory
        self._transit = transit
        self._ends = ends
        self._most = most  # addresses in all
        self._followed = {recipient.address.key}
        self._taken: dict[str, _Step] = {}  # aliases that were followed
        self._arrived: set[str] = set()  # what is an end, or was found to lead to one
        self._has_ended = False
        self._circles: list[Address] = []  # aliases that were met again
        self._owed: tuple[Address, Notify, Action] | None = None

    async def follow(self, alias: Alias) -> None:
        """Go on from what the recipient stands for; the ends are put among the final ones."""
        recipient = self._recipient
        start = _Step(recipient.address, alias, recipient.notify, recipient.orcpt)
        level = [start._replace(sender=recipient.sender)]
        for _ in range(MAX_DEPTH - 1):
            level = [behind for step in level for behind in await self._take(step)]
            if not level:
                break
        else:
            raise AliasLimitError(f"{recipient.address}: more than {MAX_DEPTH} aliases in a row")
        if self._circles and (self._has_ended or not alias.user):
            await self._keep_in_circles()
        if not self._has_ended:
            if self._circles and not alias.user:
                met = self._circles[-1]
                words = f"{recipient.address}: aliases name only each other, as {met} does"
                raise AliasLimitError(words)
            wants, orcpt, sender = recipient.notify, recipient.orcpt, recipient.sender
            self._ends.put(recipient.address, recipient.address, wants, orcpt, sender)
        elif self._owed is not None:
            at, wanted, action = self._owed
            self._ends.report(at, recipient.address, wanted, recipient.orcpt, action)

    async def _take(self, step: _Step) -> list[_Step]:
        """The aliases among the targets of one, which come next."""
        self._taken[step.address.key] = step
        if await self._comes_back(step):
            self._has_ended = True
            self._arrived.add(step.address.key)
            self._ends.loop(step.address, self._recipient.address, step.wants, step.orcpt)
            return []
        if len(step.alias.targets) > MAX_TARGETS:
            raise _too_many(step.address)
        onward = self._onward(step)
        itself = step.address.key
        found: list[_Step] = []
        for named in step.alias.targets:
            target = self._extended(named, step.alias.extension)
            key = target.key
            if key == itself:
                self._arrived.add(key)
                await self._end(target, onward)
            elif key in self._followed:
                if key not in self._arrived:
                    self._circles.append(target)
            else:
                self._followed.add(key)
                meaning = await _meaning(target, self._directory)
                if isinstance(meaning, Address):
                    self._arrived.add(key)
                    await self._end(meaning, onward)
                else:
                    found.append(onward._replace(address=target, alias=meaning))
        if len(self._ends) > self._most:
            raise _too_many(self._recipient.address)
        return found

    async def _keep_in_circles(self) -> None:
        """Accounts whose mail comes to no end keep it: others of a list have nothing of theirs."""
        sources: dict[str, list[str]] = {}
        for key, step in self._taken.items():
            for named in step.alias.targets:
                target = self._extended(named, step.alias.extension)
                sources.setdefault(target.key, []).append(key)
        for key in tuple(self._arrived):
            self._arrive(key, sources)
        for key in (*(each.key for each in self._circles), *self._taken):
            step = self._taken[key]
            if step.alias.user and key not in self._arrived:
                self._arrive(key, sources)
                await self._end(step.address, step)

    def _arrive(self, key: str, sources: Mapping[str, Sequence[str]]) -> None:
        """What is an end, or leads to one: so do all aliases that lead there."""
        self._arrived.add(key)
        waiting = [key]
        while waiting:
            for source in sources.get(waiting.pop(), ()):
                if source not in self._arrived:
                    self._arrived.add(source)
                    waiting.append(source)

    def _onward(self, step: _Step) -> _Step:
        """What holds for mail behind an alias."""
        owner = step.alias.owner
        if owner is not None and owner.key != step.address.key and self._transit.sender is not None:
            self._owe(step, Action.DELIVERED)
            return step._replace(wants=None, orcpt="", sender=owner, is_listed=True)
        if step.is_listed or len({target.key for target in step.alias.targets}) < 2:
            return step
        self._owe(step, Action.EXPANDED)
        wants = step.wants
        if wants is not None:
            wants &= ~Notify.SUCCESS
        return step._replace(wants=wants, is_listed=True)

    def _owe(self, step: _Step, action: Action) -> None:
        """Up to the first list there is one address to follow; that list is owed the report."""
        if not step.is_listed and step.wants is not None and step.wants & Notify.SUCCESS:
            self._owed = (step.address, step.wants, action)

    async def _end(self, address: Address, step: _Step) -> None:
        self._has_ended = True
        original = self._recipient.address
        await self._ends.send_on(address, original, step.wants, step.orcpt, step.sender)

    def _extended(self, target: Address, extension: str) -> Address:
        """A target with the extension that its alias does not name, as Postfix has it."""
        if not extension or not self._transit.extensions:
            return target
        local = target.local + extension
        return Address(local, target.domain) if len(local.encode()) <= MAX_LOCAL else target

    async def _comes_back(self, step: _Step) -> bool:
        """Whether the message was at this alias before, and would be sent elsewhere from it."""
        if step.address.key not in self._transit.passed:
            return False
        for target in step.alias.targets:
            if target.domain and not await self._directory.is_local(target.domain):
                return True
        return False
