"""The organizational domain by the public suffix list (RFC 7489 §3.2).

The list comes with the library `publicsuffixlist` and is as old as that. It is read when somebody
first asks.
"""

from __future__ import annotations

from functools import lru_cache

from publicsuffixlist import PublicSuffixList

__all__ = ["organizational_domain"]

_REMEMBERED = 4096


@lru_cache(1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


@lru_cache(_REMEMBERED)
def organizational_domain(domain: str) -> str:
    """The domain that somebody registered: one label more than the public suffix.

    Args:
        domain: in A-labels and lower case.

    Returns:
        A domain; a public suffix is its own.
    """
    return _suffixes().privatesuffix(domain) or domain
