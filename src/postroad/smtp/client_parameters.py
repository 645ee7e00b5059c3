"""The parameters of MAIL and RCPT as a client writes them (RFC 5321 §4.1.1.11).

Each is written only where the server announced its extension, so that the same message can go to
any server; what it must not go without is `client_commands`' question. Values come from whoever
submitted the message. They are encoded so that none can be read as another parameter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroad.model import BodyType, ByMode, Notify, Return
from postroad.smtp.events import By
from postroad.smtp.extensions import Extensions
from postroad.smtp.xtext import encode_utf8_address, encode_xtext

__all__ = ["Parameters", "RecipientParameters", "Transaction", "of_mail", "of_recipient"]

MAX_ENVID = 100  # octets as they are written, RFC 3461 §4.4
MAX_ORCPT = 500  # octets as they are written, RFC 3461 §4.2
MAX_BY = 999_999_999  # seconds, RFC 2852 §4

_NO_PARAMETERS: tuple[RecipientParameters, ...] = ()


@dataclass(frozen=True, slots=True)
class RecipientParameters:
    """What the sender wants of one recipient.

    Attributes:
        notify: which notices it wants (RFC 3461 §4.1); `None` where it did not say.
        orcpt: the original recipient as `type;address`, decoded (RFC 3461 §4.2); empty for none.
    """

    notify: Notify | None = None
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the sender wants beyond the delivery; most messages go without.

    Attributes:
        ret: how much a failure notice returns (RFC 3461 §4.3).
        envid: the sender's own name for the message, decoded (RFC 3461 §4.4); empty for none.
        require_tls: whether it may travel by verified TLS only (RFC 8689).
        by: by when it ought to be delivered, from now (RFC 2852 §4).
        priority: -9 to 9 (RFC 6710).
        recipients: one for each recipient, in their order; empty where nothing is wanted of any.
    """

    ret: Return | None = None
    envid: str = ""
    require_tls: bool = False
    by: By | None = None
    priority: int = 0
    recipients: tuple[RecipientParameters, ...] = _NO_PARAMETERS


@dataclass(frozen=True, slots=True)
class Transaction:
    """The envelope of one message as it goes to one server.

    Attributes:
        sender: the reverse-path without brackets; empty for the null one.
        recipients: the forward-paths without brackets, at least one.
        size: octets of the content (RFC 1870); exact, as BDAT announces it, unless `estimated`.
        body: what the content needs: 8BITMIME, or CHUNKING and BINARYMIME.
        smtputf8: whether the message needs SMTPUTF8 whatever its addresses look like.
        parameters: what else the sender wants; `None`: nothing.
        estimated: whether the size is only an estimate, because the content is converted on its
            way; then it goes by DATA.
        probe: whether it is over with the replies to RCPT, because only they are wanted: there is
            no content, and no size or body is told.
    """

    sender: str
    recipients: tuple[str, ...]
    size: int
    body: BodyType = BodyType.SEVEN_BIT
    smtputf8: bool = False
    parameters: Parameters | None = None
    probe: bool = False
    estimated: bool = False


def of_mail(transaction: Transaction, offered: Extensions, *, smtputf8: bool) -> str:
    """The parameters of MAIL for this server, each with the space before it."""
    unsized = offered.size is None or transaction.probe
    words = "" if unsized else f" SIZE={transaction.size}"
    if transaction.body is not BodyType.SEVEN_BIT:  # which goes without saying
        words += f" BODY={transaction.body.value}"
    if smtputf8:
        words += " SMTPUTF8"
    parameters = transaction.parameters
    return words if parameters is None else words + _asked(parameters, offered)


def _asked(parameters: Parameters, offered: Extensions) -> str:
    words = ""
    if offered.dsn:
        # A relay passes both on as they came (RFC 3461 §5.2.1).
        if parameters.ret is not None:
            words += f" RET={parameters.ret.value}"
        envid = encode_xtext(parameters.envid)
        if envid and len(envid) <= MAX_ENVID:
            words += f" ENVID={envid}"
    if parameters.require_tls and offered.require_tls:
        words += " REQUIRETLS"
    if parameters.by is not None and offered.deliver_by is not None:
        words += f" BY={_by(parameters.by)}"
    if parameters.priority and offered.priority:
        words += f" MT-PRIORITY={parameters.priority}"
    return words


def _by(by: By) -> str:
    seconds = min(max(by.seconds, -MAX_BY), MAX_BY)
    return f"{seconds};{by.mode.value}{'T' if by.trace else ''}"


def of_recipient(wanted: RecipientParameters, by: By | None, offered: Extensions) -> str:
    """The parameters of one RCPT for a server with DSN, each with the space before it.

    Args:
        wanted: what the sender asked for.
        by: the message's BY.
        offered: what the server announced.
    """
    if not offered.dsn:
        return ""
    notify = wanted.notify
    if by is not None and by.mode is ByMode.NOTIFY and offered.deliver_by is None:
        notify = _told_of_delay(notify)
    words = "" if notify is None else f" NOTIFY={_notify(notify)}"
    orcpt = _orcpt(wanted.orcpt) if wanted.orcpt else ""
    return f"{words} ORCPT={orcpt}" if orcpt else words


def _told_of_delay(notify: Notify | None) -> Notify | None:
    """What stands in for BY in mode N where the server does not know it (RFC 2852 §4.1.4.2)."""
    if notify is None:
        return Notify.FAILURE | Notify.DELAY
    return notify and notify | Notify.DELAY


def _notify(notify: Notify) -> str:
    words = [each.name for each in (Notify.SUCCESS, Notify.FAILURE, Notify.DELAY) if each in notify]
    return ",".join(filter(None, words)) or "NEVER"


_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]+\Z")


def _orcpt(orcpt: str) -> str:
    """The value of ORCPT; empty where it cannot be written. Better without than refused for it."""
    kind, _, address = orcpt.partition(";")
    if not address or not _ADDRESS_TYPE.match(kind):
        return ""
    utf8 = kind.lower() == "utf-8"  # RFC 6533 §3 has an encoding of its own
    written = f"{kind};{encode_utf8_address(address) if utf8 else encode_xtext(address)}"
    return written if len(written) <= MAX_ORCPT else ""
