"""Restrictions that look in an access table: `check_…_access`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain

from postroad.policy.access_keys import NULL_SENDER, Key, address_keys, domain_keys, mail_keys
from postroad.policy.access_results import answer_of
from postroad.policy.answer import Action, Answer, Subject, dunno, refuse
from postroad.policy.client_rules import fingerprints_of
from postroad.policy.context import Context
from postroad.policy.destination import TAKEN, destination, is_routed
from postroad.policy.facts import Facts, LookupUnavailable, Oracle
from postroad.policy.restriction import ArgumentMistake, Check, Matter

__all__ = [
    "access",
    "certificate_keys",
    "client_keys",
    "etrn_keys",
    "find",
    "helo_keys",
    "login_keys",
    "recipient_keys",
    "reverse_client_keys",
    "sender_keys",
    "table_named",
]

Keys = Callable[[Facts, str], Iterable[Key]]
"""The keys to look for, given the characters that begin an address extension; none: there is
nothing to look for."""

_NOTHING = dunno("there is nothing to look for")


def access(keys: Keys, about: Subject) -> Callable[[str, Context], Check]:
    """A restriction that asks a table for keys until it has one.

    Args:
        keys: makes them of a transaction.
        about: whom they are about.
    """

    def make(argument: str, context: Context) -> Check:
        table = table_named(argument)

        async def check(facts: Facts, oracle: Oracle) -> Answer:
            wanted = list(keys(facts, context.recipient_delimiter))
            if not wanted:
                return _NOTHING
            found = await find(table, wanted, Matter(about, context, facts, oracle))
            if found is None:
                return dunno(f"{table} has nothing of {wanted[0].text}")
            if about is Subject.RECIPIENT and await _opens_route(found, facts, oracle):
                return dunno(f"{found.why}, but the recipient has a route in it")
            return found

        return check

    return make


async def _opens_route(answer: Answer, facts: Facts, oracle: Oracle) -> bool:
    """Whether a permit is for an address that its host may read as a way to a third one."""
    recipient = facts.recipient
    if answer.action is not Action.PERMIT or answer.disposition.discard:
        return False
    if recipient is None or not is_routed(recipient):
        return False
    return await destination(recipient, oracle) not in TAKEN


def table_named(argument: str) -> str:
    """The table that follows a restriction's name.

    Raises:
        ArgumentMistake: it has no type.
    """
    kind, colon, rest = argument.partition(":")
    if not (kind and colon and rest):
        raise ArgumentMistake(f'"{argument}" is no table, such as hash:/etc/postroad/access')
    return argument


async def find(table: str, keys: Iterable[Key], matter: Matter) -> Answer | None:
    """What a table says of the first of the keys that it has; `None` when it has none."""
    about, context, facts, oracle = matter
    takes_parts = oracle.tables.takes_parts(table)
    for key, is_part in keys:
        if is_part and not takes_parts:
            continue
        try:
            value = await oracle.tables.find(table, key)
        except LookupUnavailable:
            why = f"{table} cannot be asked now"
            return refuse(why, 451, "4.3.5", "Server configuration error", about=about)
        if value is not None:
            return answer_of(value, f"{table} for {key}", about, context, facts)
    return None


# Keys -------------------------------------------------------------------------------------------


def client_keys(facts: Facts, _delimiters: str) -> Iterable[Key]:
    """The client's name and the domains above it, then its address and networks."""
    client = facts.client
    return chain(domain_keys(client.name), address_keys(client.address))


def reverse_client_keys(facts: Facts, _delimiters: str) -> Iterable[Key]:
    """The name that the reverse look-up gave, confirmed or not, then the client's address."""
    client = facts.client
    return chain(domain_keys(client.reverse_name), address_keys(client.address))


def helo_keys(facts: Facts, _delimiters: str) -> Iterable[Key]:
    """The name in HELO."""
    return domain_keys(facts.helo)


def sender_keys(facts: Facts, delimiters: str) -> Iterable[Key]:
    """The sender's address; the null one has a key of its own."""
    if facts.sender is None:
        return (Key(NULL_SENDER),) if facts.mail else ()
    return mail_keys(facts.sender, delimiters)


def recipient_keys(facts: Facts, delimiters: str) -> Iterable[Key]:
    """The recipient's address."""
    return () if facts.recipient is None else mail_keys(facts.recipient, delimiters)


def login_keys(facts: Facts, _delimiters: str) -> Iterable[Key]:
    """The name of who has logged in."""
    return () if facts.login is None else (Key(facts.login.user.lower()),)


def certificate_keys(facts: Facts, _delimiters: str) -> Iterable[Key]:
    """The fingerprints of the client's certificate and of its public key."""
    return map(Key, fingerprints_of(facts))


def etrn_keys(facts: Facts, _delimiters: str) -> Iterable[Key]:
    """The domain in ETRN."""
    return domain_keys(facts.etrn)
