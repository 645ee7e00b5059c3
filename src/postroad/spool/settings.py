"""The spool's section of the configuration file."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SpoolSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolSettings:
    """`[spool]`.

    Attributes:
        inline_limit: octets up to which a content is kept in the database; a larger one becomes
            a file beside it. 0 switches the limit off, and a content of any size is then held
            in memory until it is committed.
    """

    inline_limit: int = 131_072
