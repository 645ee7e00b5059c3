"""What a milter wants changed, done to a message as Postfix would do it.

Our own Received field is not a milter's business: it is not shown, and fields to be changed are
counted without it. Where a field is to be inserted it does count: index 0 is above it, 1 below.
Sendmail and Postfix have it so, and signing milters rely on it. What we wrote above it ourselves
(results of verification) stays above.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from postroad.filters.milter.answers import Change, ChangeKind
from postroad.filters.milter.growing_body import GrowingBody
from postroad.filters.milter.header import ChangingHeader
from postroad.filters.milter.packets import Garbage
from postroad.model import Address, AddressError, Notify, Recipient
from postroad.model.fields import Field, Fields
from postroad.model.letter import Letter, Opinion
from postroad.model.printable import printable
from postroad.smtp.xtext import decode_xtext
from postroad.spool import Aside

__all__ = ["Changing", "shown_fields"]

LONGEST_WHY = 200
"""Characters of a reason for quarantine; it is kept with the message, and shown in lists."""

_NAME = re.compile(rb"[!-9;-~]{1,998}\Z")  # RFC 5322 §2.2, and §2.1.1
_TRACE = "received"


def shown_fields(letter: Letter) -> list[Field]:
    """The fields of a message that milters see: all but our own Received field."""
    ours = _ours(letter)
    return [field for field in letter.fields if field is not ours]


def _ours(letter: Letter) -> Field | None:
    """Our own Received field: a filter before this one may have put another above it."""
    trace = letter.trace
    if trace:
        return next((each for each in letter.fields if each.octets == trace), None)
    return letter.fields.first(_TRACE)


class Changing:
    """A message that is being changed."""

    __slots__ = (
        "_aside",
        "_blank",
        "_body",
        "_done",
        "_header",
        "_hold",
        "_keys",
        "_letter",
        "_origin",
        "_people",
        "_sender",
    )

    def __init__(
        self,
        letter: Letter,
        origin: str,
        *,
        leading_blank: bool,
        aside: Callable[[], Aside] | None = None,
    ) -> None:
        """Nothing is changed yet.

        Args:
            letter: the message.
            origin: the domain of addresses without one.
            leading_blank: whether values of fields begin with the blank that follows the colon.
            aside: makes room for a large new body; `None`: there is none.
        """
        self._aside = aside
        self._letter = letter
        self._origin = origin
        self._blank = b"" if leading_blank else b" "
        self._header: ChangingHeader | None = None
        self._body: GrowingBody | None = None
        self._people = list(letter.recipients)
        self._keys = {each.address.key for each in letter.recipients}
        self._sender: Address | None = letter.envelope.sender
        self._hold = ""
        self._done: dict[str, None] = {}

    @property
    def words(self) -> str:
        """What was changed, for an operator; empty: nothing was."""
        return ", ".join(self._done)

    def make(self, change: Change) -> None:
        """Change something.

        Raises:
            Garbage: that cannot be.
        """
        kind = change.kind
        if kind is ChangeKind.REPLACE_BODY:
            if self._body is None:
                self._body = GrowingBody(self._aside)
                self._done["body replaced"] = None
            self._body.add(change.value)
        elif kind is ChangeKind.QUARANTINE:
            words = printable(" ".join(change.name.decode("utf-8", "replace").split()))
            self._hold = words[:LONGEST_WHY] or "quarantined"
            self._done["quarantined"] = None
        elif kind is ChangeKind.CHANGE_SENDER:
            self._change_sender(change)
        elif kind in _FIELDS:
            self._change_field(change)
        else:
            self._change_recipients(change)

    @property
    def is_large(self) -> bool:
        """Whether `put_away` is to be called before anything else is changed."""
        return self._body is not None and self._body.is_large

    async def put_away(self) -> None:
        """Put aside what memory is not to hold.

        Raises:
            SpoolError: there is no room for it.
        """
        if self._body is not None:
            await self._body.put_away()

    async def opinion(self) -> Opinion:
        """What is to become of the message.

        Raises:
            SpoolError: there is no room for a new body.
        """
        letter = self._letter
        came = tuple(letter.fields)
        fields = came if self._header is None else self._header.fields
        people = tuple(self._people)
        same_sender = self._sender == letter.envelope.sender
        return Opinion(
            hold=self._hold,
            fields=None if fields == came else Fields(fields),
            body=None if self._body is None else await self._body.content(),
            envelope=None if same_sender else replace(letter.envelope, sender=self._sender),
            recipients=None if people == letter.recipients else people,
        )

    def _change_field(self, change: Change) -> None:
        if not _NAME.match(change.name):
            raise Garbage(f"a field whose name is none: {change.name[:80]!r}")
        name = change.name.decode("ascii")
        if self._header is None:
            letter = self._letter
            self._header = ChangingHeader(tuple(letter.fields), _ours(letter), letter.above)
        header, kind, done = self._header, change.kind, "added"
        if kind is ChangeKind.INSERT_FIELD:
            header.insert(change.index, self._field(change))
        elif kind is ChangeKind.ADD_FIELD:
            header.add(self._field(change))
        elif not change.value:
            if not header.replace(name.lower(), change.index, None):
                return
            done = "removed"
        else:
            field = self._field(change)
            if header.replace(name.lower(), change.index, field):
                done = "changed"
            else:  # Postfix adds what there is none of
                header.add(field)
        self._done[f"{name} {done}"] = None

    def _field(self, change: Change) -> Field:
        """A field of a milter's: its lines are ended by LF, and what follows a fold is indented."""
        lines = [line for line in re.split(rb"[\r\n]+", change.value) if line.strip(b" \t")]
        first = lines[0] if lines else b""
        rest = [line if line[:1] in (b" ", b"\t") else b"\t" + line for line in lines[1:]]
        octets = b"\r\n".join([change.name + b":" + self._blank + first, *rest])
        return Field(octets + b"\r\n")

    def _change_sender(self, change: Change) -> None:
        text = _bare(change.name)
        self._sender = self._address(text) if text else None
        self._done[f"sender is <{text}> now"] = None

    def _change_recipients(self, change: Change) -> None:
        address = self._address(_bare(change.name))
        if change.kind is ChangeKind.REMOVE_RECIPIENT:
            left = [each for each in self._people if each.address.key != address.key]
            if len(left) < len(self._people):
                self._done[f"recipient <{address}> removed"] = None
            self._people = left
            self._keys.discard(address.key)
        elif address.key not in self._keys:
            self._keys.add(address.key)
            self._people.append(Recipient(address, _notify(change.value), _original(change.value)))
            self._done[f"recipient <{address}> added"] = None

    def _address(self, text: str) -> Address:
        if "@" not in text and text:
            text = f"{text}@{self._origin}"
        if "\ufffd" in text:
            raise Garbage(f"an address that is no UTF-8: {text[:80]!r}")
        try:
            return Address.parse(text)
        except AddressError as error:
            raise Garbage(f"an address that is none ({error}): {text[:80]!r}") from None


