"""The lines that we add: Received (RFC 5321 §4.4), Date and Message-ID (RFC 6409 §8)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from postroad.model import Address, Client, Login, TlsSession

__all__ = ["Source", "date_field", "message_id_field", "received_field"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Source:
    """Who hands a message over, and how.

    Attributes:
        service: the part of the server that took it, as logs name it.
        client: the connected host; `None` for mail made here.
        hello: the name the client gave for itself.
        protocol: the RFC 3848 name of how it came: `ESMTPSA` and friends.
        tls: the session's TLS.
        login: who logged in.
        submission: whether the sender is a user of ours, whose mail program may have left out
            Date and Message-ID for us to add (RFC 6409 §8).
    """

    service: str
    client: Client | None = None
    hello: str = ""
    protocol: str = "local"
    tls: TlsSession | None = None
    login: Login | None = None
    submission: bool = False


def received_field(
    source: Source, hostname: str, queue_id: str, recipients: Sequence[Address], now: float
) -> bytes:
    """The trace line for the top of the message.

    The recipient is named only where there is one: two in one copy would show each of them the
    other (RFC 5321 §7.2). The login name is left out for the same reason.

    Args:
        source: who handed it over.
        hostname: our name.
        queue_id: the message's.
        recipients: as RCPT named them.
        now: seconds since the epoch.
    """
    lines = []
    if source.client is not None:
        lines.append(
            f"Received: from {_atom(source.hello)} ({source.client.name} "
            f"{_literal(source.client.address)})"
        )
        if source.tls is not None:
            tls = source.tls
            lines.append(
                f"(using {tls.version} with cipher {tls.cipher} ({tls.bits}/{tls.bits} bits))"
            )
        lines.append(f"by {hostname} (Postroad) with {source.protocol} id {queue_id}")
    else:
        lines.append(f"Received: by {hostname} (Postroad) id {queue_id}")
    if len(recipients) == 1:
        lines.append(f"for <{recipients[0]}>")
    return ("\r\n\t".join(lines) + f"; {_date(int(now))}\r\n").encode()


def date_field(now: float) -> bytes:
    """A Date field (RFC 5322 §3.6.1).

    Args:
        now: seconds since the epoch.
    """
    return f"Date: {_date(int(now))}\r\n".encode()


def message_id_field(queue_id: str, hostname: str, now: float) -> tuple[str, bytes]:
    """A Message-ID field, and the identifier in it (RFC 5322 §3.6.4).

    Args:
        queue_id: what makes it unique on this host.
        hostname: what makes it unique in the world.
        now: seconds since the epoch.
    """
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(now))
    identifier = f"<{stamp}.{queue_id}@{hostname}>"
    return identifier, f"Message-ID: {identifier}\r\n".encode()


@lru_cache(maxsize=4)
def _date(second: int) -> str:
    """RFC 5322 §3.3 in local time; never through the locale, which may speak another language."""
    at = time.localtime(second)
    sign = "-" if at.tm_gmtoff < 0 else "+"
    hours, minutes = divmod(abs(at.tm_gmtoff) // 60, 60)
    return (
        f"{_DAYS[at.tm_wday]}, {at.tm_mday} {_MONTHS[at.tm_mon - 1]} {at.tm_year} "
        f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} {sign}{hours:02}{minutes:02} ({at.tm_zone})"
    )


def _literal(address: str) -> str:
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _atom(hello: str) -> str:
    """The peer chose this name: keep out what would break the field's structure."""
    clean = "".join(c if c.isalnum() or c in ".-_[]:" else "?" for c in hello)
    return clean or "unknown"
