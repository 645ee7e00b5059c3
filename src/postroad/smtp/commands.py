"""The commands of RFC 5321 §4.1.1 and its extensions: one table, and how each argument is read.

A command's function reads the argument and answers with the event it amounts to, or with the
reply that refuses it (or, for NOOP and HELP, that is all there is to say). It sees what the
session has learnt so far and changes nothing; when a command may come at all is the server's
table of states.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass

from postroad.model import AddressError, BodyType, Reply
from postroad.smtp import replies
from postroad.smtp.events import Auth, Data, Hello, Mail, Quit, Rcpt, Reset, StartTls
from postroad.smtp.offer import Offer
from postroad.smtp.paths import forward_path, reverse_path, split_path
from postroad.smtp.settings import SessionLimits

__all__ = ["COMMANDS", "SASL_LIMIT", "Command", "Standing", "decode_sasl"]

SASL_LIMIT = 12_288
"""Octets of a base64 line of AUTH (RFC 4954 §4)."""

MAX_HELLO = 255
"""Characters of the name in HELO and EHLO: a domain's bound (RFC 5321 §4.5.3.1.2)."""

MAX_MECHANISM = 20
"""Characters of a SASL mechanism's name (RFC 4422 §3.1)."""

Result = Auth | Data | Hello | Mail | Quit | Rcpt | Reset | StartTls | Reply


