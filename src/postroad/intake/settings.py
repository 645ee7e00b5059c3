"""`[intake]` and `[forwarding]`: what a message must satisfy to enter, and how it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from postroad.model.address import is_domain
from postroad.model.units import Duration

__all__ = ["ForwardingSettings", "IntakeSettings"]


def _check_domain(text: str) -> str:
    if text and not is_domain(text):
        raise ValueError("a domain, such as bounces.example.org")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeSettings:
    """Bounds on the header of a message, and on who looks at it.

    Attributes:
        hop_limit: a message with more Received fields than this is in a loop (RFC 5321 §6.3;
            50 is Postfix's number); 0: any number.
        header_size: octets of header that a message may have; 0: no limit but the message's own.
        examination_timeout: seconds that all who look at a message's content may take together;
            then its sender is told to come back. Senders wait ten minutes for their answer
            (RFC 5321 §4.5.3.2.6).
    """

    hop_limit: int = 50
    header_size: int = 1_048_576
    examination_timeout: Duration = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardingSettings:
    """How mail goes on that an alias, a group or a forward sends elsewhere.

    Attributes:
        srs: whether mail of foreign senders goes to other servers under an address of ours, so
            that it passes SPF there.
        domain: the domain of those addresses: one whose MX is this server and whose SPF record
            allows it; empty: the first one of `domains`, or else the hostname.
        maximum_age: for how long a bounce finds its way back, a duration of 1 to 500 days.
        key_lifetime: after what time a new key signs, a duration; the old one reads for
            `maximum_age` more; 0: never.
        bounces_only: whether an address that was rewritten takes nothing but mail without a sender.
        extensions: whether the extension of an address goes with it through an alias that does not
            name it: `john+lists` to `info+lists` where `john` is an alias for `info`
            (`propagate_unmatched_extensions = virtual` of Postfix).
        loops: whether a message is refused that was delivered before at the address it is about to
            be forwarded from.
    """

    srs: bool = True
    domain: Annotated[str, AfterValidator(_check_domain)] = ""
    maximum_age: Duration = 21 * 86_400.0
    key_lifetime: Duration = 90 * 86_400.0
    bounces_only: bool = True
    extensions: bool = True
    loops: bool = True
