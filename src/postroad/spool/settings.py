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
        min_free: octets that stay free on the disks of spool and state: a message that would leave
            less is refused for now (Postfix's queue_minfree). The default has room for what
            deliveries, returns and repairs write meanwhile: the logs of a few shards, and some
            large messages that were already under way. 0 switches the limit off.
        min_free_inodes: the same of files and directories. File systems that do not count them
            have enough.
    """

    inline_limit: int = 131_072
    min_free: int = 268_435_456
    min_free_inodes: int = 1000
