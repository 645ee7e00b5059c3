"""`[limits]`: what SMTP clients may ask of the server.

The protocol core reads the bounds of a session and nothing else of the configuration. The number of
sessions and the length of a transaction are watched by those who have sockets and clocks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from postroad.model.units import Duration

__all__ = ["SessionLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """`[limits]`: bounds of a session, and of their number. 0 switches a limit off.

    Attributes:
        message_size: octets of a message's content, announced as SIZE (RFC 1870).
        recipients: recipients of one message (RFC 5321 §4.5.3.1.8 asks for at least 100).
        command_line: octets of a command with its CRLF (RFC 5321 §4.5.3.1.4 asks for 512).
            Switched off, a fixed bound of 64 KiB remains, so that memory stays bounded.
        text_line: octets of a line of content with its CRLF (RFC 5321 §4.5.3.1.6 asks for 1000).
        errors: refused commands after which the session ends with 421; an accepted message
            starts the count again.
        soft_errors: refused commands after which each answer is late by `error_pause`.
        error_pause: seconds.
        timeout: seconds a client may take for its next command, whole (RFC 5321 §4.5.3.2.7 asks
            for 5 minutes), and fall behind with content.
        data_rate: octets of content in a second, under which a client falls behind.
        transaction: seconds from MAIL to the end of the content.
        sessions: sessions at once in one worker.
        sessions_per_address: sessions at once from one IP address outside the trusted networks,
            in all workers.
    """

    message_size: int = 52_428_800
    recipients: int = 1000
    command_line: int = 2048
    text_line: int = 65_536
    errors: int = 20
    soft_errors: int = 10
    error_pause: Duration = 1.0
    timeout: Duration = 300.0
    data_rate: int = 500
    transaction: Duration = 3600.0
    sessions: int = 2000
    sessions_per_address: int = 50

    @property
    def patience(self) -> float:
        """Seconds a client may be silent (RFC 5321 §4.5.3.2.7); infinite without a limit.

        One number serves every state: the section asks 5 minutes of a server that waits, and
        sets the others for clients.
        """
        return self.timeout or math.inf
