"""SMTP (RFC 5321 and extensions) without I/O: octets in, events and octets out.

Both cores are synchronous and know no socket, clock, account or policy, so that each dialogue
can be tested whole in memory.
"""

from postroad.smtp.client import ClientCore, Dialect, Transaction
from postroad.smtp.events import (
    Auth,
    AuthResponse,
    BodyChunk,
    By,
    Closed,
    Data,
    EndOfData,
    Etrn,
    Event,
    Hello,
    Mail,
    Need,
    Pausing,
    Quit,
    Rcpt,
    Refused,
    Reset,
    StartTls,
    Vrfy,
    XClient,
    XForward,
)
from postroad.smtp.offer import Offer
from postroad.smtp.server import ServerCore
from postroad.smtp.settings import SessionLimits

__all__ = [
    "Auth",
    "AuthResponse",
    "BodyChunk",
    "By",
    "ClientCore",
    "Closed",
    "Data",
    "Dialect",
    "EndOfData",
    "Etrn",
    "Event",
    "Hello",
    "Mail",
    "Need",
    "Offer",
    "Pausing",
    "Quit",
    "Rcpt",
    "Refused",
    "Reset",
    "ServerCore",
    "SessionLimits",
    "StartTls",
    "Transaction",
    "Vrfy",
    "XClient",
    "XForward",
]
