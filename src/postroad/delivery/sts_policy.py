"""MTA-STS policies (RFC 8461): their text, the record that announces them, whom they allow.

Pure: where a policy comes from and how long it is kept is the business of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

from postroad.model.address import domain_key, is_domain

__all__ = ["MAX_AGE", "MAX_TEXT", "Malformed", "StsMode", "StsPolicy", "announced", "parse"]

StsMode = Literal["enforce", "testing", "none"]

MAX_AGE = 31_557_600
"""Seconds that a policy may hold at most, about a year (RFC 8461 §3.2)."""

MAX_TEXT = 65_536
"""Octets of a policy. RFC 8461 §3.3 suggests this bound."""

MAX_PATTERNS = 100
"""Hosts of a policy; the large providers have five. It bounds what is kept of one to 25 KB."""

_KNOWN = ("version", "mode", "mx", "max_age")

_RECORD = re.compile(r"v=STSv1 *;(?:.*;)? *id=([A-Za-z0-9]{1,32}) *(?:;.*)?\Z")
"""RFC 8461 §3.1; fields that are not known are passed over."""


class Malformed(ValueError):
    """What was published is no policy; the text says why."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A policy.

    Attributes:
        domain: whose it is.
        mode: whether a host that does not fit is refused (`enforce`) or only reported
            (`testing`); `none`: there is no policy any more.
        patterns: the hosts that may take the domain's mail, such as `mx.example.net` or
            `*.example.net`; in lower case.
        max_age: seconds for which it holds.
        lines: its text without what is not known of, for reports and to be kept.
    """

    domain: str
    mode: StsMode
    patterns: tuple[str, ...]
    max_age: int
    lines: tuple[str, ...]

    def allows(self, host: str) -> bool:
        """Whether a mail exchanger is among its hosts (RFC 8461 §4.1).

        A wildcard is the whole leftmost label, and stands for one label.
        """
        name = domain_key(host)
        wildcard = f"*.{name.partition('.')[2]}"
        return any(pattern in {name, wildcard} for pattern in self.patterns)


def announced(texts: Iterable[str]) -> str | None:
    """The id of the policy that `_mta-sts` TXT records announce; `None`: they announce none.

    Records of other kinds are passed over. There must be one of this kind, neither more nor fewer
    (RFC 8461 §3.1).
    """
    ours = [text for text in texts if re.match(r"v=STSv1 *;", text)]
    if len(ours) != 1:
        return None
    found = _RECORD.match(ours[0].rstrip("; ") + ";")
    return found[1] if found else None


def parse(domain: str, text: str) -> StsPolicy:
    """A policy from the text at its well-known place (RFC 8461 §3.2).

    Raises:
        Malformed: it is none.
    """
    fields: dict[str, str] = {}
    patterns: list[str] = []
    lines: list[str] = []
    for line in (each.strip(" \t") for each in re.split(r"\r?\n", text)):
        key, colon, value = line.partition(":")
        if not line:
            continue
        if not colon or not line.isprintable():
            raise Malformed("a line is no key and value")
        key, value = key.strip(), value.strip()
        if key in _KNOWN and (key == "mx" or key not in fields):
            lines.append(f"{key}: {value}")
        if key == "mx":
            patterns.append(_pattern(value))
        else:
            fields.setdefault(key, value)  # the first one counts (§3.2)
    mode = fields.get("mode")
    if fields.get("version") != "STSv1":
        raise Malformed("version is not STSv1")
    if mode not in ("enforce", "testing", "none"):
        raise Malformed("mode is not enforce, testing or none")
    if not re.fullmatch(r"[0-9]{1,10}", fields.get("max_age", "")):
        raise Malformed("max_age is no number of seconds")
    if mode != "none" and not patterns:
        raise Malformed("no mx")
    if len(patterns) > MAX_PATTERNS:
        raise Malformed("too many mx")
    age = min(int(fields["max_age"]), MAX_AGE)
    return StsPolicy(domain, cast("StsMode", mode), tuple(patterns), age, tuple(lines))


def _pattern(value: str) -> str:
    name = domain_key(value)
    if not name.isascii() or not is_domain(name.removeprefix("*.")):
        raise Malformed("mx is no host name")
    return name