@dataclass(slots=True)
class Standing:
    """What the session knows of its client. After STARTTLS a new one takes its place.

    Attributes:
        offer: what the client may use.
        limits: the session's bounds.
        hello: the name given by EHLO or HELO, empty before.
        extended: whether it was EHLO.
        authenticated: whether a login succeeded.
        smtputf8: whether the transaction asked for SMTPUTF8.
        recipients: recipients taken in the transaction.
    """

    offer: Offer
    limits: SessionLimits
    hello: str = ""
    extended: bool = False
    authenticated: bool = False
    smtputf8: bool = False
    recipients: int = 0

    @property
    def protocol(self) -> str:
        """The `with` protocol of a trace header (RFC 3848; RFC 6531 §4.3)."""
        if not self.extended:
            return "SMTP"
        kind = "UTF8SMTP" if self.smtputf8 else "ESMTP"
        return f"{kind}{'S' * self.offer.secure}{'A' * self.authenticated}"


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table.

    Attributes:
        read: turns the argument into an event or a reply.
        before_tls: whether it may come before TLS where TLS is required (RFC 3207 §4).
        idle: whether it moves no mail; too many of these are an error each.
    """

    read: Callable[[str, Standing], Result]
    before_tls: bool = False
    idle: bool = False


def _ehlo(argument: str, _: Standing) -> Result:
    return Hello(argument, extended=True) if _is_hello(argument) else replies.SYNTAX_EHLO


def _helo(argument: str, _: Standing) -> Result:
    return Hello(argument, extended=False) if _is_hello(argument) else replies.SYNTAX_HELO


def _is_hello(name: str) -> bool:
    return 0 < len(name) <= MAX_HELLO and name.isascii()


def _starttls(argument: str, standing: Standing) -> Result:
    if argument:
        return replies.SYNTAX_STARTTLS
    if standing.offer.secure:
        return replies.TLS_ACTIVE
    return StartTls() if standing.offer.starttls else replies.NOT_IMPLEMENTED


def _auth(argument: str, standing: Standing) -> Result:
    if not standing.offer.mechanisms:
        return replies.NO_AUTH
    if not standing.offer.secure:
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
    initial = b"" if response == "=" else decode_sasl(response)
    return initial if isinstance(initial, Reply) else Auth(mechanism, initial)


def decode_sasl(text: str) -> bytes | Reply:
    """The octets behind a base64 line of AUTH, or the refusal of it."""
    if len(text) > SASL_LIMIT:
        return replies.AUTH_TOO_LONG
    try:
        return b64decode(text.encode(), validate=True)
    except Base64Error:
        return replies.BAD_BASE64


def _mail(argument: str, standing: Standing) -> Result:
    parts = split_path(argument, "FROM:")
    if parts is None:
        return replies.SYNTAX_MAIL
    try:
        sender = reverse_path(parts[0])
    except AddressError:
        return replies.BAD_SENDER
    options = _read_options(parts[1], standing) if parts[1] else _NO_OPTIONS
    if isinstance(options, Reply):
        return options
    if not options.smtputf8 and sender is not None and not sender.is_ascii:
        return replies.NEED_SMTPUTF8
    return Mail(sender, options.size, options.body, options.smtputf8, options.auth)


@dataclass(slots=True)
class _Options:
    size: int | None = None
    body: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False
    auth: str | None = None


_NO_OPTIONS = _Options()


def _read_options(text: str, standing: Standing) -> _Options | Reply:
    options = _Options()
    seen = set()
    for option in text.split(" "):
        if not option:
            continue
        name, equals, value = option.partition("=")
        name = name.upper()
        setter = _OPTIONS.get(name)
        if setter is None or (name == "AUTH" and not standing.offer.has_auth):
            return replies.unsupported_option(option)
        if name in seen:
            return replies.repeated_option(name)
        seen.add(name)
        refusal = setter(options, equals + value, standing)
        if refusal is not None:
            return refusal
    return options


_SIZE = re.compile(r"=([0-9]{1,20})\Z")  # RFC 1870 §3
_BODIES = {"=7BIT": BodyType.SEVEN_BIT, "=8BITMIME": BodyType.EIGHT_BIT_MIME}  # RFC 6152 §3
_XTEXT = re.compile(r"=((?:[!-*,-<>-~]|\+[0-9A-F]{2})+)\Z")  # RFC 3461 §4
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")


def _set_size(options: _Options, value: str, standing: Standing) -> Reply | None:
    size = _SIZE.match(value)
    if size is None:
        return replies.BAD_SIZE
    options.size = int(size[1])
    limit = standing.limits.message_size
    return replies.TOO_BIG if limit and options.size > limit else None


def _set_body(options: _Options, value: str, _: Standing) -> Reply | None:
    body = _BODIES.get(value.upper())
    if body is None:
        return replies.unsupported_option(f"BODY{value}")
    options.body = body
    return None


def _set_smtputf8(options: _Options, value: str, _: Standing) -> Reply | None:
    options.smtputf8 = True  # RFC 6531 §3.4 gives it no value
    return replies.unsupported_option(f"SMTPUTF8{value}") if value else None


def _set_auth(options: _Options, value: str, _: Standing) -> Reply | None:
    xtext = _XTEXT.match(value)
    if xtext is None:
        return replies.BAD_AUTH
    options.auth = _HEXCHAR.sub(lambda octet: chr(int(octet[1], 16)), xtext[1])
    return None if options.auth.isascii() and options.auth.isprintable() else replies.BAD_AUTH


_OPTIONS: dict[str, Callable[[_Options, str, Standing], Reply | None]] = {
    "SIZE": _set_size,
    "BODY": _set_body,
    "SMTPUTF8": _set_smtputf8,
    "AUTH": _set_auth,  # RFC 4954 §5
}


def _rcpt(argument: str, standing: Standing) -> Result:
    if standing.limits.recipients and standing.recipients >= standing.limits.recipients:
        return replies.TOO_MANY_RECIPIENTS
    parts = split_path(argument, "TO:")
    if parts is None:
        return replies.SYNTAX_RCPT
    try:
        recipient = forward_path(parts[0])
    except AddressError:
        return replies.BAD_RECIPIENT
    option = parts[1].strip(" ").partition(" ")[0]
    if option:
        return replies.unsupported_option(option)
    if not standing.smtputf8 and not recipient.is_ascii:
        return replies.NEED_SMTPUTF8
    return Rcpt(recipient)


def _data(argument: str, _: Standing) -> Result:
    return replies.SYNTAX_DATA if argument else Data()


def _rset(argument: str, _: Standing) -> Result:
    return replies.SYNTAX_RSET if argument else Reset()


def _noop(_argument: str, _: Standing) -> Result:
    return replies.OK


def _quit(_argument: str, _: Standing) -> Result:
    return Quit()  # with an argument too: who wants to leave is let go, as by Postfix


def _help(_argument: str, _: Standing) -> Result:
    return Reply.of(214, "2.0.0", f"Commands: {' '.join(COMMANDS)}")


def _vrfy(_argument: str, _: Standing) -> Result:
    return replies.NO_VRFY


def _unimplemented(_argument: str, _: Standing) -> Result:
    return replies.NOT_IMPLEMENTED


COMMANDS: dict[str, Command] = {
    "HELO": Command(_helo, before_tls=True, idle=True),
    "EHLO": Command(_ehlo, before_tls=True, idle=True),
    "STARTTLS": Command(_starttls, before_tls=True),
    "AUTH": Command(_auth),
    "MAIL": Command(_mail),
    "RCPT": Command(_rcpt),
    "DATA": Command(_data),
    "RSET": Command(_rset, before_tls=True, idle=True),
    "NOOP": Command(_noop, before_tls=True, idle=True),
    "VRFY": Command(_vrfy, idle=True),
    "EXPN": Command(_unimplemented, idle=True),
    "HELP": Command(_help, before_tls=True, idle=True),
    "QUIT": Command(_quit, before_tls=True),
}
