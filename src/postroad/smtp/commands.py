"""The commands of RFC 5321 §4.1.1 and its extensions: one table, and how each argument is read.

A command's function reads the argument and answers with the event it amounts to, or with the
reply that refuses it (or, for NOOP and HELP, that is all there is to say). It sees what the
session has learnt so far and changes nothing; when a command may come at all is the server's
table of states.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from postroad.model import Address, AddressError, BodyType, Reply
from postroad.model.address import is_domain
from postroad.smtp import replies
from postroad.smtp.attributes import XCLIENT, XFORWARD, read_attributes
from postroad.smtp.auth import read_auth
from postroad.smtp.chunks import Chunk
from postroad.smtp.events import (
    Auth,
    Data,
    Etrn,
    Hello,
    Mail,
    Quit,
    Rcpt,
    Reset,
    StartTls,
    Vrfy,
    XClient,
    XForward,
)
from postroad.smtp.offer import Offer
from postroad.smtp.parameters import MailOptions, RcptOptions, mail_options, rcpt_options
from postroad.smtp.paths import forward_path, reverse_path, split_path
from postroad.smtp.standing import Standing

__all__ = ["COMMANDS", "LMTP_COMMANDS", "Command", "commands"]

MAX_HELLO = 255
"""Characters of the name in HELO and EHLO: a domain's bound (RFC 5321 §4.5.3.1.2)."""


