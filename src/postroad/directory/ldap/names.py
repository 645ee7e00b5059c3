"""Whose an LDAP entry is: the name of an account, as the entry itself says it.

A server finds an entry by its own rules of comparison: RFC 4518 has it take fullwidth letters for
usual ones, and blanks and soft hyphens for nothing. So the entry that it finds for a name need not
be of that name; and where every such spelling were an account, one password would open many. Here
what was compared is read from the entry and compared once more, by the rules of `names`.

Pure; it knows filters as text, and no server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from postroad.directory.interface import DirectoryUnavailable
from postroad.directory.names import address_form, is_plain, same_text
from postroad.directory.placeholders import filled_in, uses
from postroad.model import Address, AddressError

__all__ = ["EntryNames", "first_part"]

_COMPARED = re.compile(r"\(\s*([A-Za-z][A-Za-z0-9;-]*)\s*=([^()*]*)\)")
"""An equality in a filter (RFC 4515 \u00a73), its attribute and its value."""


class EntryNames:
    """Reads names from entries.

    Args:
        wanted: the filter that finds an account, or the first part of its name in parentheses,
            with placeholders.
        user: the attribute that says whose an entry is, in lower case; empty: none does.
    """

    def __init__(self, wanted: str, user: str) -> None:
        self._user = user
        self._templates = tuple(
            (found[1].lower(), found[2].strip())
            for found in _COMPARED.finditer(wanted)
            if uses(found[2], "usn") and "\\" not in found[2]
        )
        self.compared = frozenset(() if user else (name for name, _ in self._templates))
        """The attributes to read for it, besides `user`."""

    def is_of(self, name: str, entry: Mapping[str, tuple[str, ...]]) -> bool:
        """Whether the entry is the account of that name, or says another name of its own.

        Raises:
            DirectoryUnavailable: what was compared cannot be read, and the name is one that a
                server may find under another spelling.
        """
        if self._user:
            return True
        seen = False
        for attribute, template in self._templates:
            values = entry.get(attribute, ())
            seen = seen or bool(values)
            if any(same_text(value, filled_in(template, name)) for value in values):
                return True
        if seen:
            return False
        if is_plain(name.rpartition("@")[0]):
            return True
        raise DirectoryUnavailable(f"the entry found for {name} says not whose it is")

    def canonical(self, name: str, entry: Mapping[str, tuple[str, ...]]) -> str:
        """The name of the account that was found.

        Args:
            name: that was asked for.
            entry: what was found, and `is_of` that name.

        Raises:
            DirectoryUnavailable: the entry says none, or several of which none was asked for.
        """
        if not self._user:
            return name
        domain = name.rpartition("@")[2]
        names = {_name(value, domain) for value in entry.get(self._user, ())}
        if name in names:
            return name
        if len(names) != 1:
            words = "several names" if names else "no name"
            raise DirectoryUnavailable(f"the entry of {name} has {words} in {self._user}")
        return names.pop()


def first_part(name: str) -> str:
    """What the first part of a distinguished name compares, as filters (RFC 4514 §2.3)."""
    return "".join(f"({each})" for each in name.partition(",")[0].split("+"))


def _name(value: str, domain: str) -> str:
    try:
        return str(address_form(Address.parse(value if "@" in value else f"{value}@{domain}")))
    except AddressError as error:
        raise DirectoryUnavailable(f"{value[:60]!r} is no name of an account: {error}") from error
