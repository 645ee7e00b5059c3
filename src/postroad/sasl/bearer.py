"""XOAUTH2 and OAUTHBEARER: a token that an issuer gave the user stands for the password.

XOAUTH2 is Google's, described in its developers' pages and older than the standard; OAUTHBEARER
is RFC 7628. Both send one message of `key=value` fields that octet 1 ends. A refused token is
answered by a challenge that says so in JSON, which the client acknowledges before the refusal.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod

from postroad.sasl.gs2 import read_header
from postroad.sasl.mechanism import (
    MAX_NAME,
    Challenge,
    Malformed,
    Refuted,
    Start,
    Step,
    Token,
)

__all__ = ["OAuthBearer", "XOAuth2"]

MAX_TOKEN = 8192
"""Octets of a token: a signed one with many claims has 2,000 to 4,000, and a line of AUTH holds
some 9,200."""

_FIELD_END = "\x01"
_AUTH = re.compile(r"bearer +(?P<token>[A-Za-z0-9\-._~+/]+=*)\Z", re.IGNORECASE)  # RFC 6750 §2.1

_XOAUTH2_ERROR = json.dumps({"status": "401", "schemes": "bearer"}).encode()
_OAUTHBEARER_ERROR = json.dumps({"status": "invalid_token"}).encode()  # RFC 7628 §3.2.2


class _Bearer(ABC):
    """What both have in common: one message, and what follows when it is refused."""

    __slots__ = ("_authzid", "_refused")

    error: bytes

    def __init__(self, _: Start) -> None:
        self._authzid = ""
        self._refused = False

    def step(self, data: bytes | None) -> Step:
        """Read the message; after a refusal, the client's acknowledgement, whatever it says."""
        if self._refused:
            return Refuted(self._authzid, "the token was refused")
        if data is None:
            return Challenge(b"")
        try:
            return self._read(data.decode())
        except UnicodeDecodeError:
            return Malformed("the message is not UTF-8")

    @abstractmethod
    def _read(self, message: str) -> Step:
        """Read the message, in the mechanism's own form."""

    def _token(self, authzid: str, value: str | None) -> Step:
        """The answer to the field that holds the token."""
        self._authzid = authzid
        if value == "":  # RFC 7628 §3.1: the client asks what is wanted
            return self._refuse()
        found = _AUTH.match(value or "")
        if found is None:
            return Malformed("the bearer token is malformed")
        if len(found["token"]) > MAX_TOKEN:
            return Malformed("the bearer token is too long")
        return Token(authzid, found["token"], self._refuse)

    def _refuse(self) -> Step:
        self._refused = True
        return Challenge(self.error)


class XOAuth2(_Bearer):
    """The XOAUTH2 mechanism: `user=NAME ^A auth=Bearer TOKEN ^A ^A`."""

    __slots__ = ()

    error = _XOAUTH2_ERROR

    def _read(self, message: str) -> Step:
        fields = _fields(message)
        name = fields.get("user", "")
        if not name or "\0" in name or len(name.encode()) > MAX_NAME:
            return Malformed("XOAUTH2 wants the fields user and auth")
        return self._token(name, fields.get("auth"))


class OAuthBearer(_Bearer):
    """The OAUTHBEARER mechanism (RFC 7628 §3.1): a GS2 header, then fields.

    Host and port, which a client may name, are of use to a server that stands for several; a
    token for another server is the issuer's to refuse.
    """

    __slots__ = ()

    error = _OAUTHBEARER_ERROR

    def _read(self, message: str) -> Step:
        read = read_header(message)
        if isinstance(read, Malformed):
            return read
        header, rest = read
        if header.binding:  # RFC 7628 §3.1: there is nothing to bind
            return Malformed("OAUTHBEARER has no channel binding")
        if not rest.startswith(_FIELD_END):
            return Malformed("the fields of the message are malformed")
        return self._token(header.authzid, _fields(rest[1:]).get("auth"))


def _fields(text: str) -> dict[str, str]:
    """The `key=value` fields of a message, each of which octet 1 ends, as does the whole.

    Returns:
        Values by key, empty where the text has another form or names a key twice.
    """
    if not text.endswith(_FIELD_END * 2):
        return {}
    pairs = [field.partition("=") for field in text[:-2].split(_FIELD_END)]
    fields = {key.lower(): value for key, _, value in pairs}
    return fields if len(fields) == len(pairs) and all(sign for _, sign, _ in pairs) else {}
