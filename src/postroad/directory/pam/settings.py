"""The keys of `[directories.NAME]` for `kind = "pam"`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["PamSettings"]


@dataclass(frozen=True, kw_only=True)  # no slots: `SourceSettings` has several such bases
class PamSettings:
    """The users of this system, whose passwords PAM checks.

    Attributes:
        service: the name of PAM's file of rules.
        service_directory: the folder that it is in; left out: PAM's own, `/etc/pam.d`.
        default_domain: where names without a domain live; empty: the first of `domains` of the
            server.
        minimum_uid: users with lower numbers are no accounts here: they belong to services.
        use_homes: whether mail goes to the user's home, as the user; otherwise as `[mailbox]` says.
    """

    service: str = "postroad"
    service_directory: Path | None = None
    default_domain: str = ""
    minimum_uid: int = 1000
    use_homes: bool = False
