"""The section of the configuration that our border reads: `[authentication]`."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model.address import is_domain
from postroad.model.units import Duration

__all__ = ["AuthenticationSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationSettings:
    """`[authentication]`: what is verified of mail from strangers, and told in its header.

    Attributes:
        verify: whether SPF and DKIM, and what goes by them, are verified, and the fields
            Authentication-Results and Received-SPF written.
        id: the name that the results stand under (RFC 8601's authserv-id); empty: the hostname.
            Several servers of one operator may share one.
        timeout: seconds for SPF and DKIM of a message; what is not known by then is a temporary
            error. Who goes by them has time of its own after that (`mailauth.border.JUDGING`).
    """

    verify: bool = True
    id: str = ""
    timeout: Duration = 30.0

    def __post_init__(self) -> None:
        if self.id and not is_domain(self.id):
            raise ValueError(f"{self.id!r} is no name for [authentication] id, such as a hostname")
