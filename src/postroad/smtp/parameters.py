"""The parameters of MAIL and RCPT (RFC 5321 §4.1.2): two tables, one function for each parameter.

A function reads one value into what the command asks for, or answers with the refusal. A
parameter is taken exactly where its extension is offered; any other is unknown (555). What needs
a clock, an account or a policy to be judged is only read here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from postroad.model import BodyType, ByMode, Notify, Reply, Return
from postroad.smtp import replies
from postroad.smtp.events import By
from postroad.smtp.offer import Offer
from postroad.smtp.standing import Standing
from postroad.smtp.xtext import decode_utf8_address, decode_xtext

__all__ = ["MAIL", "RCPT", "MailOptions", "RcptOptions", "mail_options", "rcpt_options"]

MAX_ENVID = 100
"""Characters of ENVID's value as it is written (RFC 3461 §4.4)."""

MAX_ORCPT = 500
"""Characters of ORCPT's value as it is written (RFC 3461 §4.2)."""


@dataclass(slots=True)
class MailOptions:
    """What the parameters of MAIL ask for; the fields are those of the event `Mail`."""

    size: int | None = None
    body: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False
    auth: str | None = None
    ret: Return | None = None
    envid: str = ""
    require_tls: bool = False
    hold_for: int | None = None
    hold_until: float | None = None
    by: By | None = None
    priority: int = 0


@dataclass(slots=True)
class RcptOptions:
    """What the parameters of RCPT ask for; the fields are those of the event `Rcpt`."""

    notify: Notify | None = None
    orcpt: str = ""


_Options = TypeVar("_Options", MailOptions, RcptOptions)


def mail_options(text: str, standing: Standing) -> MailOptions | Reply:
    """Read what stands behind the path of MAIL."""
    options = _read(text, MailOptions(), MAIL, standing)
    if isinstance(options, Reply) or options.hold_for is None or options.hold_until is None:
        return options
    return replies.HOLD_TWICE  # RFC 4865 §4.2


def rcpt_options(text: str, standing: Standing) -> RcptOptions | Reply:
    """Read what stands behind the path of RCPT."""
    return _read(text, RcptOptions(), RCPT, standing)


@dataclass(frozen=True, slots=True)
class Parameter(Generic[_Options]):
    """A row of a table.

    Attributes:
        read: reads the value (`None` where there is no `=`) into the options, or refuses it.
        offered: whether the client may use it.
    """

    read: Callable[[_Options, str | None, Standing], Reply | None]
    offered: Callable[[Offer], bool]


def _read(
    text: str,
    options: _Options,
    table: Mapping[str, Parameter[_Options]],
    standing: Standing,
) -> _Options | Reply:
    seen = set()
    for word in text.split(" "):
        if not word:
            continue
        name, equals, value = word.partition("=")
        name = name.upper()
        parameter = table.get(name)
        if parameter is None or not parameter.offered(standing.offer):
            return replies.unsupported_option(word)
        if name in seen:
            return replies.repeated_option(name)
        seen.add(name)
        refusal = parameter.read(options, value if equals else None, standing)
        if refusal is not None:
            return refusal
    return options


def _written(name: str, value: str | None) -> str:
    return name if value is None else f"{name}={value}"


_SIZE = re.compile(r"[0-9]{1,20}\Z")


def _size(options: MailOptions, value: str | None, standing: Standing) -> Reply | None:
    """RFC 1870 §3: octets of the content, one to twenty digits."""
    if value is None or not _SIZE.match(value):
        return replies.BAD_SIZE
    options.size = int(value)
    limit = standing.limits.message_size
    return replies.TOO_BIG if limit and options.size > limit else None


_BODIES = {body.value: body for body in BodyType}


def _body(options: MailOptions, value: str | None, standing: Standing) -> Reply | None:
    """RFC 6152 §3, RFC 3030 §3: what the content needs of the way."""
    body = _BODIES.get((value or "").upper())
    if body is None or (body is BodyType.BINARY_MIME and not standing.offer.has_binarymime):
        return replies.unsupported_option(_written("BODY", value))
    options.body = body
    return None


def _smtputf8(options: MailOptions, value: str | None, _: Standing) -> Reply | None:
    """RFC 6531 §3.4: has no value."""
    options.smtputf8 = True
    return None if value is None else replies.unsupported_option(f"SMTPUTF8={value}")


def _auth(options: MailOptions, value: str | None, _: Standing) -> Reply | None:
    """RFC 4954 §5: who submitted the message first, in xtext, or `<>`."""
    auth = decode_xtext(value) if value else None
    if auth is None or not auth.isascii():
        return replies.BAD_AUTH
    options.auth = auth
    return None


_RETURNS = {ret.value: ret for ret in Return}


def _ret(options: MailOptions, value: str | None, _: Standing) -> Reply | None:
    """RFC 3461 §4.3: `FULL` or `HDRS`."""
    options.ret = _RETURNS.get((value or "").upper())
    return replies.BAD_RET if options.ret is None else None


def _envid(options: MailOptions, value: str | None, _: Standing) -> Reply | None:
    """RFC 3461 §4.4: xtext of printable ASCII."""
    envid = decode_xtext(value) if value and len(value) <= MAX_ENVID else None
    if envid is None or not envid.isascii():
        return replies.BAD_ENVID
    options.envid = envid
    return None


