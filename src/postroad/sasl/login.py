"""LOGIN: name and password in two responses, kept for clients that know nothing better.

No RFC defines it; draft-murchison-sasl-login-00 writes down what is in use. The prompts are fixed
texts that some clients compare. The name may come as an initial response.
"""

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

__all__ = ["Login"]

NAME_PROMPT = b"Username:"
PASSWORD_PROMPT = b"Password:"


class Login:
    """The LOGIN mechanism."""

    __slots__ = ("_name",)

    def __init__(self, _: Start) -> None:
        self._name = ""

    def step(self, data: bytes | None) -> Step:
        """Take the name, then the password."""
        if data is None:
            return Challenge(NAME_PROMPT)
        text = _read(data, MAX_PASSWORD if self._name else MAX_NAME)
        if isinstance(text, Malformed):
            return text
        if self._name:
            return Credentials(self._name, "", text)
        self._name = text
        return Challenge(PASSWORD_PROMPT)


def _read(data: bytes, limit: int) -> str | Malformed:
    if not data:
        return Malformed("name or password is empty")
    if len(data) > limit:
        return Malformed("name or password too long")
    if b"\0" in data:
        return Malformed("name or password holds a NUL")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return Malformed("name or password is not UTF-8")
