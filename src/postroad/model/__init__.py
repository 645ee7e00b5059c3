"""The vocabulary every other package speaks: addresses, replies, envelopes, messages, events.

Values only. Nothing here reads a clock, opens a file or knows who uses it, so that each
package can be tested with plain values and none needs another one's classes.
"""

from postroad.model.address import Address, AddressError
from postroad.model.client import (
    LOCAL,
    UNKNOWN,
    Client,
    ClientCertificate,
    Endpoint,
    Login,
    TlsSession,
)
from postroad.model.disposition import PLAIN, Disposition
from postroad.model.envelope import (
    SAME,
    BodyType,
    ByMode,
    DeliverBy,
    Envelope,
    Notify,
    Recipient,
    Return,
    Same,
)
from postroad.model.message import (
    BLANK,
    Addressee,
    Content,
    StoredMessage,
    StoredRecipient,
    Told,
    Waybill,
)
from postroad.model.next_hop import ContentFilter, parse_filter
from postroad.model.outcome import Action, Outcome, Report, Status
from postroad.model.reply import Reply

__all__ = [
    "BLANK",
    "LOCAL",
    "PLAIN",
    "SAME",
    "UNKNOWN",
    "Action",
    "Address",
    "AddressError",
    "Addressee",
    "BodyType",
    "ByMode",
    "Client",
    "ClientCertificate",
    "Content",
    "ContentFilter",
    "DeliverBy",
    "Disposition",
    "Endpoint",
    "Envelope",
    "Login",
    "Notify",
    "Outcome",
    "Recipient",
    "Reply",
    "Report",
    "Return",
    "Same",
    "Status",
    "StoredMessage",
    "StoredRecipient",
    "TlsSession",
    "Told",
    "Waybill",
    "parse_filter",
]