def _require_tls(options: MailOptions, value: str | None, _: Standing) -> Reply | None:
    """RFC 8689 §2: has no value."""
    options.require_tls = True
    return None if value is None else replies.unsupported_option(f"REQUIRETLS={value}")


_INTERVAL = re.compile(r"[0-9]{1,9}\Z")


def _hold_for(options: MailOptions, value: str | None, standing: Standing) -> Reply | None:
    """RFC 4865 §4.2: seconds, one to nine digits, no more than EHLO said."""
    if value is None or not _INTERVAL.match(value):
        return replies.BAD_HOLDFOR
    options.hold_for = int(value)
    too_long = options.hold_for > standing.offer.future_release
    return replies.HOLD_TOO_LONG if too_long else None


# RFC 3339 §5.6; RFC 4865 §4.2 asks for UTC, any other offset means the same moment.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})\Z"
)


def _hold_until(options: MailOptions, value: str | None, _: Standing) -> Reply | None:
    """RFC 4865 §4.2: a moment. Whether it is over or too far away takes a clock to say."""
    text = (value or "").upper()
    if not _MOMENT.match(text):
        return replies.BAD_HOLDUNTIL
    try:
        options.hold_until = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return replies.BAD_HOLDUNTIL  # a thirteenth month
    return None


_BY = re.compile(r"([+-]?[0-9]{1,9});([NR])(T?)\Z")


def _by(options: MailOptions, value: str | None, _: Standing) -> Reply | None:
    """RFC 2852 §4: `by-time;by-mode`. Only a time to come can be followed by a return."""
    by = _BY.match((value or "").upper())
    if by is None:
        return replies.BAD_BY
    options.by = By(int(by[1]), ByMode(by[2]), trace=bool(by[3]))
    is_over = options.by.seconds <= 0 and options.by.mode is ByMode.RETURN
    return replies.BAD_BY if is_over else None


_PRIORITY = re.compile(r"(?:0|-?[1-9])\Z")


def _priority(options: MailOptions, value: str | None, _: Standing) -> Reply | None:
    """RFC 6710 §4.1: -9 to 9. How much of it the client may have is the policy's to say."""
    if value is None or not _PRIORITY.match(value):
        return replies.BAD_PRIORITY
    options.priority = int(value)
    return None


_NOTIFY = {notify.name: notify for notify in Notify}


def _notify(options: RcptOptions, value: str | None, _: Standing) -> Reply | None:
    """RFC 3461 §4.1: `NEVER`, or a list of the others."""
    words = (value or "").upper().split(",")
    if words == ["NEVER"]:
        options.notify = Notify.NEVER
        return None
    if not all(word in _NOTIFY for word in words):
        return replies.BAD_NOTIFY
    options.notify = Notify.NEVER
    for word in words:
        options.notify |= _NOTIFY[word]
    return None


_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*/?^_`{|}~-]+\Z")  # an atom, as far as xtext has it


def _orcpt(options: RcptOptions, value: str | None, standing: Standing) -> Reply | None:
    """RFC 3461 §4.2, RFC 6533 §3: `addr-type;address`, the address encoded as its type has it."""
    kind, semicolon, written = (value or "").partition(";")
    too_long = len(value or "") > MAX_ORCPT
    if too_long or not semicolon or not written or not _ADDRESS_TYPE.match(kind):
        return replies.BAD_ORCPT
    if not standing.smtputf8 and not written.isascii():
        return replies.BAD_ORCPT
    utf8 = kind.lower() == "utf-8"
    address = decode_utf8_address(written) if utf8 else decode_xtext(written)
    if address is None or not (utf8 or address.isascii()):
        return replies.BAD_ORCPT
    options.orcpt = f"{kind};{address}"
    return None


def _always(_: Offer) -> bool:
    return True


def _dsn(offer: Offer) -> bool:
    return offer.dsn


def _future_release(offer: Offer) -> bool:
    return offer.future_release > 0


MAIL: dict[str, Parameter[MailOptions]] = {
    "SIZE": Parameter(_size, _always),
    "BODY": Parameter(_body, _always),
    "SMTPUTF8": Parameter(_smtputf8, _always),
    "AUTH": Parameter(_auth, lambda offer: offer.has_auth),
    "RET": Parameter(_ret, _dsn),
    "ENVID": Parameter(_envid, _dsn),
    "REQUIRETLS": Parameter(_require_tls, lambda offer: offer.has_requiretls),
    "HOLDFOR": Parameter(_hold_for, _future_release),
    "HOLDUNTIL": Parameter(_hold_until, _future_release),
    "BY": Parameter(_by, lambda offer: offer.deliver_by),
    "MT-PRIORITY": Parameter(_priority, lambda offer: offer.priority),
}
"""Parameters of MAIL by name, in capitals."""

RCPT: dict[str, Parameter[RcptOptions]] = {
    "NOTIFY": Parameter(_notify, _dsn),
    "ORCPT": Parameter(_orcpt, _dsn),
}
"""Parameters of RCPT by name, in capitals."""
