"""The lines that we add: Received (RFC 5321 §4.4), Date and Message-ID (RFC 6409 §8)."""

from __future__ import annotations

import time
from functools import lru_cache

from postroad.model import Address, Client, Login, TlsSession
from postroad.model.letter import Origin
from postroad.model.value import value

__all__ = ["Source", "date_field", "message_id_field", "received_field", "timestamp"]

MAX_NAME = 64
"""Characters of a certificate's common name (RFC 5280 appendix A.1)."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@value
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
        listener: the name of the listener; empty for mail made here.
        userid: the number of the user of this machine whose program made it; `None`: nobody's.
        origin: what is believed of who wrote it.
    """

    service: str
    client: Client | None = None
    hello: str = ""
    protocol: str = "local"
    tls: TlsSession | None = None
    login: Login | None = None
    submission: bool = False
    listener: str = ""
    userid: int | None = None
    origin: Origin = Origin.MADE


def received_field(
    source: Source,
    hostname: str,
    queue_id: str,
    only: Address | None,
    now: float,
    *,
    priority: int = 0,
) -> bytes:
    """The trace line for the top of the message.

    The recipient is named only where there is one: two in one copy would show each of them the
    other (RFC 5321 §7.2). The login name is left out for the same reason.

    Args:
        source: who handed it over.
        hostname: our name.
        queue_id: the message's.
        only: the one recipient, as RCPT named it; `None` where there are more.
        now: seconds since the epoch.
        priority: the message's; named where it is not the usual one (RFC 6710 §6).
    """
    lines = []
    if source.client is not None:
        lines.append(
            f"Received: from {_atom(source.hello)} ({source.client.name} "
            f"{_literal(source.client.address)})"
        )
        if source.tls is not None:
            lines += _tls_lines(source.tls, named=not source.submission)
        lines.append(f"by {hostname} (Postroad) with {source.protocol} id {queue_id}")
    else:
        whose = "" if source.userid is None else f", from userid {source.userid}"
        lines.append(f"Received: by {hostname} (Postroad{whose}) id {queue_id}")
    if only is not None:
        lines.append(f"for <{only}>")
    if priority:
        lines.append(f"PRIORITY {priority}")
    return ("\r\n\t".join(lines) + f"; {timestamp(now)}\r\n").encode()


def _tls_lines(tls: TlsSession, *, named: bool) -> list[str]:
    """The comments that Postfix writes about TLS, and the name that the client asked for.

    A user's certificate is left out as the login is.
    """
    lines = [f"(using {tls.version} with cipher {tls.cipher} ({tls.bits}/{tls.bits} bits)"]
    if tls.server_name:
        lines.append(f"server-name {_atom(tls.server_name)}")
    lines[-1] += ")"
    shown = tls.client_certificate
    if shown is not None and named:
        subject, issuer = _quoted(shown.subject), _quoted(shown.issuer)
        lines.append(f"(Client CN {subject}, Issuer {issuer} (verified OK))")
    return lines


def date_field(now: float) -> bytes:
    """A Date field (RFC 5322 §3.6.1).

    Args:
        now: seconds since the epoch.
    """
    return f"Date: {timestamp(now)}\r\n".encode()


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


def timestamp(now: float) -> str:
    """A moment as RFC 5322 §3.3 writes it, in local time.

    Args:
        now: seconds since the epoch.
    """
    return _date(int(now))


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


def _quoted(text: str) -> str:
    """Whoever had a certificate issued chose this: a quoted string that stays inside a comment."""
    clean = "".join(c if c.isalnum() or c in " .-_@:" else "?" for c in text)
    return f'"{clean[:MAX_NAME]}"'


def _atom(hello: str) -> str:
    """The peer chose this name: keep out what would break the field's structure."""
    clean = "".join(c if c.isalnum() or c in ".-_[]:" else "?" for c in hello)
    return clean or "unknown"
