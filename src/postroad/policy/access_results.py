"""What an access table or a policy service says, read as an answer (Postfix's access(5)).

    OK, RELAY, a number       permit
    REJECT text               554, or the 4xx or 5xx code in its place
    DEFER text                450
    DEFER_IF_PERMIT text      450 instead of a permit; DEFER_IF_REJECT: instead of a refusal
    DISCARD, HOLD, FILTER, REDIRECT, BCC, PREPEND   what to do with the message
    INFO, WARN                a line in the log
    DUNNO                     nothing
    anything else             restrictions to ask in its place, or a class of them

A text may begin with an enhanced status code. What cannot be read refuses for the time being, as in
Postfix: `451 4.3.5 Server configuration error`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from postroad.model import Address, AddressError, Disposition
from postroad.model.next_hop import parse_filter
from postroad.policy.answer import (
    Action,
    Answer,
    Form,
    Note,
    Refusal,
    Subject,
    dunno,
    misconfigured,
    refuse,
)
from postroad.policy.context import Context
from postroad.policy.facts import Facts

__all__ = ["ResultMistake", "answer_of", "read", "split_enhanced"]

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|\Z)")  # RFC 3463 §2
_CODE = re.compile(r"[45]\d\d(?=\s)")
_FIELD = re.compile(r"[!-9;-~]+[ \t]*:")  # RFC 5322 §2.2
_OF_SENDER = {"1": "7", "2": "8", "3": "7", "4": "7", "6": "7", "7": "7", "8": "8"}
_OF_RECIPIENT = {"7": "3", "8": "2"}
_DETAILS = frozenset("12345678")

_LONGEST_SHOWN = 300
"""Characters of an answer that the reason repeats."""

_LONGEST_REASON = 500
"""Characters of why a message is held or thrown away: they are kept with it."""


class ResultMistake(ValueError):
    """A table or service said something that means nothing; the text says what."""


def answer_of(
    value: str, where: str, about: Subject | None, context: Context, facts: Facts
) -> Answer:
    """What a value means for a transaction; never fails.

    Args:
        value: what the table or the service said.
        where: who said it and of what, for the reason.
        about: whom a refusal is about; `None`: the subject of the list.
        context: the place of the restriction that asked.
        facts: the transaction, which may not be one yet.
    """
    said = f"{where} says {_shown(value)}"
    try:
        answer = read(value, about, context)
    except ResultMistake as error:
        return misconfigured(f"{said}: {error}")
    if answer.disposition != _NOTHING and not facts.mail:
        return dunno(f"{said}, which means nothing outside of a transaction")
    return replace(answer, why=said)


def _shown(value: str) -> str:
    shown = repr(value[:_LONGEST_SHOWN])
    return shown if len(value) <= _LONGEST_SHOWN else f"{shown}…"


def read(value: str, about: Subject | None, context: Context) -> Answer:
    """What a value means.

    Raises:
        ResultMistake: nothing.
    """
    value = value.strip()
    word, text = (*value.split(None, 1), "", "")[:2]
    if _CODE.match(value):
        return _refused(int(word), text, about, context, "Access denied")
    if value.isascii() and value.isdigit():
        return _PERMIT
    reader = _READERS.get(word.upper())
    if reader is not None:
        return reader(text, about, context)
    return _restrictions(value, context)


def split_enhanced(text: str, default: str, about: Subject | None) -> tuple[str, str]:
    """An enhanced status code at the beginning of a text, and the rest.

    A code about an address (x.1.x) becomes the one for the kind of address that is refused, as in
    Postfix: the same text may serve senders and recipients.
    """
    found = _ENHANCED.match(text)
    if found is None:
        return default, text
    return _fitting(found[1], about), text[found.end() :]


def _fitting(enhanced: str, about: Subject | None) -> str:
    kind, subject, detail = enhanced.split(".")
    if subject != "1":
        return enhanced
    if about is Subject.SENDER:
        return f"{kind}.1.{_OF_SENDER.get(detail, '0')}"
    if about is Subject.RECIPIENT:
        return f"{kind}.1.{_OF_RECIPIENT.get(detail, detail if detail in _DETAILS else '0')}"
    return f"{kind}.0.0"


# The words --------------------------------------------------------------------------------------

_NOTHING = Disposition()
_PERMIT = Answer(Action.PERMIT, "")
_DUNNO = dunno("")

Reader = Callable[[str, Subject | None, Context], Answer]


def _refused(code: int, text: str, about: Subject | None, context: Context, default: str) -> Answer:
    enhanced, words = split_enhanced(text, f"{code // 100}.7.1", about or context.stage.subject)
    return refuse("", code, enhanced, words or default, about=about)


def _reject(text: str, about: Subject | None, context: Context) -> Answer:
    return _refused(554, text, about, context, "Access denied")


def _defer(text: str, about: Subject | None, context: Context) -> Answer:
    return _refused(450, text, about, context, "Access denied")


def _remembered(action: Action) -> Reader:
    def read_it(text: str, about: Subject | None, context: Context) -> Answer:
        subject = about or context.stage.subject
        enhanced, words = split_enhanced(text, "4.7.1", subject)
        enhanced = f"4{enhanced[1:]}"
        return Answer(action, "", Refusal(450, enhanced, words or "Service unavailable", about))

    return read_it


def _permitted(_text: str, _about: Subject | None, _context: Context) -> Answer:
    return _PERMIT


def _ignored(_text: str, _about: Subject | None, _context: Context) -> Answer:
    return _DUNNO


def _logged(what: str) -> Reader:
    def read_it(text: str, about: Subject | None, _context: Context) -> Answer:
        form = Form.PLAIN if text else Form.NAMED
        note = Note(what, text or f"triggers {what.upper()} action", about, form)
        return Answer(Action.DUNNO, "", note=note)

    return read_it


def _hold(text: str, about: Subject | None, _context: Context) -> Answer:
    words = text or "triggers HOLD action"
    done = Disposition(hold=_reason(words))
    return Answer(Action.DUNNO, "", None, done, Note("hold", words, about))


def _discard(text: str, about: Subject | None, _context: Context) -> Answer:
    words = text or "triggers DISCARD action"
    done = Disposition(discard=_reason(words))
    return Answer(Action.PERMIT, "", None, done, Note("discard", words, about))


def _reason(words: str) -> str:
    return "".join(c if c.isprintable() else " " for c in words[:_LONGEST_REASON])


def _redirect(text: str, about: Subject | None, _context: Context) -> Answer:
    note = Note("redirect", f"triggers REDIRECT {text}", about)
    return Answer(Action.DUNNO, "", None, Disposition(redirect=_address(text)), note)


def _bcc(text: str, about: Subject | None, _context: Context) -> Answer:
    note = Note("bcc", f"triggers BCC {text}", about)
    return Answer(Action.DUNNO, "", None, Disposition(bcc=(_address(text),)), note)


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except AddressError:
        raise ResultMistake("expected an address, user@domain") from None


def _filter(text: str, about: Subject | None, context: Context) -> Answer:
    parsed = parse_filter(text, context.transports)
    if isinstance(parsed, str):
        raise ResultMistake(parsed)
    note = Note("filter", f"triggers FILTER {text}", about)
    return Answer(Action.DUNNO, "", None, Disposition(content_filter=text), note)


def _prepend(text: str, about: Subject | None, _context: Context) -> Answer:
    if not _FIELD.match(text) or not text.isprintable():
        # Postfix only warns as well: mail does not wait for a field that nobody knows how to write.
        words = f"expected PREPEND with a header field, Name: text, not {text!r}"
        return Answer(Action.DUNNO, "", note=Note("warning", words, about, Form.PLAIN))
    return Answer(Action.DUNNO, "", None, Disposition(prepend=(text,)))


def _restrictions(text: str, context: Context) -> Answer:
    if not text:
        raise ResultMistake("it is empty; write DUNNO or OK")
    if ":" in text:
        raise ResultMistake("a look-up table cannot stand here; define a class of restrictions")
    try:
        rules = context.read(text)
    except ValueError as error:
        raise ResultMistake(str(error)) from None
    return Answer(Action.DUNNO, "", then=rules)


_READERS: dict[str, Reader] = {
    "OK": _permitted,
    "RELAY": _permitted,
    "REJECT": _reject,
    "DEFER": _defer,
    "DEFER_IF_PERMIT": _remembered(Action.DEFER_IF_PERMIT),
    "DEFER_IF_REJECT": _remembered(Action.DEFER_IF_REJECT),
    "DISCARD": _discard,
    "HOLD": _hold,
    "FILTER": _filter,
    "REDIRECT": _redirect,
    "BCC": _bcc,
    "PREPEND": _prepend,
    "INFO": _logged("info"),
    "WARN": _logged("warn"),
    "DUNNO": _ignored,
}
