"""The packets, as another implementation of the protocol reads them; and hostile ones."""

from __future__ import annotations

import struct
from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kilter.protocol import messages
from kilter.protocol.buffer import SimpleBuffer
from kilter.protocol.core import FilterProtocol

from postroad.filters.milter import steps
from postroad.filters.milter.answers import change, verdict
from postroad.filters.milter.negotiation import agreed, offer
from postroad.filters.milter.packets import LONGEST, Command, Garbage, Packet, packet, size_of
from postroad.filters.stages import Began, Connected
from postroad.model import Address, BodyType, Client, Endpoint, Envelope, Notify, Recipient, Return
from postroad.model.fields import Field

CLIENT = Client("192.0.2.7", 4711, "peer.example", "peer.example")
CONNECTED = Connected(CLIENT, Endpoint("198.51.100.1", 25), "mx", trusted=False)


def read(*octets: bytes) -> list[messages.Message]:
    """What another implementation, on the milter's side, makes of packets."""
    buffer = SimpleBuffer(100_000)
    buffer[:] = b"".join(octets)
    protocol = FilterProtocol()
    found = []
    for message in protocol.read_from(buffer):
        freeze = getattr(message, "freeze", None)
        if freeze is not None:
            freeze()
        found.append(message)
        protocol.state = None  # each is answered
    assert not buffer.filled
    return found


def test_another_implementation_understands_them() -> None:
    sender = Envelope(Address("ann", "example.com"), body=BodyType.EIGHT_BIT_MIME)
    told = read(
        offer(6),
        packet(Command.MACRO, b"Cj\0mail.example.org\0"),
        packet(Command.CONNECT, steps.of_client(CONNECTED)),
        packet(Command.HELO, steps.text("peer.example")),
        packet(Command.MAIL, steps.of_mail(Began(sender, None, 99))),
        packet(Command.RCPT, steps.of_recipient(Recipient(Address("john", "example.org")))),
        packet(Command.DATA),
        packet(Command.HEADER, steps.of_field(Field(b"To: a,\r\n b\r\n"), leading_blank=True)),
        packet(Command.END_OF_HEADER),
        packet(Command.BODY, b"body\r\n"),
        packet(Command.END_OF_MESSAGE),
        packet(Command.ABORT),
        packet(Command.QUIT),
    )

    assert [type(each).__name__ for each in told] == [
        *("Negotiate", "Macro", "Connect", "Helo", "EnvelopeFrom", "EnvelopeRecipient", "Data"),
        *("Header", "EndOfHeaders", "Body", "EndOfMessage", "Abort", "Close"),
    ]
    assert told[2] == messages.Connect("peer.example", IPv4Address("192.0.2.7"), 4711)
    assert told[4] == messages.EnvelopeFrom(b"<ann@example.com>", [b"SIZE=99", b"BODY=8BITMIME"])
    assert told[7] == messages.Header("To", b" a,\n b")


@pytest.mark.parametrize(
    ("client", "told"),
    [
        (Client("2001:db8::1", 25), b"unknown\x006\0\x192001:db8::1\0"),
        (Client("local", 0), b"unknown\x004\x00\x00" + b"127.0.0.1\0"),
        (Client("unknown", 0), b"unknown\0U"),
    ],
)
def test_clients(client: Client, told: bytes) -> None:
    assert steps.of_client(CONNECTED._replace(client=client)) == told


def test_parameters() -> None:
    envelope = Envelope(None, smtputf8=True, ret=Return.HEADERS, envid="a b")
    recipient = Recipient(Address("j", "example.org"), Notify.NEVER, "rfc822;j+x@example.org")

    assert steps.of_mail(Began(envelope, None)) == b"<>\0SMTPUTF8\0RET=HDRS\0ENVID=a+20b\0"
    assert steps.of_recipient(recipient) == (
        b"<j@example.org>\0NOTIFY=NEVER\0ORCPT=rfc822;j+2Bx@example.org\0"
    )


@given(st.binary(min_size=1, max_size=200))
def test_any_packet_is_a_value_or_garbage(octets: bytes) -> None:
    came = Packet(octets)
    for reading in (change, verdict):
        with suppress(Garbage):
            assert reading(came) is None or octets[:1] in b"cadrt4fspyhime+2-bq"


@given(st.binary(max_size=60))
def test_any_negotiation_is_an_agreement_or_garbage(octets: bytes) -> None:
    with suppress(Garbage):
        assert 2 <= agreed(octets, 6).version <= 6


@pytest.mark.parametrize("size", [0, LONGEST + 1, 0xFFFF_FFFF])
def test_lengths_are_bounded(size: int) -> None:
    with pytest.raises(Garbage):
        size_of(struct.pack("!I", size))
