"""What a table of TLS policies says of a destination (Postfix's smtp_tls_policy_maps).

The result is a level and attributes, `secure match=example.com:.example.com ciphers=high`. A
mistake in it must not make a destination less safe than was meant, so that one has no policy at
all, and its mail waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, get_args

from postroad.delivery.nexthop import Nexthop
from postroad.delivery.settings import TlsLevel
from postroad.delivery.tls_settings import CipherGrade
from postroad.model.address import is_domain
from postroad.net.tls_client import parse_protocols

__all__ = ["Finding", "TablePolicy", "fingerprint", "look_up", "policy_mistake", "read_policy"]

_BY_NAME = ("verify", "secure")
_ATTRIBUTES = ("ciphers", "match", "protocols", "servername")


class Finding(Protocol):
    """Who finds values in tables; `postroad.tables.Tables` is one."""

    async def find(self, table: str, key: str) -> str | None:
        """The value of a key, `None` where there is none.

        Raises:
            postroad.tables.TableUnavailable: nobody knows now.
        """
        ...


@dataclass(frozen=True, slots=True)
class TablePolicy:
    """What a table says.

    Attributes:
        level: the level.
        source: the table and the key that it was found by.
        match: names or digests, none where the settings' are meant.
        protocols: versions of TLS, empty for the settings'.
        ciphers: the grade, `None` for the settings'.
        server_name: the name to ask for, empty for the host's.
    """

    level: TlsLevel
    source: str = ""
    match: tuple[str, ...] = ()
    protocols: str = ""
    ciphers: CipherGrade | None = None
    server_name: str = ""


async def look_up(
    tables: Sequence[str], nexthop: Nexthop, finding: Finding
) -> TablePolicy | str | None:
    """What the first table that knows the destination says of it.

    A domain is looked up with its parents, `.example.net`; what has brackets or a port is looked
    up as it is written, once.

    Returns:
        The policy; why it cannot be used; `None`: no table knows the destination.

    Raises:
        postroad.tables.TableUnavailable: nobody knows now.
    """
    for key in _keys(nexthop):
        for table in tables:
            text = await finding.find(table, key)
            if text is None:
                continue
            source = f"{table} for {key}"
            try:
                return read_policy(text, source)
            except ValueError as error:
                return f"{source}: {error}"
    return None


def read_policy(text: str, source: str = "") -> TablePolicy:
    """Read a result.

    Raises:
        ValueError: it is none; the message is for the operator.
    """
    level, *attributes = re.split(r"[\s,]+", text.strip())
    if level not in get_args(TlsLevel):
        raise ValueError(f'"{level[:40]}" is no level of TLS: {", ".join(get_args(TlsLevel))}')
    found: dict[str, str] = {}
    match: list[str] = []
    for attribute in filter(None, attributes):
        name, equals, value = attribute.partition("=")
        name = name.lower()
        if not equals or not value or name not in _ATTRIBUTES:
            raise ValueError(f'"{attribute[:60]}" is none of {", ".join(_ATTRIBUTES)}')
        if name == "match":
            match.extend(value.split("|" if level == "fingerprint" else ":"))
        elif name in found:
            raise ValueError(f"{name} is there twice")
        else:
            found[name] = value
    _check(level, match, found)
    return TablePolicy(
        cast("TlsLevel", level),
        source,
        tuple(match),
        found.get("protocols", ""),
        cast("CipherGrade | None", found.get("ciphers")),
        found.get("servername", "").lower(),
    )


def policy_mistake(text: str) -> str:
    """What is wrong with a result; empty: nothing."""
    try:
        read_policy(text)
    except ValueError as error:
        return str(error)
    return ""


def fingerprint(text: str) -> bytes | None:
    """A digest from its hexadecimal form, with or without colons; `None` for what is none."""
    try:
        return bytes.fromhex(text.replace(":", "")) or None
    except ValueError:
        return None


def _check(level: str, match: Sequence[str], found: dict[str, str]) -> None:
    if level == "none" and (match or found):
        raise ValueError("attributes mean nothing without TLS")
    if match and level not in (*_BY_NAME, "fingerprint"):
        raise ValueError(f"match means nothing at the level {level}")
    if level == "fingerprint" and not all(fingerprint(each) for each in match):
        raise ValueError("match is no fingerprint")
    if level in _BY_NAME and not all(is_name_to_match(each) for each in match):
        raise ValueError("match is no name")
    if "ciphers" in found and found["ciphers"] not in get_args(CipherGrade):
        raise ValueError(f"ciphers is none of {', '.join(get_args(CipherGrade))}")
    if "servername" in found and not is_domain(found["servername"]):
        raise ValueError("servername is no host name")
    if "protocols" in found:
        parse_protocols(found["protocols"])


def is_name_to_match(text: str) -> bool:
    """Whether it is a strategy or a name, as of smtp_tls_verify_cert_match."""
    return text in ("hostname", "nexthop", "dot-nexthop") or is_domain(text.removeprefix("."))


def _keys(nexthop: Nexthop) -> Iterator[str]:
    """What a destination is looked up by."""
    whole = str(nexthop)
    yield whole.lower()
    if not nexthop.exchangers or nexthop.port is not None:
        return
    name = nexthop.host
    while (dot := name.find(".", 1)) > 0:
        name = name[dot:]
        yield name
