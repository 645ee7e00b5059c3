"""The steps of a session as a milter is told them: which packet, with which data and macros.

Values in, octets out; when a step is told, and what its answer means, is the session's to know.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import NamedTuple

from postroad.filters.milter.negotiation import Steps
from postroad.filters.milter.packets import Command
from postroad.filters.stages import Began, Connected
from postroad.model import BodyType, Notify, Recipient
from postroad.model.fields import Field
from postroad.smtp.xtext import encode_xtext

__all__ = [
    "BODY",
    "CONNECT",
    "DATA",
    "END_OF_HEADER",
    "END_OF_MESSAGE",
    "HEADER",
    "HELO",
    "MAIL",
    "RCPT",
    "UNKNOWN",
    "Step",
    "of_client",
    "of_field",
    "of_mail",
    "of_recipient",
    "text",
]


class Step(NamedTuple):
    """One kind of step.

    Attributes:
        command: its packet.
        untold: the bit that says that the milter does not want to hear of it.
        silent: the bit that says that it does not answer.
        since: the version of the protocol that has it.
        macros: the stage whose macros go before it; empty: none do.
    """

    command: Command
    untold: Steps
    silent: Steps
    since: int = 2
    macros: str = ""


_ALWAYS = Steps(0)

LONGEST_FIELD = 60_000
"""Octets of a field's name and value that are told. Libraries for milters close the connection at a
packet over 65,535 octets; Postfix cuts here too."""

CONNECT = Step(Command.CONNECT, Steps.NO_CONNECT, Steps.NR_CONNECT, macros="connect")
HELO = Step(Command.HELO, Steps.NO_HELO, Steps.NR_HELO, macros="helo")
MAIL = Step(Command.MAIL, Steps.NO_MAIL, Steps.NR_MAIL, macros="mail")
RCPT = Step(Command.RCPT, Steps.NO_RCPT, Steps.NR_RCPT, macros="rcpt")
DATA = Step(Command.DATA, Steps.NO_DATA, Steps.NR_DATA, since=4, macros="data")
UNKNOWN = Step(
    Command.UNKNOWN, Steps.NO_UNKNOWN, Steps.NR_UNKNOWN, since=3, macros="unknown_command"
)
HEADER = Step(Command.HEADER, Steps.NO_HEADER, Steps.NR_HEADER)
END_OF_HEADER = Step(
    Command.END_OF_HEADER, Steps.NO_END_OF_HEADER, Steps.NR_END_OF_HEADER, macros="end_of_header"
)
BODY = Step(Command.BODY, Steps.NO_BODY, Steps.NR_BODY)
END_OF_MESSAGE = Step(Command.END_OF_MESSAGE, _ALWAYS, _ALWAYS, macros="end_of_message")


def text(value: str) -> bytes:
    """A text as the protocol has it."""
    return value.replace("\0", "").encode("utf-8", "surrogateescape") + b"\0"


def of_client(stage: Connected) -> bytes:
    """Who connected: name, kind of address, port, address. A client on a socket of ours is here."""
    client = stage.client
    address = client.network_address
    try:
        family = b"6" if ip_address(address).version == 6 else b"4"
    except ValueError:  # a proxy did not say
        return text(client.name) + b"U"
    return text(client.name) + family + struct.pack("!H", client.port & 0xFFFF) + text(address)


def of_mail(stage: Began) -> bytes:
    """A reverse-path and its parameters."""
    envelope = stage.envelope
    words = [f"<{envelope.sender_text}>"]
    if stage.size:
        words.append(f"SIZE={stage.size}")
    if envelope.body is not BodyType.SEVEN_BIT:
        words.append(f"BODY={envelope.body.value}")
    if envelope.smtputf8:
        words.append("SMTPUTF8")
    if envelope.ret is not None:
        words.append(f"RET={envelope.ret.value}")
    if envelope.envid:
        words.append(f"ENVID={encode_xtext(envelope.envid)}")
    return b"".join([text(word) for word in words])


def of_recipient(recipient: Recipient) -> bytes:
    """A forward-path and its parameters."""
    words = [f"<{recipient.address}>"]
    if recipient.notify is not None:
        named = [each.name or "" for each in Notify if each in recipient.notify]
        words.append(f"NOTIFY={','.join(named) or 'NEVER'}")
    if recipient.orcpt:
        kind, _, address = recipient.orcpt.partition(";")
        words.append(f"ORCPT={kind};{encode_xtext(address)}")
    return b"".join([text(word) for word in words])


def of_field(field: Field, *, leading_blank: bool) -> bytes:
    """A field of the header: folds are ended by LF alone, as Sendmail has it.

    Args:
        field: the field.
        leading_blank: whether the blank behind the colon is told; else one blank is left out.

    Returns:
        Name and value; what is over `LONGEST_FIELD` is cut off.
    """
    name = field.octets.partition(b":")[0].rstrip(b" \t")[:LONGEST_FIELD]
    value = field.value.replace(b"\r\n", b"\n").replace(b"\0", b"")
    if not leading_blank:
        value = value.removeprefix(b" ")
    return name + b"\0" + value[: LONGEST_FIELD - len(name)] + b"\0"
