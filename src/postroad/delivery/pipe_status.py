"""What the end of a program means for its mail: sysexits(3), as Postfix reads it. Pure.

The program's words may begin with an enhanced status code, which then decides between «later» and
«never» whatever the exit status says. Everything that is not the program's own decision waits: that
it was killed, ran too long or could not be run at all is for the operator to mend.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

from postroad.model import Outcome, Reply, Status

__all__ = ["Ended", "NotRun", "TookTooLong", "outcome_of"]

_TABLE = {
    64: ("5.3.0", "command line usage error"),
    65: ("5.6.0", "data format error"),
    66: ("5.3.0", "cannot open input"),
    67: ("5.1.1", "user unknown"),
    68: ("5.1.2", "host name unknown"),
    69: ("5.3.0", "service unavailable"),
    70: ("5.3.0", "internal software error"),
    71: ("4.3.0", "system resource problem"),
    72: ("5.3.0", "critical OS file missing"),
    73: ("5.2.0", "can't create user output file"),
    74: ("5.3.0", "input/output error"),
    75: ("4.3.0", "temporary failure"),
    76: ("5.5.0", "remote error in protocol"),
    77: ("5.7.0", "permission denied"),
    78: ("5.3.5", "local configuration error"),
}
"""sysexits(3) with the enhanced codes and the words that Postfix has for them."""

_STATUS = re.compile(r"\s*([45]\.\d{1,3}\.\d{1,3})(?:\s+|\Z)", re.ASCII)
_WORDS = 400  # characters of output in a reply, so that it fits a line (RFC 5321 §4.5.3.1.5)


@dataclass(frozen=True, slots=True)
class Ended:
    """The program ended.

    Attributes:
        status: its exit status, or the negative number of the signal that killed it.
        output: the beginning of what it wrote to standard output and error.
    """

    status: int
    output: bytes


@dataclass(frozen=True, slots=True)
class TookTooLong:
    """It was killed at the end of its time.

    Attributes:
        output: the beginning of what it had written.
    """

    output: bytes


@dataclass(frozen=True, slots=True)
class NotRun:
    """It could not be run.

    Attributes:
        why: the system's words.
    """

    why: str


def outcome_of(
    ended: Ended | TookTooLong | NotRun, recipient_id: int, service: str, program: str
) -> Outcome:
    """What became of a recipient.

    Args:
        ended: how the run ended.
        recipient_id: whose outcome it is.
        service: the transport's name.
        program: the program's path.
    """
    reply = _reply(ended, service, program)
    if reply.is_positive:
        return Outcome(recipient_id, Status.SENT, reply)
    status = Status.BOUNCED if reply.is_permanent else Status.DEFERRED
    return Outcome(recipient_id, status, reply)


def _reply(ended: Ended | TookTooLong | NotRun, service: str, program: str) -> Reply:
    if isinstance(ended, NotRun):
        return Reply.of(451, "4.3.5", f'Command could not be run: "{program}": {ended.why}')
    said = _printable(ended.output)
    if isinstance(ended, TookTooLong):
        words = f'Command time limit exceeded: "{program}"'
        return Reply.of(451, "4.3.0", _with_output(words, said))
    if ended.status == 0:
        words = f"delivered via {service} service"
        return Reply.of(250, "2.0.0", f"{words} ({said})" if said else words)
    if ended.status < 0:
        name = _signal(-ended.status)
        words = f'Command died with signal {-ended.status}{name}: "{program}"'
        return Reply.of(451, "4.3.0", _with_output(words, said))
    own = _STATUS.match(said)
    if own is not None:
        return _failure(own[1], said[own.end() :] or "the command gave no reason")
    known = _TABLE.get(ended.status)
    if known is not None:
        return _failure(known[0], _with_output(known[1], said))
    words = f'Command died with status {ended.status}: "{program}"'
    return _failure("5.3.0", _with_output(words, said))


def _failure(enhanced: str, words: str) -> Reply:
    return Reply.of(451 if enhanced.startswith("4") else 550, enhanced, words)


def _with_output(words: str, said: str) -> str:
    return f"{words}. Command output: {said}" if said else words


def _printable(output: bytes) -> str:
    """Output on one line, with nothing in it that a reader would obey."""
    text = " ".join(output.decode("utf-8", "replace").split())
    return "".join(c if c.isprintable() else "_" for c in text)[:_WORDS]


def _signal(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:
        return ""
