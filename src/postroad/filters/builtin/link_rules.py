"""Rules about links: where they lead, and what they show in place of that.

Newsletters lead their readers by way of a counter of clicks, which is often another's: so a link
that shows another domain counts only where neither the author nor anybody who is shown to have sent
the mail has the domain that it leads to, nor anybody who is shown to have sent it the one it shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import IPv4Address
from urllib.parse import unquote

from postroad.filters.builtin.alphabets import mixed_word
from postroad.filters.builtin.case import Case, is_public, organization
from postroad.filters.builtin.reading import Link
from postroad.filters.builtin.rule import Rule, shown

__all__ = ["LINK_RULES", "host_of", "hosts"]

_TARGET = re.compile(r"(?:https?:)?//([^/?#\s\\]{1,512})", re.IGNORECASE)
_SHOWN = re.compile(
    r"(?:https?://)?((?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24})(?:[:/?#]\S{0,2000})?\Z", re.IGNORECASE
)
_RUNS = re.compile(
    r"\s*(?:javascript|vbscript|data)\s*:(?!(?:\s?void\s?\(\s?0?\s?\)|//)?\s?;?\s?\Z)",
    re.IGNORECASE,
)
"""But for what does nothing: saved pages are full of `javascript:void(0)`."""

_FILE_NAMES = frozenset(
    re.findall(
        r"\S+",
        "html htm php asp aspx txt pdf doc docx xls xlsx csv zip jpg gif png exe js md py rs sh pl"
        " cc h ts go java json toml yml yaml xml ini conf cfg log",
    )
)
_NUMBER = re.compile(r"(?:0x[0-9a-f]{1,8}|\d{1,10})(?:\.(?:0x[0-9a-f]{1,8}|\d{1,10})){0,3}\Z")


def host_of(target: str) -> tuple[str, str]:
    """The host that a link leads to, and the user's name before it.

    Args:
        target: as it is written.

    Returns:
        The host in lower case, without a port, and what stands before its `@`; empty for none.
    """
    found = _TARGET.match(target.strip())
    if found is None:
        return "", ""
    user, _, place = unquote(found[1]).rpartition("@")
    if place.startswith("["):
        return place.partition("]")[0] + "]", user
    return place.partition(":")[0].rstrip(".").lower(), user


def hosts(case: Case) -> Iterator[str]:
    """The hosts that its links lead to, each once."""
    return iter(dict.fromkeys(filter(None, (_host(each.target) for each in case.reading.links))))


@lru_cache(1024)
def _host(target: str) -> str:
    return host_of(target)[0]


def _address(host: str) -> str:
    """The address that a host is, however it is written; empty: it is a name."""
    if not _NUMBER.match(host):
        return ""
    numbers = [int(each, 16) if each[1:2] == "x" else int(each) for each in host.split(".")]
    if len(numbers) == 4 and all(each < 256 for each in numbers):
        return ".".join(map(str, numbers))
    value = numbers[-1] + sum(
        each << (8 * (3 - at)) for at, each in enumerate(numbers[:-1]) if each < 256
    )
    return str(IPv4Address(value)) if value < 1 << 32 else ""


def _leads_to_address(case: Case) -> str:
    for host in hosts(case):
        address = _address(host)
        if is_public(address):
            return shown(host)
    return ""


def _leads_under_name(case: Case) -> str:
    """`https://bank.example@192.0.2.1/`: a name that looks like a host.

    Who meant to write their own address wrote `https://ann.lee@example.com`.
    """
    own = case.vouched() | {organization(case.author_domain)}
    for link in case.reading.links:
        host, user = host_of(link.target)
        if host and "." in user.partition(":")[0] and (organization(host) or host) not in own:
            return shown(f"{user}@{host}")
    return ""


def _runs(case: Case) -> str:
    for link in case.reading.links:
        if link.tag in ("a", "area", "form") and _RUNS.match(link.target):
            return shown(link.target)
    return ""


def _lies(link: Link, known: frozenset[str], senders: frozenset[str]) -> bool:
    """Whether a link shows one organization's address and leads to another's.

    Args:
        link: of the message.
        known: where links may lead, whatever they show.
        senders: whose addresses may be shown, wherever that leads.
    """
    if link.tag != "a":
        return False
    seen = _SHOWN.match(link.shown.strip())
    host = _host(link.target)
    if seen is None or "." not in host or seen[1].rpartition(".")[2].lower() in _FILE_NAMES:
        return False
    leads, says = organization(host) or host, organization(seen[1])
    return bool(says) and leads != says and leads not in known and says not in senders


def _leads_elsewhere(case: Case) -> str:
    if not any(each.tag == "a" for each in case.reading.links):
        return ""
    senders = case.vouched()
    known = senders | {organization(case.author_domain)}
    for link in case.reading.links:
        if _lies(link, known, senders):
            return shown(f"{link.shown.strip()[:25]} leads to {_host(link.target)}")
    return ""


def _looks_like_another(case: Case) -> str:
    for host in hosts(case):
        if "xn--" in host and (word := mixed_word(_decoded(host))):
            return shown(word)
    return ""


def _decoded(host: str) -> str:
    labels = []
    for label in host[:253].split("."):
        if not label.startswith("xn--") or len(label) > 63:
            continue
        try:
            labels.append(label.removeprefix("xn--").encode("ascii").decode("punycode"))
        except UnicodeError:
            continue
    return " ".join(labels)


LINK_RULES = (
    Rule("LINK_ADDRESS", 1.2, "a link leads to a bare address", _leads_to_address),
    Rule("LINK_USER", 2.0, "a link hides where it leads behind a name", _leads_under_name),
    Rule("LINK_RUNS", 2.0, "a link would run a program", _runs),
    Rule("LINK_LIES", 1.2, "a link shows an address and leads to another", _leads_elsewhere),
    Rule("LINK_ALPHABETS", 2.0, "a link's host has letters of two alphabets", _looks_like_another),
)
"""Where links lead."""
