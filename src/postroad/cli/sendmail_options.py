"""The options of `sendmail`, as Postfix's sendmail(1) takes, ignores and refuses them.

A parser of its own: the options are older than any convention. `-q` takes a value or none, `-bp` is
one word, what is unknown to getopt is an error and much that is known does nothing.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Sequence

from postroad.maildrop.addresses import written
from postroad.maildrop.slip import DELIMITERS, MARKS

__all__ = ["Failure", "Mode", "Options", "parse"]

_WITH_VALUE = frozenset("ABCFLNORVXbefhopqr")
_WITHOUT = frozenset("GIUcimntvx")

MAX_ENVID = 100  # octets, RFC 3461 §4.4


class Failure(Exception):
    """The program ends.

    Attributes:
        status: the exit status, of sysexits(3).
        words: one line for standard error.
    """

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class Mode(enum.Enum):
    """What is to be done."""

    ENQUEUE = "m"
    MAILQ = "p"
    FLUSH = "q"
    NEWALIASES = "i"
    DAEMON = "d"
    SMTP = "s"
    NOTHING = "h"


class Options:
    """A command line, read. A plain class, as the program must start quickly.

    Attributes:
        mode: what is to be done.
        recipients: addresses named on it.
        sender: of -f or -r, without its name; empty for the null one; `None`: not given.
        full_name: of -F.
        body: of -B.
        notify: of -N, as RCPT's NOTIFY.
        ret: of -R, as MAIL's RET.
        envid: of -V.
        extracts: -t.
        is_gateway: -G.
        ends_at_dot: no -i, no -oi.
        reports: -v: the sender is told of whatever becomes of the message.
        site, queue_id: of -qR and -qI.
        config: of -C.
        verp: of -XV: the two characters of variable return paths; empty: none are wanted.
        warnings: lines to be shown before anything is done.
    """

    __slots__ = (
        "body",
        "config",
        "ends_at_dot",
        "envid",
        "extracts",
        "full_name",
        "is_gateway",
        "mode",
        "notify",
        "queue_id",
        "recipients",
        "reports",
        "ret",
        "sender",
        "site",
        "verp",
        "warnings",
    )

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.recipients: list[str] = []
        self.sender: str | None = None
        self.full_name = self.body = self.notify = self.ret = self.envid = ""
        self.site = self.queue_id = self.config = self.verp = ""
        self.extracts = self.is_gateway = False
        self.ends_at_dot = True
        self.reports = False
        self.warnings: list[str] = []


_NAMES = {"mailq": Mode.MAILQ, "newaliases": Mode.NEWALIASES}


def parse(name: str, arguments: Sequence[str]) -> Options:
    """Read a command line.

    Args:
        name: what the program was called as, which may say what is to be done.
        arguments: the words behind it.

    Raises:
        Failure: it cannot be meant.
    """
    options = Options(_NAMES.get(name, Mode.ENQUEUE))
    words = list(arguments)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        if word == "-q":
            options.mode = Mode.FLUSH
        elif word[:2] == "--":
            raise _usage(name)
        else:
            _letters(options, word[1:], words, name)
    _require_sense(options, words)
    for word in words:
        found = [each.address for each in written(word)]
        options.recipients += found or [""]
    return options


def _letters(options: Options, letters: str, words: list[str], name: str) -> None:
    """Options that share a dash; the last may take the rest of the word, or the next one."""
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in _WITHOUT:
            _flag(options, letter)
            continue
        if letter not in _WITH_VALUE or not (letters or words):
            raise _usage(name)
        _value(options, letter, letters or words.pop(0))
        return


def _flag(options: Options, letter: str) -> None:
    if letter == "n":
        raise Failure(os.EX_USAGE, "-n option not supported")
    if letter == "I":
        options.mode = Mode.NEWALIASES
    elif letter == "G":
        options.is_gateway = True
    elif letter == "i":
        options.ends_at_dot = False
    elif letter == "t":
        options.extracts = True
    elif letter == "v":
        options.reports = True


def _value(options: Options, letter: str, value: str) -> None:
    taker = _TAKERS.get(letter)
    if taker is not None:
        taker(options, value)


def _body(options: Options, value: str) -> None:
    if value not in ("7BIT", "8BITMIME"):
        raise Failure(os.EX_USAGE, "-B option needs 8BITMIME or 7BIT")
    options.body = value


def _config(options: Options, value: str) -> None:
    options.config = value


def _full_name(options: Options, value: str) -> None:
    options.full_name = value


def _notify(options: Options, value: str) -> None:
    words = value.upper().replace(" ", "").split(",")
    known = set(words) <= {"NEVER", "SUCCESS", "FAILURE", "DELAY"}
    if not known or ("NEVER" in words and len(words) > 1):
        options.warnings.append("bad -N option value -- ignored")
    else:
        options.notify = ",".join(words)


def _return(options: Options, value: str) -> None:
    kinds = {"hdrs": "HDRS", "full": "FULL"}
    options.ret = kinds.get(value.lower(), "")


def _envid(options: Options, value: str) -> None:
    if len(value) > MAX_ENVID:
        options.warnings.append("too long -V option value -- ignored")
    elif not (value.isascii() and value.isprintable()):
        options.warnings.append("bad syntax in -V option value -- ignored")
    else:
        options.envid = value


def _sender(options: Options, value: str) -> None:
    value = value.strip()
    if any(c < " " or c == "\x7f" for c in value):  # a part of it would be another address
        raise Failure(os.EX_DATAERR, "a control character in the sender of -f")
    found = written(value)
    if len(found) > 1:
        options.warnings.append(f"-f option specified malformed sender: {value!r}")
    options.sender = found[0].address if found else ""


def _unsupported(letter: str, value: str) -> Failure:
    return Failure(os.EX_USAGE, f"unsupported: -{letter}{value[:1]}")


def _variable(options: Options, value: str) -> None:
    """Variable return paths, `-XV` or with their characters, `-XV-=`; `-X FILE` is a log."""
    if not value.startswith("V"):
        raise _unsupported("X", value)
    marks = value[1:] or DELIMITERS
    if len(marks) != len(DELIMITERS) or not set(marks) <= set(MARKS):
        raise Failure(os.EX_USAGE, f"-V requires two characters from {MARKS}")
    options.verp = marks


def _mode(options: Options, value: str) -> None:
    kind = "h" if value[:1] == "H" else value[:1]
    if kind == "v":
        raise Failure(os.EX_USAGE, "-bv is not supported; `postroad explain` tells what would be")
    try:
        options.mode = Mode(kind)
    except ValueError:
        raise _unsupported("b", value) from None
    if kind == "q":
        raise _unsupported("b", value)


def _old(options: Options, value: str) -> None:
    if value[:1] == "i":
        options.ends_at_dot = False
    elif value == "A":
        raise Failure(os.EX_USAGE, "-oA requires pathname")


def _queue(options: Options, value: str) -> None:
    kind, rest = value[:1], value[1:]
    if kind.isdecimal():
        options.mode = Mode.NOTHING if options.mode is not Mode.DAEMON else options.mode
        return
    if kind not in ("R", "I"):
        raise Failure(os.EX_USAGE, f"-q{kind} is not implemented")
    if options.mode is not Mode.ENQUEUE:
        raise Failure(os.EX_USAGE, f"-q{kind} can be used only in delivery mode")
    if not rest:
        raise Failure(os.EX_USAGE, "specify: -qRsitename" if kind == "R" else "specify: -qIqueueid")
    options.mode = Mode.FLUSH
    if kind == "R":
        options.site = rest
    else:
        options.queue_id = rest


_TAKERS = {
    "B": _body,
    "C": _config,
    "F": _full_name,
    "N": _notify,
    "R": _return,
    "V": _envid,
    "X": _variable,
    "b": _mode,
    "f": _sender,
    "o": _old,
    "q": _queue,
    "r": _sender,
}
"""What an option with a value does; those that are not here are ignored (-A, -L, -O, -h, -p, …)."""

_ALONE = {
    Mode.MAILQ: "display queue mode",
    Mode.FLUSH: "flush queue mode",
    Mode.NEWALIASES: "alias initialization mode",
    Mode.SMTP: "stand-alone mode",
    Mode.DAEMON: "daemon mode",
}


def _require_sense(options: Options, words: Sequence[str]) -> None:
    if options.extracts and options.mode is not Mode.ENQUEUE:
        raise Failure(os.EX_USAGE, "-t can be used only in delivery mode")
    alone = _ALONE.get(options.mode)
    if words and alone is not None:
        raise Failure(os.EX_USAGE, f"{alone} requires no recipient")


def _usage(name: str) -> Failure:
    return Failure(os.EX_USAGE, f"usage: {name} [options]")
