"""A message with 8-bit parts, turned into one of 7 bits on its way out (RFC 6152 §3).

For next hops without 8BITMIME. A pure machine: octets in, octets out; it knows neither connections
nor stored messages, and holds no more than one line's beginning, the fields it needs and a stack of
boundaries, each with a named limit.

Theory of operation. It goes through the message line by line, as Postfix's mime_state does, and
changes what Postfix changes:

- a leaf whose Content-Transfer-Encoding is `8bit` or `binary` becomes quoted-printable. Whatever
  octets it has, decoding gives them back;
- a multipart or a message/rfc822 that says so becomes `7bit`, and its parts are gone through in
  turn (RFC 2045 §6.4: nothing else is allowed there). Boundaries stay;
- the new field is the last one of its header section, for only there the type is known;
- where the header section of an encoded part ends without an empty line, one is put there, for its
  first line could look like a field once it is encoded. Postfix leaves that to chance.

All else goes as it is, octet by octet. So octets over 127 remain where nobody announced them: in
header fields, in text without MIME fields, in parts that are labelled `7bit`. No charset is known
there, and Postfix sends those as well.

Where it differs from Postfix: message/delivery-status and its like are never encoded (RFC 2046
§5.2 forbids it; Postfix encodes them and labels them `7bit`), the message/global family always is
(RFC 6533 allows it), and a line that is one boundary exactly is not taken for a shorter one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroad.delivery.mime_fields import Kind, content_type, takes_eight_bits
from postroad.delivery.quoted_printable import QuotedPrintable

__all__ = ["Downgrade", "NestedTooDeeply"]

NESTING_LIMIT = 102
"""Multiparts within each other: as many as Postfix takes. Its mime_nesting_limit (100) is
exceeded by the 103rd. Nobody writes ten."""

BOUNDARY_LIMIT = 2048
"""Octets of a boundary that are compared, as Postfix's mime_boundary_length_limit; RFC 2046 §5.1.1
allows 70."""

START_LIMIT = 4096
"""Octets of a line that are looked at together: more than any delimiter has. The rest of a longer
line is passed on, or encoded, as it comes."""

FIELD_LIMIT = 102_400
"""Octets of a Content-Type or Content-Transfer-Encoding that are read, as Postfix's
header_size_limit. What lies behind says nothing to us."""

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_TYPE = b"content-type"
_ENCODING = b"content-transfer-encoding"
_CRLF = b"\r\n"


class NestedTooDeeply(Exception):
    """There are more multiparts within each other than are gone through."""

    def __init__(self) -> None:
        super().__init__("MIME nesting exceeds safety limit")


@dataclass(frozen=True, slots=True)
class _Multipart:
    boundary: bytes
    parts: Kind


class Downgrade:
    """Converts one message."""

    __slots__ = (
        "_boundaries",
        "_eight_bit",
        "_encoder",
        "_field",
        "_held",
        "_in_field",
        "_in_header",
        "_in_line",
        "_kind",
        "_out",
        "_stack",
        "_tail",
        "_text",
        "_withheld",
    )

    def __init__(self) -> None:
        self._held = b""  # of the input: the beginning of a line, or a CR
        self._in_line = False  # whether a line longer than START_LIMIT goes on
        self._out: list[bytes] = []
        self._in_header = True
        self._in_field = False  # whether a line that begins with a blank continues a field
        self._field = b""  # the name of one that is read; empty: it only passes through
        self._text = bytearray()  # what was read of it
        self._withheld = False  # whether it waits for that, and is then dropped perhaps
        self._kind = Kind.LEAF
        self._eight_bit = False  # whether the entity's encoding is 8bit or binary
        self._stack: list[_Multipart] = []
        self._boundaries: tuple[bytes, ...] = ()
        self._encoder = QuotedPrintable()
        self._tail = b""  # the last two octets that were sent

    def feed(self, chunk: bytes) -> bytes:
        """What can be sent after this chunk; its end may fall anywhere.

        Raises:
            NestedTooDeeply: the message cannot be converted.
        """
        data = self._held + chunk
        at = 0
        while True:
            end = data.find(_CRLF, at)
            if not self._in_line and (end < 0 or end - at > START_LIMIT):
                if len(data) - at < START_LIMIT + len(_CRLF):
                    break  # whether the line is a long one cannot be said yet
                self._begin_line(data[at : at + START_LIMIT], b"")
                self._in_line = True
                at += START_LIMIT
            elif end < 0:
                end = len(data) - data.endswith(b"\r")
                self._go_on(data[at:end], b"")
                at = max(at, end)
                break
            else:
                (self._go_on if self._in_line else self._begin_line)(data[at:end], _CRLF)
                self._in_line = False
                at = end + len(_CRLF)
        self._held = data[at:]
        return self._sent()

    def end(self) -> bytes:
        """What is left to be sent at the end of the message.

        Raises:
            NestedTooDeeply: the message cannot be converted.
        """
        if self._in_line:
            self._go_on(self._held, b"")
        elif self._held:
            self._begin_line(self._held, b"")
        self._held = b""
        if self._in_header:
            self._end_field()
            self._end_last_line()
            self._end_header()
        elif self._eight_bit:
            self._out.append(self._encoder.end_line())
        return self._sent()

    def _end_last_line(self) -> None:
        """Give the last line of a message without a body its end, if a field is to follow."""
        tail = (self._tail + b"".join(self._out))[-len(_CRLF) :]
        if self._eight_bit and tail and tail != _CRLF:
            self._out.append(_CRLF)

    # Lines ---------------------------------------------------------------------------------------

    def _begin_line(self, text: bytes, end: bytes) -> None:
        """Take a line, or the beginning of one where `end` is empty."""
        if not self._in_header:
            self._body_line(text, end)
        elif self._in_field and text.startswith((b" ", b"\t")):
            self._read_field(text + end)
        else:
            self._end_field()
            found = _FIELD.match(text)
            if found is not None:
                self._begin_field(found[1].lower(), text + end)
            else:
                self._end_header()
                self._begin_body(text, end)

    def _go_on(self, text: bytes, end: bytes) -> None:
        """Take more of a long line, up to its end where it is there."""
        if self._in_header:
            self._read_field(text + end)
        else:
            self._write(text, end)

    def _write(self, text: bytes, end: bytes) -> None:
        if not self._eight_bit:
            self._out += (text, end)
            return
        self._out.append(self._encoder.feed(text))
        if end:
            self._out += (self._encoder.end_line(), end)

    def _sent(self) -> bytes:
        octets = b"".join(self._out)
        self._out.clear()
        self._tail = (self._tail + octets[-len(_CRLF) :])[-len(_CRLF) :]
        return octets

    # Header sections -----------------------------------------------------------------------------

    def _begin_field(self, name: bytes, line: bytes) -> None:
        self._in_field = True
        self._field = name if name in (_TYPE, _ENCODING) else b""
        self._withheld = name == _ENCODING
        self._read_field(line)

    def _read_field(self, octets: bytes) -> None:
        """Take more of a field; beyond the limit it is decided on as it stands."""
        if not self._withheld:
            self._out.append(octets)
        if self._field:
            self._text += octets
            if len(self._text) > FIELD_LIMIT:
                self._decide_field()

    def _end_field(self) -> None:
        if self._field:
            self._decide_field()
        self._in_field = self._withheld = False

    def _decide_field(self) -> None:
        """Go by what the field says. An encoding is sent on only where it may stay."""
        value = bytes(self._text[:FIELD_LIMIT]).partition(b":")[2]
        if self._field == _TYPE:
            self._go_by_type(value)
        else:
            said = takes_eight_bits(value)
            self._eight_bit = self._eight_bit if said is None else said
            if not self._eight_bit:
                self._out.append(bytes(self._text))
                self._withheld = False
        self._field = b""
        self._text.clear()

    def _go_by_type(self, value: bytes) -> None:
        said = content_type(value)
        if said is None:
            return
        self._kind = said.kind
        for boundary in said.boundaries:
            if len(self._stack) >= NESTING_LIMIT:
                raise NestedTooDeeply
            self._stack.append(_Multipart(boundary[:BOUNDARY_LIMIT], said.parts))
        self._boundaries = tuple(each.boundary for each in self._stack)

    def _end_header(self) -> None:
        """End a header section; the encoding it announces now comes last."""
        if not self._eight_bit:
            return
        encoding = b"quoted-printable" if self._kind is Kind.LEAF else b"7bit"
        self._out.append(b"Content-Transfer-Encoding: " + encoding + _CRLF)
        # RFC 2045 §6.4: what is encoded in a composite entity are its parts.
        self._eight_bit = self._kind is Kind.LEAF

    # Bodies --------------------------------------------------------------------------------------

    def _begin_body(self, text: bytes, end: bytes) -> None:
        """Take the line behind a header section, which should be empty."""
        self._in_header = False
        if text:
            if self._eight_bit:
                self._out.append(_CRLF)
            self._body_line(text, end)
            return
        self._out.append(_CRLF)
        if self._kind is Kind.MESSAGE:
            self._begin_header(Kind.LEAF)

    def _begin_header(self, kind: Kind) -> None:
        self._in_header, self._in_field = True, False
        self._kind, self._eight_bit = kind, False

    def _body_line(self, text: bytes, end: bytes) -> None:
        if self._stack and text.startswith(b"--") and text.startswith(self._boundaries, 2):
            self._pass_delimiter(text)
            self._out += (text, end)
        else:
            self._write(text, end)

    def _pass_delimiter(self, text: bytes) -> None:
        """Go on behind a delimiter: with a part, or with what follows the last one."""
        at = self._named_by(text)
        multipart = self._stack[at]
        if text.startswith(b"--", 2 + len(multipart.boundary)):
            del self._stack[at:]
            self._kind, self._eight_bit = Kind.LEAF, False
        else:
            del self._stack[at + 1 :]
            self._begin_header(multipart.parts)
        self._boundaries = tuple(each.boundary for each in self._stack)

    def _named_by(self, text: bytes) -> int:
        """Whose delimiter this is: the innermost that it is exactly, or that it begins with.

        Behind a boundary anything may follow (RFC 2046 §5.1.1).
        """
        line = text[2:].rstrip(b" \t")
        begun = [at for at, each in enumerate(self._boundaries) if line.startswith(each)]
        exact = [at for at in begun if line[len(self._boundaries[at]) :] in (b"", b"--")]
        return (exact or begun)[-1]
