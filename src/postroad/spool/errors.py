"""What the spool raises. Both mean lost input or output, never a decision about a message."""

from __future__ import annotations

__all__ = ["ShardBusy", "SpoolError"]


class SpoolError(Exception):
    """Stable storage failed: full, broken, missing, or written by a newer release.

    Whatever was asked for did not happen and must not be acknowledged. The text is for the
    operator's log; a peer gets `451 4.3.0`.
    """


class ShardBusy(SpoolError):
    """Another process has this shard open."""
