"""CRAM-MD5 (RFC 2195): the client signs our challenge with the password, which it never sends.

For old programs only: what the server must keep is as good as the password to a thief, and
without TLS a listener can try passwords against one answer. It is offered where it is named.
"""

from __future__ import annotations

import hmac
import re

from postroad.sasl.fakes import fake_cram
from postroad.sasl.mechanism import (
    MAX_NAME,
    Challenge,
    Malformed,
    Proved,
    Refuted,
    SecretWanted,
    Start,
    Step,
)
from postroad.sasl.secrets import CramSecret, Secret, SecretKind

__all__ = ["CramMd5"]

_DIGEST = re.compile(rb"[0-9a-f]{32}\Z")  # RFC 2195 §2: hexadecimal, small letters
_FORM = Malformed("CRAM-MD5 wants a name, a space and 32 hexadecimal digits")


class CramMd5:
    """The CRAM-MD5 mechanism."""

    __slots__ = ("_asked", "_authcid", "_challenge", "_digest", "_start")

    def __init__(self, start: Start) -> None:
        # RFC 2195 §2: the form of a message identifier, never the same twice.
        self._challenge = f"<{start.nonce()}@{start.hostname}>".encode()
        self._start = start
        self._asked = False
        self._authcid = ""
        self._digest = b""

    def step(self, data: bytes | None) -> Step:
        """Give the challenge, then read the answer."""
        if data is None:
            self._asked = True
            return Challenge(self._challenge)
        if not self._asked:  # RFC 4954 §4: here the server speaks first
            return Malformed("CRAM-MD5 takes no initial response", "5.7.0")
        name, _, digest = data.rpartition(b" ")
        if not name or not _DIGEST.match(digest):
            return _FORM
        if len(name) > MAX_NAME:
            return Malformed("name too long")
        try:
            self._authcid = name.decode()
        except UnicodeDecodeError:
            return Malformed("name is not UTF-8")
        self._digest = digest
        return SecretWanted(self._authcid, "", SecretKind.CRAM_MD5, self._answer)

    def _answer(self, secret: Secret | None) -> Step:
        # The fake is made for everybody: a known name takes no less work than an unknown one.
        fake = fake_cram(self._start, self._authcid)
        used = secret if isinstance(secret, CramSecret) else fake
        fits = hmac.compare_digest(used.digest(self._challenge).hex().encode(), self._digest)
        return Proved(self._authcid, "") if fits and used is secret else Refuted(self._authcid)
