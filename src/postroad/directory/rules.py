"""Who has an address: the rules, over any backends.

In this order; the first that fits answers. At each step backends are asked in their order:

1. the alias of exactly this name; if an account has it too, the alias is the account's forward, and
   one that names nothing but itself is no alias (an email2email mapping);
2. the account of exactly this name;
3. the same two for the address without its extension (`john+lists@…` is `john@…`);
4. the catch-all `@domain`, unless the address is one of that catch-all's own targets: a target
   nobody has would otherwise go round for ever.

So no catch-all of one directory hides an account of another. A backend that cannot answer ends the
search with `DirectoryUnavailable`, for what it would have said is not known. At a step, one that
stands behind the answer is not asked; but that an address is no alias is known only when all have
said so, so an account's address needs all of them, and its login does not. What postmaster falls
back to is the chain's affair.

`lookups` has the same rules in one query for the embedded directory; one suite of tests holds both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from postroad.directory.backend import Account, Backend
from postroad.directory.interface import Alias, Mailbox, Resolution, Unknown
from postroad.directory.names import address_form, without_extension
from postroad.model import Address

__all__ = ["MAX_OWNER_STEPS", "Matched", "find_account", "is_owner", "who_has"]

MAX_OWNER_STEPS = 100
"""Addresses looked at to find out whether one leads to an account; wider aliases are nobody's."""

Matched = Callable[[Address], Awaitable[Alias | None]]
"""Finds the first pattern that an address fits."""

Resolve = Callable[[Address, bool], Awaitable[Resolution]]
"""Finds who has an address; the flag says whether catch-alls count."""


async def who_has(
    form: Address,
    backends: Sequence[Backend],
    delimiters: str,
    *,
    catch_all: bool = True,
    matched: Matched | None = None,
) -> Resolution:
    """Who has the address.

    Args:
        form: in the form of `names`, with a domain that is ours.
        backends: asked in this order.
        delimiters: the characters that begin an address extension.
        catch_all: whether patterns and catch-alls count.
        matched: finds the pattern that an address fits, before catch-alls.

    Raises:
        DirectoryUnavailable: a backend that is asked cannot answer.
    """
    plain = without_extension(form, delimiters)
    for candidate in (form,) if plain is None else (form, plain):
        found = await _named(candidate, backends, form.local[len(candidate.local) :])
        if found is not None:
            return found
    if not catch_all:
        return Unknown()
    if matched is not None and (by_pattern := await matched(form)) is not None:
        return by_pattern
    for backend in backends:
        caught = await backend.alias(f"@{form.domain}")
        if caught is not None and form not in map(address_form, caught.targets):
            return caught
    return Unknown()


async def find_account(
    name: str, backends: Sequence[Backend], *, receiving: bool
) -> tuple[Backend, Account] | None:
    """The first account of exactly this name, and who has it.

    Args:
        name: in the form of `names`.
        backends: asked in this order.
        receiving: whether it is asked for mail: then one that only logs in does not count. For a
            login, one without any password counts only where nobody has another; a disabled one
            ends the search, for whoever locked it meant the name.

    Raises:
        DirectoryUnavailable: a backend before it cannot answer.
    """
    without: tuple[Backend, Account] | None = None
    for backend in backends:
        account = await backend.account(name)
        if account is None or (receiving and not account.receives):
            continue
        credentials = account.credentials
        if receiving or credentials is None or credentials.password or not account.enabled:
            return backend, account
        without = without or (backend, account)
    return without


async def is_owner(user: str, address: Address, resolve: Resolve, *, catch_all: bool) -> bool:
    """Whether mail to the address reaches the account, over at most `MAX_OWNER_STEPS` steps.

    On the way, where an alias names an address that is caught, a catch-all always counts; one that
    maps a whole domain names nobody, so behind it a catch-all counts as it did before.

    Args:
        user: the account.
        address: any.
        resolve: finds who has an address.
        catch_all: whether an address is owned that a catch-all alone leads to the account.
    """
    steps = deque([(address, catch_all)])
    seen = {address_form(address)}
    for _ in range(MAX_OWNER_STEPS):
        if not steps:
            return False
        there, caught = steps.popleft()
        here = address_form(there)
        answer = await resolve(there, caught)
        if isinstance(answer, Unknown):
            continue
        if answer.user == user:
            return True
        if isinstance(answer, Alias) and not answer.user:  # a forward's targets do not have it
            counts = caught or not answer.mapped
            for target in answer.targets:
                form = address_form(target)
                if not counts and form.local != here.local:  # beside the domain: it catches all
                    continue
                if str(form) == user and form == here:  # it keeps a copy of what it passes on
                    return True
                if form not in seen:
                    seen.add(form)
                    # The account itself first: a long list of others cannot hide it.
                    (steps.appendleft if str(form) == user else steps.append)((target, counts))
    return False


async def _named(
    form: Address, backends: Sequence[Backend], extension: str
) -> Mailbox | Alias | None:
    """Who has exactly this name."""
    name = str(form)
    alias = await _alias(name, backends)
    found = await find_account(name, backends, receiving=True)
    account = None if found is None else found[1]
    if alias is not None and [address_form(each) for each in alias.targets] == [form]:
        alias = None
    if alias is None and account is not None:
        alias = account.forward
    user = "" if account is None else account.name
    if alias is None:
        return Mailbox(user) if user else None
    return replace(alias, user=user, extension=extension)


async def _alias(name: str, backends: Sequence[Backend]) -> Alias | None:
    for backend in backends:
        alias = await backend.alias(name)
        if alias is not None:
            return alias
    return None
