"""Where a domain wants reports sent to: one URI of its record's `rua` (RFC 8460 §3, RFC 9989 §4.7).

Pure. Each kind of reports says which kinds of URIs it serves, and where they are published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

from postroad.model import Address, AddressError

__all__ = ["MOST_LENGTH", "Endpoint", "mailto"]

MOST_LENGTH = 1_000
"""Characters of a URI that is served."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the places.

    Attributes:
        kind: mail, or a POST over HTTPS.
        uri: as the record has it.
        target: the address; or the URI.
        most: octets that a report may have there; `None`: any number.
    """

    kind: Literal["mailto", "https"]
    uri: str
    target: str
    most: int | None = None


def mailto(uri: str) -> Address | None:
    """The one address of a `mailto:` URI; `None`: there is none that can be written to.

    Header fields behind it are not ours to obey (RFC 6068 §7).

    Args:
        uri: without anything that is no part of it.
    """
    if not uri.isascii() or not uri.isprintable() or " " in uri or len(uri) > MOST_LENGTH:
        return None
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "mailto":
        return None
    try:
        address = Address.parse(unquote_to_bytes(rest.partition("?")[0]).decode())
    except (UnicodeDecodeError, AddressError):
        return None
    return address if address.is_ascii else None
