"""The section of the configuration that ARC reads: `[arc]`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ArcSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArcSettings:
    """`[arc]`: what servers on the way say that they have verified.

    It is verified where `[authentication]` verifies.

    Attributes:
        verify: whether chains are verified.
        trusted_sealers: domains whose seals are believed: where one of them says that a message
            passed DMARC, and all is as it was since then, a policy is not carried out. None: a
            chain changes nothing.
        seal: whether mail from outside is sealed that an alias leads to another server, or that is
            relayed.
        domain: whose DKIM keys seal; empty: those of the hostname's, or the nearest one above with
            keys.
    """

    verify: bool = True
    trusted_sealers: tuple[str, ...] = ()
    seal: bool = False
    domain: str = ""
