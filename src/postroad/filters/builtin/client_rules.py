"""Rules about who handed a message over: the client's address and names, and its greeting.

They ask about strangers only, and only about addresses of the Internet. What the DNS did not
answer counts for nobody.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from postroad.filters.builtin.case import Case, is_public, organization
from postroad.filters.builtin.rule import Rule
from postroad.model import Client
from postroad.model.address import domain_key

__all__ = ["CLIENT_RULES"]

_DIGITS = re.compile(r"\d{1,3}")
_BY_TURNS = re.compile(
    r"(?:^|[.\-_\d])(?:dyn|dynamic|dhcp|pool|ppp|dsl|adsl|vdsl|dialup|dial|cable|broadband|mobile)"
    r"(?=$|[.\-_\d])"
)


def _client(case: Case) -> Client | None:
    """The client, where it has an address of the Internet and names are looked up."""
    client = case.letter.client
    if client is None or not case.is_from_outside or not client.has_address:
        return None
    if not case.here.names_clients or not is_public(client.address):
        return None
    return client


def _is_nameless(case: Case) -> bool:
    client = _client(case)
    return client is not None and client.reverse_name == "unknown" and not client.reverse_unsure


def _is_unconfirmed(case: Case) -> str:
    client = _client(case)
    if client is None or client.reverse_name == "unknown" or client.name_unsure:
        return ""
    return client.reverse_name if client.name == "unknown" else ""


def _has_numbered_name(case: Case) -> str:
    """A name that is made of the address was given by a provider, not by who runs the server."""
    client = _client(case)
    if client is None or "." not in client.address:
        return ""
    numbers = [int(each) for each in client.address.split(".")]
    named = [int(each) for each in _DIGITS.findall(client.reverse_name)]
    return client.reverse_name if all(each in named for each in numbers) else ""


def _has_changing_name(case: Case) -> str:
    client = _client(case)
    if client is None:
        return ""
    name = domain_key(client.reverse_name)
    host = name.removesuffix(organization(name))  # whose name it is says nothing of the host
    return client.reverse_name if _DIGITS.search(host) and _BY_TURNS.search(host) else ""


def _hello(case: Case) -> str:
    return domain_key(case.letter.hello) if case.is_from_outside else ""


def _greets_as_us(case: Case) -> bool:
    """The web server of a domain may greet with its name: who is shown to be of it is no stranger.

    If it writes in that name as well, that is said already, by `AUTHOR_OURS`.
    """
    hello = _hello(case)
    if not hello or hello == case.here.hostname:
        return bool(hello)
    is_said = hello == case.author_domain or organization(hello) in case.vouched()
    return hello in case.here.domains and not is_said


def _greets_by_address(case: Case) -> str:
    hello = _hello(case)
    try:
        ip_address(hello)
    except ValueError:
        return ""
    return hello  # RFC 5321 §4.1.3 has an address in brackets


def _greets_without_domain(case: Case) -> str:
    hello = _hello(case)
    return hello if hello and "." not in hello and not hello.startswith("[") else ""


CLIENT_RULES = (
    Rule("CLIENT_NO_NAME", 1.0, "the client's address has no name", _is_nameless),
    Rule("CLIENT_NAME_UNSURE", 0.4, "its name does not lead back to it", _is_unconfirmed),
    Rule("CLIENT_NAME_NUMBERS", 0.6, "its name is made of its address", _has_numbered_name),
    Rule("CLIENT_NAME_DYNAMIC", 1.0, "its name is of a dial-up line", _has_changing_name),
    Rule("HELO_IS_OURS", 2.5, "it greets with a name of ours", _greets_as_us),
    Rule("HELO_IS_ADDRESS", 1.2, "it greets with a bare address", _greets_by_address),
    Rule("HELO_NO_DOMAIN", 0.8, "it greets with a name without a domain", _greets_without_domain),
)
"""Who handed it over."""
