"""What a listener offers beyond plain SMTP: one value for all of its sessions."""

from __future__ import annotations

from dataclasses import dataclass, field

from postroad.policy import Networks
from postroad.server.etrn import QueueStarting
from postroad.server.settings import VrfyMode

__all__ = ["Extensions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """A listener's extensions.

    Attributes:
        lmtp: it speaks LMTP (RFC 2033).
        plain_auth: logins are taken without TLS too.
        vrfy: who gets an answer to VRFY.
        future_release: the longest time for which mail may be held back, seconds; 0: not at all.
        discarded: EHLO keywords that are not offered, in capitals.
        proxies: whose connections begin with a PROXY header.
        impostors: who may speak for others by XCLIENT.
        forwarders: who may say by XFORWARD whom it got mail from.
        etrn: who may start which queue.
    """

    lmtp: bool = False
    plain_auth: bool = False
    vrfy: VrfyMode = "never"
    future_release: float = 0.0
    discarded: frozenset[str] = frozenset()
    proxies: Networks = field(default_factory=Networks)
    impostors: Networks = field(default_factory=Networks)
    forwarders: Networks = field(default_factory=Networks)
    etrn: QueueStarting = field(default_factory=QueueStarting)
