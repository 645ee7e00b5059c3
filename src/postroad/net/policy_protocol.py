"""The octets of Postfix's policy delegation protocol (SMTPD_POLICY_README): question and answer.

A question is lines `name=value` and an empty line, an answer likewise. Values of the question come
from strangers, the answer from another's program: neither can end a line that it should not, and an
answer that is no answer is told from one that is. Nothing here has a socket.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Answer", "NoAnswer", "request"]

MAX_ANSWER = 10_240
"""Octets of an answer with its empty line. A header field that a service adds is 1 KiB long."""

MAX_SHOWN = 60
"""Characters of a wrong answer that the log repeats."""

_UNSAFE = dict.fromkeys((*range(32), 127), "?")


class NoAnswer(Exception):
    """The service gave no answer that can be used. The text is for the log."""


def request(attributes: Mapping[str, str]) -> bytes:
    """The octets of a question.

    Args:
        attributes: name -> value; in values `?` is put for what could end a line, and for other
            control characters. The kind of the question comes first, whether it is there or not.
    """
    attributes = {"request": "smtpd_access_policy", **attributes}
    lines = [f"{name}={value.translate(_UNSAFE)}" for name, value in attributes.items()]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


class Answer:
    """An answer as it comes in.

    Attributes:
        complete: whether its empty line has come.
        rest: what came behind that; nobody asked for it.
    """

    __slots__ = ("_octets", "complete", "rest")

    def __init__(self) -> None:
        self._octets = b""
        self.complete = False
        self.rest = b""

    @property
    def begun(self) -> bool:
        """Whether anything of it has come."""
        return bool(self._octets)

    def receive(self, octets: bytes) -> None:
        """Take what came; nothing at the end of the connection.

        Raises:
            NoAnswer: it is too long, or ends in the middle.
        """
        if not octets:
            raise NoAnswer("it closed the connection in the middle of an answer")
        # Some services end lines as SMTP does; Postfix would take the CR for a part of the action.
        self._octets = (self._octets + octets).replace(b"\r\n", b"\n")
        answer, end, rest = self._octets.partition(b"\n\n")
        if len(answer) > MAX_ANSWER:
            raise NoAnswer(f"its answer is longer than {MAX_ANSWER} octets")
        if end:
            self._octets, self.rest, self.complete = answer, rest, True

    @property
    def action(self) -> str:
        """What it says; other attributes do not matter, nor does a second action.

        Raises:
            NoAnswer: there is no action in it, or one that no log and no reply could show.
        """
        try:
            lines = self._octets.decode().split("\n")
        except UnicodeDecodeError:
            raise NoAnswer("its answer is not in UTF-8") from None
        for line in lines:
            name, equals, value = line.partition("=")
            if not equals:
                raise NoAnswer(f"it answered {_shown(line)}, which is no attribute")
            if name.strip() == "action" and value.strip():
                if not value.replace("\t", " ").isprintable():
                    raise NoAnswer(f"it answered {_shown(line)}, which cannot be printed")
                return value.strip()
        raise NoAnswer(f"it answered {_shown(lines[0])}, which is no action")


def _shown(line: str) -> str:
    return ascii(line[:MAX_SHOWN])
