"""What the spool raises. All mean lost input or output, never a decision about a message."""

from __future__ import annotations

__all__ = ["CommitUnsure", "ContentDamaged", "DatabaseDamaged", "ShardBusy", "SpoolError"]


class SpoolError(Exception):
    """Stable storage failed: full, broken, missing, or written by a newer release.

    Whatever was asked for did not happen and must not be acknowledged. The text is for the
    operator's log; a peer gets `451 4.3.0`.
    """


class ShardBusy(SpoolError):
    """Another process has this shard open."""


class ContentDamaged(SpoolError):
    """A content is not what was stored: other octets, too few, or none at all."""


class DatabaseDamaged(SpoolError):
    """The database is broken, and what can be read of it has to be saved."""


class CommitUnsure(SpoolError):
    """A commit failed once it had begun to write the log, and nothing was committed since.

    Here it counts as not done. If the process ends now, though, the next start may find it whole.
    """
