"""What an operator is told by mail of an account that behaves as if it were stolen.

A pure text: what was noticed, what was done, how to look and how to undo it. It answers nobody and
is answered by nobody (null sender, RFC 3834 §5). Names of accounts may be UTF-8, and then the text
is.
"""

from __future__ import annotations

import binascii
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from postroad.directory import Freeze, FreezeAuthor
from postroad.model import Address, Envelope
from postroad.model.counted import counted
from postroad.queue.printable import date, lines, printable

__all__ = ["Done", "Letter", "of_freeze", "of_warning"]


@dataclass(frozen=True, slots=True)
class Done:
    """What a freeze has brought about.

    Attributes:
        held: messages of the account that wait in the queue until it is thawed.
        sessions: sessions of it that were ended.
        silent: workers that did not answer, a number; theirs is done when they start again.
    """

    held: int = 0
    sessions: int = 0
    silent: int = 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, ready for the door."""

    envelope: Envelope
    recipients: tuple[Address, ...]
    message: bytes


def of_freeze(
    freeze: Freeze, done: Done, recipients: Sequence[Address], hostname: str, now: float
) -> Letter:
    """The letter about an account that was frozen.

    Args:
        freeze: of which account, and why.
        done: what followed.
        recipients: at least one.
        hostname: our name.
        now: seconds since the epoch.
    """
    by_hand = freeze.author is FreezeAuthor.OPERATOR
    user = printable(freeze.user)
    word = shlex.quote(user)
    first = (
        f"An operator has frozen the account {user}."
        if by_hand
        else f"The account {user} behaves as if somebody had stolen its password. It is frozen."
    )
    text = [
        first,
        "",
        f"Reason:    {printable(freeze.reason) or 'none was given'}",
        f"Since:     {date(freeze.since)}",
        f"Queue:     {counted(done.held, 'message')} held",
        f"Sessions:  {counted(done.sessions, 'session')} ended",
        "",
        "It can log in and gets its mail, but what it sends is refused (450 4.7.13).",
        *_silence(done),
        "",
        "To look at it:",
        "",
        f"    postroad user show {word}",
        f"    postroad queue list --login {word}",
        "",
        "If the password may be known to others, change it and look at the app passwords:",
        "",
        f"    postroad user passwd {word}",
        f"    postroad app-password list {word}",
        "",
        "To let it send again, with what is held or without:",
        "",
        f"    postroad user unfreeze {word}",
        f"    postroad user unfreeze {word} --delete-held",
    ]
    subject = f"The account {user} is frozen"
    return _letter(subject, text, recipients, hostname, now)


def of_warning(
    user: str, words: str, recipients: Sequence[Address], hostname: str, now: float
) -> Letter:
    """The letter about an account that would be frozen if freezing were switched on.

    Args:
        user: the account.
        words: what was noticed.
        recipients: at least one.
        hostname: our name.
        now: seconds since the epoch.
    """
    user = printable(user)
    word = shlex.quote(user)
    text = [
        f"The account {user} behaves as if somebody had stolen its password. Nothing is done about",
        'it, because of action = "warn" in [containment].',
        "",
        f"Noticed:   {printable(words)}",
        "",
        "To keep it from sending, hold what it has in the queue and end its sessions:",
        "",
        f"    postroad user freeze {word}",
        "",
        "If this is what the account is for, name it in [containment] exempt. For a day there is",
        "no further warning about it.",
    ]
    return _letter(f"The account {user} behaves strangely", text, recipients, hostname, now)


def _letter(
    subject: str, text: Sequence[str], recipients: Sequence[Address], hostname: str, now: float
) -> Letter:
    body = lines(text)
    unique = f"containment.{int(now * 1000)}.{binascii.crc32(body):08x}"
    head = [
        f"Date: {date(now)}",
        f"From: Postroad <MAILER-DAEMON@{hostname}>",
        f"To: {', '.join(printable(str(each)) for each in recipients)}",
        f"Subject: {_header_words(subject)}",
        f"Message-ID: <{unique}@{hostname}>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
    ]
    if body.isascii():
        head.append("Content-Type: text/plain; charset=us-ascii")
    else:
        head += ["Content-Type: text/plain; charset=utf-8"]
        head += ["Content-Transfer-Encoding: quoted-printable"]
        body = binascii.b2a_qp(body)
    envelope = Envelope(None, smtputf8=not all(each.is_ascii for each in recipients))
    return Letter(envelope, tuple(recipients), lines(head) + b"\r\n" + body)


def _header_words(text: str) -> str:
    """Words of a header field, as an encoded word where they are no ASCII (RFC 2047)."""
    if text.isascii():
        return text
    encoded = binascii.b2a_base64(text.encode("utf-8", "replace"), newline=False).decode()
    return f"=?utf-8?b?{encoded}?="


def _silence(done: Done) -> tuple[str, ...]:
    if not done.silent:
        return ()
    return (
        f"{counted(done.silent, 'worker')} did not answer: sessions there may go on, but cannot",
        "send; mail in the queue there is held when the worker starts again.",
    )
