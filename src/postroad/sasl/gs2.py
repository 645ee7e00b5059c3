"""The GS2 header (RFC 5801 §4): what SCRAM and OAUTHBEARER begin with.

`gs2-cbind-flag "," ["a=" authzid] ","`: whether the exchange is bound to the TLS connection, and
whom the client wants to act as. Read once, strictly: a header that two sides read differently
would make the binding worthless.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroad.sasl.mechanism import MAX_NAME, Malformed

__all__ = ["Gs2Header", "read_header", "sasl_name"]

_HEADER = re.compile(
    r"(?:(?P<flag>[ny])|p=(?P<binding>[A-Za-z0-9.\-]{1,64})),(?:a=(?P<name>[^,]*))?,"
)
_ESCAPE = re.compile(r"=(2C|3D)?")


@dataclass(frozen=True, slots=True)
class Gs2Header:
    """A header that was read.

    Attributes:
        text: as it came; channel binding signs it.
        flag: `n` (the client knows no channel binding), `y` (it thinks that we know none) or `p`.
        binding: the type of channel binding with `p`, else empty.
        authzid: whom the client wants to act as, perhaps empty.
    """

    text: str
    flag: str
    binding: str
    authzid: str


def read_header(message: str) -> tuple[Gs2Header, str] | Malformed:
    """The header of a message and what follows it.

    Args:
        message: the client's first message.
    """
    found = _HEADER.match(message)
    if found is None:
        return Malformed("the GS2 header is malformed")
    authzid = sasl_name(found["name"] or "")
    if authzid is None:
        return Malformed("the authorization identity is malformed")
    header = Gs2Header(found[0], found["flag"] or "p", found["binding"] or "", authzid)
    return header, message[found.end() :]


def sasl_name(text: str) -> str | None:
    """A `saslname` unescaped (RFC 5801 §4: `=2C` is a comma, `=3D` an equals sign).

    Returns:
        The name; `None` if it is too long or not one.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_NAME or "\0" in text or "," in text:
        return None
    if any(found[1] is None for found in _ESCAPE.finditer(text)):
        return None
    return text.replace("=2C", ",").replace("=3D", "=")
