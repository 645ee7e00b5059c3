"""The commands of one transaction as one server takes them, or why it cannot take the message.

What a message cannot go without is asked here once, before anything is sent: a message is never
sent in a lesser form than it needs, and a parameter never to a server that did not announce it.
REQUIRETLS is asked by who opens the session, for the next host may have it. What may be changed so
that a server can take a message is decided by who delivers it.
"""

from __future__ import annotations

from postroad.model import BodyType, ByMode, Reply
from postroad.smtp.client_parameters import (
    Parameters,
    RecipientParameters,
    Transaction,
    of_mail,
    of_recipient,
)
from postroad.smtp.extensions import Extensions

__all__ = ["commands", "eight_bit_refusal", "refusal", "smtputf8_refusal"]

_NOTHING_WANTED = RecipientParameters()


def commands(
    transaction: Transaction, offered: Extensions, *, smtputf8: bool, tail: str = ""
) -> list[str]:
    """MAIL and every RCPT, each with its line end.

    Args:
        transaction: the envelope.
        offered: what the server announced.
        smtputf8: whether SMTPUTF8 is asked for.
        tail: further parameters of MAIL.
    """
    parameters = transaction.parameters
    words = of_mail(transaction, offered, smtputf8=smtputf8)
    mail = f"MAIL FROM:<{transaction.sender}>{words}{tail}\r\n"
    if parameters is None or not offered.dsn:
        return [mail, *[f"RCPT TO:<{recipient}>\r\n" for recipient in transaction.recipients]]
    wanted = parameters.recipients or (_NOTHING_WANTED,) * len(transaction.recipients)
    lines = [
        f"RCPT TO:<{recipient}>{of_recipient(each, parameters.by, offered)}\r\n"
        for recipient, each in zip(transaction.recipients, wanted, strict=True)
    ]
    return [mail, *lines]


def refusal(
    transaction: Transaction, offered: Extensions, peer: str, *, smtputf8: bool, final: bool
) -> Reply | None:
    """Why this server cannot take the message, without asking it; `None` where it can.

    Args:
        transaction: the envelope.
        offered: what the server announced.
        peer: the server as logs show it.
        smtputf8: whether SMTPUTF8 is needed.
        final: whether the server is the mail store itself (LMTP): with it the way ends, so that
            DELIVERBY is fulfilled.
    """
    if smtputf8 and not offered.smtputf8:
        return smtputf8_refusal(peer)
    body = transaction.body
    if body is BodyType.EIGHT_BIT_MIME and not offered.eight_bit_mime:
        return eight_bit_refusal(peer)
    if body is BodyType.BINARY_MIME and not offered.binary_mime:
        # RFC 3030 §3: what cannot be converted is returned; it never goes by DATA.
        words = f"BINARYMIME with CHUNKING is required, but was not offered by host {peer}"
        return Reply.of(554, "5.6.3", words)
    if offered.size and transaction.size > offered.size:
        words = (
            f"message size {transaction.size} exceeds size limit {offered.size} of server {peer}"
        )
        return Reply.of(552, "5.3.4", words)  # RFC 1870 §6.1
    parameters = transaction.parameters
    if parameters is None or final:
        return None
    return _broken_promise(parameters, offered, peer)


def smtputf8_refusal(peer: str) -> Reply:
    """What is said of a message or recipient that needs SMTPUTF8 (RFC 6531 §3.5)."""
    return Reply.of(553, "5.6.7", f"SMTPUTF8 is required, but was not offered by host {peer}")


def eight_bit_refusal(peer: str) -> Reply:
    """What is said of content with octets over 127 where none are taken (RFC 6152 §3)."""
    return Reply.of(554, "5.6.3", f"8BITMIME is required, but was not offered by host {peer}")


def _broken_promise(parameters: Parameters, offered: Extensions, peer: str) -> Reply | None:
    """What was promised to the sender and would end at this server."""
    by = parameters.by
    if by is None or by.mode is not ByMode.RETURN:
        return None
    if offered.deliver_by is None:  # RFC 2852 §4.1.4.1
        words = f"DELIVERBY is required, but was not offered by host {peer}"
        return Reply.of(554, "5.4.7", words)
    if by.seconds <= 0 or by.seconds < offered.deliver_by:
        words = (
            f"the message cannot be delivered in time: {by.seconds} seconds are left, host {peer} "
            f"wants at least {max(offered.deliver_by, 1)}"
        )
        return Reply.of(554, "5.4.7", words)
    return None
