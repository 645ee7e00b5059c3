"""The limits of a mailbox, as an operator writes them: `2G`, `500 MB`, `none`.

A size is in octets, or in binary units (K, M, G, T with or without B or iB), as Dovecot's
quota_rule takes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroad.directory.embedded.mistake import UnusableQuota
from postroad.model.size import LARGEST, UNITS
from postroad.model.size import parse_size as octets_of

__all__ = ["LARGEST", "NO_QUOTA", "Quota", "parse_count", "parse_size", "size_words"]

_COUNT = re.compile(r"[0-9]{1,15}")
_NONE = "none"


@dataclass(frozen=True, slots=True)
class Quota:
    """What a mailbox may hold. `None`: as the configuration says; 0: no limit.

    Attributes:
        octets: of all its mail.
        messages: how many.
    """

    octets: int | None = None
    messages: int | None = None


NO_QUOTA = Quota()
"""As the configuration says."""


def parse_size(text: str) -> int:
    """Octets from `2G`, `500 MB`, `1048576`; `none` is 0, no limit.

    Raises:
        UnusableQuota: it is no size.
    """
    if text.strip().lower() == _NONE:
        return 0
    try:
        return octets_of(text)
    except ValueError:
        words = f'a size is a number such as 500M or 2G, or "none", not {text!r}'
        raise UnusableQuota(words) from None


def parse_count(text: str) -> int:
    """A number of messages; `none` is 0, no limit.

    Raises:
        UnusableQuota: it is no number.
    """
    if text.strip().lower() == _NONE:
        return 0
    if not _COUNT.fullmatch(text.strip()):
        raise UnusableQuota(f'a number of messages such as 10000, or "none", not {text!r}')
    return int(text)


def size_words(octets: int) -> str:
    """A size as `parse_size` reads it, in the largest unit that says it exactly."""
    if not octets:
        return _NONE
    for unit in ("T", "G", "M", "K"):
        whole, rest = divmod(octets, 1 << UNITS[unit])
        if not rest:
            return f"{whole}{unit}"
    return str(octets)
