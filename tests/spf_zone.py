"""The DNS of one scenario of RFC 7208's test suite, as the suite's own drivers read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from postroad.net.dns_records import DnsTemporary, Existence, Records, RecordType

__all__ = ["SuiteZone"]

TIMEOUT = "TIMEOUT"


class SuiteZone:
    """A `Query` over `zonedata`.

    A record of type SPF is one of type TXT, unless the name has some of those itself, or says
    `TXT: NONE`. A name with the entry TIMEOUT does not answer for what it does not list.
    """

    def __init__(self, zonedata: Mapping[str, Sequence[Any]]) -> None:
        self._names = {name.lower(): _entries(entries) for name, entries in zonedata.items()}
        self.asked: list[tuple[str, RecordType]] = []

    async def __call__(self, name: str, kind: RecordType) -> Records:
        self.asked.append((name, kind))
        for _ in range(8):  # aliases
            if name not in self._names:
                return Records(Existence.NO_DOMAIN)
            entries = self._names[name]
            values = tuple([_text(kind, value) for what, value in entries if what == kind])
            if values:
                return Records(Existence.FOUND, values)
            if (TIMEOUT, None) in entries:
                raise DnsTemporary(name, kind)
            aliases = [value for what, value in entries if what == "CNAME"]
            if not aliases:
                return Records(Existence.NO_DATA)
            name = aliases[0].lower().rstrip(".")
        return Records(Existence.NO_DATA)


def _entries(entries: Sequence[Any]) -> list[tuple[str, Any]]:
    found = [(TIMEOUT, None) if each == TIMEOUT else next(iter(each.items())) for each in entries]
    texts = [value for what, value in found if what == "TXT"]
    if not texts:
        found += [("TXT", value) for what, value in found if what == "SPF"]
    return [each for each in found if each != ("TXT", "NONE")]


def _text(kind: RecordType, value: Any) -> str:
    """As the resolver gives them."""
    if kind == "TXT":
        text = value if isinstance(value, str) else "".join(value)
        return text.encode("utf-8").decode("ascii", "replace")
    if kind == "MX":
        return f"{value[0]} {value[1]}."
    return f"{value}." if kind == "PTR" else str(value)
