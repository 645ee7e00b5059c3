"""Restrictions that look in an access table for the servers behind a name.

They are `check_…_mx_access`, `check_…_ns_access` and `check_…_a_access`.

A table may refuse what has its mail exchanger or name server at a certain place. It cannot permit:
anybody may name anybody's servers as his own. OK is an error of the operator's there, as in
Postfix, and so is a restriction that permits (`hearing`); an exception is written as DUNNO.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Literal

from postroad.policy.access_keys import Key, address_keys, domain_keys
from postroad.policy.access_rules import find, table_named
from postroad.policy.answer import Action, Answer, Subject, dunno, misconfigured
from postroad.policy.context import Context
from postroad.policy.facts import Facts, LookupUnavailable, Names, Oracle
from postroad.policy.hostname import is_ip_address
from postroad.policy.mail_hosts import MOST_HOSTS, addresses_of, exchangers_of, is_null_mx
from postroad.policy.restriction import Check, Matter

__all__ = [
    "ServerKind",
    "client_name",
    "helo_name",
    "recipient",
    "reverse_name",
    "sender",
    "server_access",
]

ServerKind = Literal["A", "MX", "NS"]
Named = Callable[[Facts], str]

_UNKNOWN = "unknown"
_NOTHING = dunno("there is no name to look for")


def server_access(what: Named, kind: ServerKind, about: Subject) -> Callable[[str, Context], Check]:
    """A restriction that asks a table for the servers of a name.

    Args:
        what: the name, of a transaction; or a mail address; empty: none.
        kind: which servers: its addresses, its mail exchangers, its name servers.
        about: whom it is about.
    """

    def make(argument: str, context: Context) -> Check:
        table = table_named(argument)

        async def check(facts: Facts, oracle: Oracle) -> Answer:
            name = what(facts).rpartition("@")[2]
            if not name:
                return _NOTHING
            answer = await _look(name, table, kind, Matter(about, context, facts, oracle))
            return _not_permitting(answer)

        return check

    return make


def _not_permitting(answer: Answer) -> Answer:
    if answer.action is not Action.PERMIT or answer.disposition.discard:
        return answer
    why = f"{answer.why}, which must not permit here; an exception is written as DUNNO"
    return misconfigured(why)


async def _look(name: str, table: str, kind: ServerKind, matter: Matter) -> Answer:
    oracle = matter.oracle
    if name.startswith("["):
        literal = _literal(name) if kind != "NS" else ""
        hosts: Iterable[str] = (literal,) if literal else ()
    else:
        try:
            hosts = await _hosts(name.removesuffix("."), kind, oracle.names)
        except LookupUnavailable:
            return dunno(f"the DNS does not tell the {kind} hosts of {name} now")
    for host in hosts:
        keys = await _keys(host, kind, oracle.names)
        found = await find(table, keys, matter)
        if found is not None:
            return found
    return dunno(f"{table} has none of the {kind} hosts of {name}")


async def _hosts(name: str, kind: ServerKind, names: Names) -> Iterable[str]:
    """The servers of a name: without a mail exchanger itself, without name servers its parent's."""
    if kind == "A":
        return (name,)
    if kind == "MX":
        records = await names.records(name, "MX")
        if is_null_mx(records):
            return ()
        return [host for _, host in exchangers_of(records) if host] or (name,)
    while True:
        servers = await names.records(name, "NS")
        if servers:
            return [server.removesuffix(".") for server in servers[:MOST_HOSTS]]
        _, dot, name = name.partition(".")
        if not dot or "." not in name:
            return ()


async def _keys(host: str, kind: ServerKind, names: Names) -> Iterable[Key]:
    if is_ip_address(host):
        return address_keys(host)
    own = () if kind == "A" else domain_keys(host)
    try:
        addresses = await addresses_of(names, host)
    except LookupUnavailable:
        addresses = ()
    return chain(own, *(address_keys(address) for address in addresses))


def _literal(domain: str) -> str:
    """The address in an address literal; empty when it is none."""
    inner = domain[1:-1]
    inner = inner[5:] if inner[:5].lower() == "ipv6:" else inner
    return inner if is_ip_address(inner) else ""


# Names ------------------------------------------------------------------------------------------


def client_name(facts: Facts) -> str:
    """The client's confirmed name."""
    return "" if facts.client.name == _UNKNOWN else facts.client.name


def reverse_name(facts: Facts) -> str:
    """The name that the reverse look-up gave."""
    return "" if facts.client.reverse_name == _UNKNOWN else facts.client.reverse_name


def helo_name(facts: Facts) -> str:
    """The name in HELO."""
    return facts.helo


def sender(facts: Facts) -> str:
    """The sender's address."""
    return "" if facts.sender is None else str(facts.sender)


def recipient(facts: Facts) -> str:
    """The recipient's address."""
    return "" if facts.recipient is None else str(facts.recipient)
