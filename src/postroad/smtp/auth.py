"""AUTH as it stands on the wire (RFC 4954 §4): the command's argument, and the lines that follow.

Which mechanism it is and what is base64 is read here; what the octets mean is SASL's.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error

from postroad.model import Reply
from postroad.smtp import replies
from postroad.smtp.events import Auth, AuthResponse
from postroad.smtp.standing import Standing

__all__ = ["SASL_LIMIT", "read_auth", "read_response"]

SASL_LIMIT = 12_288
"""Octets of a base64 line of AUTH (RFC 4954 §4)."""

MAX_MECHANISM = 20
"""Characters of a SASL mechanism's name (RFC 4422 §3.1)."""


def read_auth(argument: str, standing: Standing) -> Auth | Reply:
    """Read the argument of AUTH: a mechanism, perhaps an initial response."""
    if not standing.offer.mechanisms:
        return replies.NO_AUTH
    if not standing.offer.has_auth:
        return replies.AUTH_NEEDS_TLS
    if standing.authenticated:
        return replies.ALREADY_AUTHENTICATED
    name, _, response = argument.partition(" ")
    if not 0 < len(name) <= MAX_MECHANISM or " " in response:
        return replies.SYNTAX_AUTH
    mechanism = name.upper()
    if mechanism not in standing.offer.mechanisms:
        return replies.NO_MECHANISM
    if not response:
        return Auth(mechanism, None)
    # A lone "=" is an empty response (RFC 4954 §4).
    initial = b"" if response == "=" else _decode(response)
    return initial if isinstance(initial, Reply) else Auth(mechanism, initial)


def read_response(text: str) -> AuthResponse | Reply:
    """Read the client's answer to a 334."""
    if text == "*":  # RFC 4954 §4: the client cancels
        return replies.AUTH_ABORTED
    data = _decode(text)
    return data if isinstance(data, Reply) else AuthResponse(data)


def _decode(text: str) -> bytes | Reply:
    if len(text) > SASL_LIMIT:
        return replies.AUTH_TOO_LONG
    try:
        return b64decode(text.encode(), validate=True)
    except Base64Error:
        return replies.BAD_BASE64