Result = (
    Auth
    | Chunk
    | Data
    | Etrn
    | Hello
    | Mail
    | Quit
    | Rcpt
    | Reset
    | StartTls
    | Vrfy
    | XClient
    | XForward
    | Reply
)


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table.

    Attributes:
        read: turns the argument into an event or a reply.
        before_tls: whether it may come before TLS where TLS is required (RFC 3207 §4).
        idle: whether it moves no mail; too many of these are an error each.
        offered: whether HELP names it.
        last: whether a client has to wait for its answer before it sends more, even where it may
            send commands in groups (RFC 2920 §3.1).
    """

    read: Callable[[str, Standing], Result]
    before_tls: bool = False
    idle: bool = False
    offered: Callable[[Offer], bool] = lambda _: True
    last: bool = False


def _ehlo(argument: str, _: Standing) -> Result:
    return Hello(argument, extended=True) if _is_hello(argument) else replies.SYNTAX_EHLO


def _helo(argument: str, _: Standing) -> Result:
    return Hello(argument, extended=False) if _is_hello(argument) else replies.SYNTAX_HELO


def _lhlo(argument: str, _: Standing) -> Result:
    return Hello(argument, extended=True) if _is_hello(argument) else replies.SYNTAX_LHLO


def _is_hello(name: str) -> bool:
    return 0 < len(name) <= MAX_HELLO and name.isascii()


def _starttls(argument: str, standing: Standing) -> Result:
    if argument:
        return replies.SYNTAX_STARTTLS
    if standing.offer.secure:
        return replies.TLS_ACTIVE
    return StartTls() if standing.offer.starttls else replies.NOT_IMPLEMENTED


def _mail(argument: str, standing: Standing) -> Result:
    parts = split_path(argument, "FROM:")
    if parts is None:
        return replies.SYNTAX_MAIL
    try:
        sender = reverse_path(parts[0])
    except AddressError:
        return replies.BAD_SENDER
    options = mail_options(parts[1], standing) if parts[1] else _NO_MAIL_OPTIONS
    if isinstance(options, Reply):
        return options
    if not options.smtputf8 and sender is not None and not sender.is_ascii:
        return replies.NEED_SMTPUTF8
    return Mail(
        sender,
        options.size,
        options.body,
        options.smtputf8,
        options.auth,
        options.ret,
        options.envid,
        options.require_tls,
        options.hold_for,
        options.hold_until,
        options.by,
        options.priority,
    )


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
    options = rcpt_options(parts[1], standing) if parts[1] else _NO_RCPT_OPTIONS
    if isinstance(options, Reply):
        return options
    if not standing.smtputf8 and not recipient.is_ascii:
        return replies.NEED_SMTPUTF8
    return Rcpt(recipient, options.notify, options.orcpt)


_NO_MAIL_OPTIONS = MailOptions()
_NO_RCPT_OPTIONS = RcptOptions()


def _data(argument: str, standing: Standing) -> Result:
    if standing.body is BodyType.BINARY_MIME:
        return replies.NEED_BDAT  # RFC 3030 §3
    return replies.SYNTAX_DATA if argument else Data()


_BDAT = re.compile(r"([0-9]{1,20})(?: +(LAST))?\Z", re.IGNORECASE)  # RFC 3030 §2


def _bdat(argument: str, standing: Standing) -> Result:
    if not standing.offer.chunking:
        return replies.NO_CHUNKING
    count = _BDAT.match(argument)
    return Chunk(int(count[1]), last=count[2] is not None) if count else replies.SYNTAX_BDAT


def _rset(argument: str, _: Standing) -> Result:
    return replies.SYNTAX_RSET if argument else Reset()


def _noop(_argument: str, _: Standing) -> Result:
    return replies.OK


def _quit(_argument: str, _: Standing) -> Result:
    return Quit()  # with an argument too: who wants to leave is let go, as by Postfix


def _help(_argument: str, standing: Standing) -> Result:
    offer = standing.offer
    verbs = [verb for verb, command in commands(offer).items() if command.offered(offer)]
    return Reply.of(214, "2.0.0", f"Commands: {' '.join(verbs)}")


def _vrfy(argument: str, standing: Standing) -> Result:
    name, _, last = argument.rpartition(" ")
    utf8 = last.upper() == "SMTPUTF8"  # RFC 6531 §3.7.4.2
    name = name.rstrip(" ") if utf8 else argument
    if not name:
        return replies.SYNTAX_VRFY
    if not utf8 and not name.isascii():
        return replies.NEED_SMTPUTF8
    if not standing.offer.vrfy:
        return replies.CANNOT_VERIFY  # RFC 5321 §3.5.3
    bracketed = name.startswith("<") and name.endswith(">")
    return Vrfy(name[1:-1] if bracketed else name, smtputf8=utf8)


def _etrn(argument: str, standing: Standing) -> Result:
    if not standing.offer.etrn:
        return replies.NOT_IMPLEMENTED
    if not argument or " " in argument:
        return replies.SYNTAX_ETRN
    site = argument[1:] if argument[0] in "@#" else argument  # RFC 1985 §5.3
    return Etrn(argument) if _is_site(site) else replies.BAD_NODE


def _is_site(text: str) -> bool:
    """Whether it is a domain or, as in Postfix, an address literal."""
    if not text.startswith("["):
        return text.isascii() and is_domain(text)
    try:
        Address.parse(f"x@{text}")
    except AddressError:
        return False
    return True


def _xclient(argument: str, standing: Standing) -> Result:
    if argument and not standing.offer.xclient:
        return replies.NOT_AUTHORIZED
    attributes = read_attributes("XCLIENT", argument, XCLIENT)
    return attributes if isinstance(attributes, Reply) else XClient(attributes)


def _xforward(argument: str, standing: Standing) -> Result:
    if argument and not standing.offer.xforward:
        return replies.NOT_AUTHORIZED
    attributes = read_attributes("XFORWARD", argument, XFORWARD)
    return attributes if isinstance(attributes, Reply) else XForward(attributes)


def _unimplemented(_argument: str, _: Standing) -> Result:
    return replies.NOT_IMPLEMENTED


_BEHIND_HELLO: dict[str, Command] = {
    "STARTTLS": Command(_starttls, before_tls=True),
    "AUTH": Command(read_auth),
    "MAIL": Command(_mail),
    "RCPT": Command(_rcpt),
    "DATA": Command(_data, last=True),
    "BDAT": Command(_bdat, offered=lambda offer: offer.chunking),
    "RSET": Command(_rset, before_tls=True, idle=True),
    "NOOP": Command(_noop, before_tls=True, idle=True, last=True),
    "VRFY": Command(_vrfy, idle=True, last=True),
    "EXPN": Command(_unimplemented, idle=True, last=True),
    "ETRN": Command(_etrn, idle=True, offered=lambda offer: offer.etrn),
    "XCLIENT": Command(_xclient, before_tls=True, offered=lambda offer: offer.xclient),
    "XFORWARD": Command(_xforward, offered=lambda offer: offer.xforward),
    "HELP": Command(_help, before_tls=True, idle=True),
    "QUIT": Command(_quit, before_tls=True),
}

COMMANDS: dict[str, Command] = {
    "HELO": Command(_helo, before_tls=True, idle=True, last=True),
    "EHLO": Command(_ehlo, before_tls=True, idle=True, last=True),
    **_BEHIND_HELLO,
}
"""The commands of SMTP."""

LMTP_COMMANDS: dict[str, Command] = {
    "LHLO": Command(_lhlo, before_tls=True, idle=True, last=True),
    **_BEHIND_HELLO,
}
"""The commands of LMTP: HELO and EHLO are unknown there (RFC 2033 §4.1)."""


def commands(offer: Offer) -> dict[str, Command]:
    """The commands of the protocol that the listener speaks."""
    return LMTP_COMMANDS if offer.lmtp else COMMANDS
