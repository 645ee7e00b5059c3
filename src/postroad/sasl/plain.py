"""PLAIN (RFC 4616): one message, `[authzid] NUL authcid NUL passwd` in UTF-8."""

from __future__ import annotations

from postroad.sasl.mechanism import (
    MAX_NAME,
    MAX_PASSWORD,
    Challenge,
    Credentials,
    Malformed,
    Start,
    Step,
)

__all__ = ["Plain"]


class Plain:
    """The PLAIN mechanism."""

    __slots__ = ()

    def __init__(self, _: Start) -> None:
        pass

    def step(self, data: bytes | None) -> Step:
        """Read the message; without an initial response, ask for it with an empty challenge."""
        return Challenge(b"") if data is None else _read(data)


def _read(message: bytes) -> Credentials | Malformed:
    parts = message.split(b"\0")
    if len(parts) != 3:
        return Malformed("PLAIN wants three parts with NUL between them")
    if max(len(parts[0]), len(parts[1])) > MAX_NAME or len(parts[2]) > MAX_PASSWORD:
        return Malformed("name or password too long")
    try:
        authzid, authcid, password = (part.decode() for part in parts)
    except UnicodeDecodeError:
        return Malformed("name or password is not UTF-8")
    if not authcid or not password:
        return Malformed("name or password is empty")
    return Credentials(authcid, authzid, password)