_FIELDS = frozenset({ChangeKind.ADD_FIELD, ChangeKind.INSERT_FIELD, ChangeKind.CHANGE_FIELD})


def _bare(octets: bytes) -> str:
    """An address without its angle brackets."""
    return octets.decode("utf-8", "replace").strip().removeprefix("<").removesuffix(">")


def _notify(parameters: bytes) -> Notify | None:
    """NOTIFY of the parameters of a recipient (RFC 3461 §4.1); one that means nothing is left out.

    Of the parameters, Postfix takes this one and ORCPT.
    """
    found = re.search(rb"(?i)(?:^| )NOTIFY=([A-Z,]+)(?: |\Z)", parameters)
    words = found[1].decode().upper().split(",") if found is not None else []
    if words == ["NEVER"]:
        return Notify.NEVER
    if not words or not all(word in _NOTIFY for word in words):
        return None
    notify = Notify.NEVER
    for word in words:
        notify |= _NOTIFY[word]
    return notify


def _original(parameters: bytes) -> str:
    """ORCPT of them, decoded (RFC 3461 §4.2); empty: there is none that means something."""
    found = re.search(rb"(?i)(?:^| )ORCPT=([A-Za-z0-9-]{1,50});([!-~]{1,400})(?: |\Z)", parameters)
    if found is None:
        return ""
    kind, address = found[1].decode(), decode_xtext(found[2].decode())
    return f"{kind};{address}" if address and address.isascii() else ""


_NOTIFY: dict[str, Notify] = {each.name or "": each for each in Notify if each.name}
