"""EXTERNAL (RFC 4422 appendix A): the TLS client certificate says who it is."""

from __future__ import annotations

from postroad.sasl.mechanism import MAX_NAME, Certified, Challenge, Malformed, Start, Step

__all__ = ["External"]


class External:
    """The EXTERNAL mechanism."""

    __slots__ = ()

    def __init__(self, _: Start) -> None:
        pass

    def step(self, data: bytes | None) -> Step:
        """Read whom the client wants to act as; without an initial response, ask."""
        if data is None:
            return Challenge(b"")
        if len(data) > MAX_NAME:
            return Malformed("name too long")
        if b"\0" in data:  # RFC 4422 appendix A.2
            return Malformed("name holds a NUL")
        try:
            return Certified(data.decode())
        except UnicodeDecodeError:
            return Malformed("name is not UTF-8")
