"""A report from XML that a stranger wrote (RFC 7489 appendix C, RFC 9990 appendix A). Pure.

Theory of operation. The text is read as it comes, piece by piece, and nothing of it is kept but
rows, of which those that are alike are one (`records`). So neither the length of a report nor the
number of its records decides how much memory is used, and time grows with the length alone:
elements, depth and the length of a single token have bounds, and what no report has is not even
named. A document type is refused as soon as it begins: without one there are no entities, and
nothing that could grow.

What is needed has to be there: who reports, since when, about which domain. Names of elements are
compared without regard to case, and namespaces to nothing: those of real reports are missing or
wrong more often than not. What belongs to extensions is not looked at. A record without an address
or with a count that is none is left out and counted as such; whatever else is missing in it is not
known, and all the rest of the report counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.parsers import expat

from postroad.reports.arrival import Malformed
from postroad.reports.dmarc.decoding import utf8
from postroad.reports.dmarc.feedback import Feedback, PublishedPolicy, Reason
from postroad.reports.dmarc.records import MOST_RESULTS, Record, Rows
from postroad.reports.dmarc.values import MOST_TEXT, domain_of, line, moment, word

__all__ = ["Allowance", "parse"]

MOST_XML = 67_108_864
"""Octets of a report, unpacked: 100,000 records of the most talkative receivers."""

MOST_ELEMENTS = 3_000_000
"""Elements of a report, and attributes, at about a microsecond each, with what some of them count
for besides: 100,000 records have nine tenths of that."""

DEEPEST = 16
"""Elements in elements. The standard has five, extensions may have more."""

OF_RECORD = 4
"""Elements that a record counts for beside its own: it becomes a row, which takes as long."""

OF_ROW = 8
"""The same of each row in it: an address takes longest of all."""

OF_ELEMENT = 8
"""Characters of a text that is not printable which count for one: each of them is looked at."""

STRANGERS = 5
"""The part of all those, one of so many, for mail of an author who is proved: that is anybody with
a domain. It is a second at most, and has room for 20,000 records. An operator may have longer ones
read from the mail itself (`postroad dmarc reports`)."""

NOBODYS = 10
"""The same for mail that proves no author, of which anybody can send any number. It is half a
second at most, and has room for 10,000 records."""

LONGEST_TOKEN = 131_072
"""Octets of a single tag, comment or the like: the parser looks at an unfinished one again and
again."""

_MOST_ERRORS = 5


@dataclass(slots=True)
class Allowance:
    """What may be read yet, of all reports in one mail together.

    Attributes:
        octets: of XML.
        elements: in it.
        whose: the mail it holds for, in words; empty: any.
    """

    octets: int = MOST_XML
    elements: int = MOST_ELEMENTS
    whose: str = ""

    @classmethod
    def of_stranger(cls) -> Allowance:
        """For mail whose author is proved."""
        return cls(MOST_XML // STRANGERS, MOST_ELEMENTS // STRANGERS, "mail")

    @classmethod
    def of_nobody(cls) -> Allowance:
        """For mail whose author nobody has proved."""
        words = "mail that proves no author"
        return cls(MOST_XML // NOBODYS, MOST_ELEMENTS // NOBODYS, words)


def parse(pieces: Iterable[bytes], allowance: Allowance | None = None) -> Feedback:
    """The report.

    Args:
        pieces: XML in any pieces.
        allowance: what may be read; what was is taken from it.

    Raises:
        Malformed: it is none, or longer than may be read.
    """
    allowance = allowance or Allowance()
    reader = _Reader(allowance.elements, allowance.whose)
    try:
        _read(_counted(pieces, allowance), reader)
    finally:
        allowance.elements = reader.elements_left
    return reader.feedback()


def _counted(pieces: Iterable[bytes], allowance: Allowance) -> Iterator[bytes]:
    for piece in pieces:
        allowance.octets -= len(piece)
        if allowance.octets < 0:
            whose = f" of {allowance.whose}" if allowance.whose else ""
            raise Malformed(f"unpacked it is longer than may be read{whose}")
        yield piece


def _read(pieces: Iterable[bytes], reader: _Reader) -> None:
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.ordered_attributes = True  # nobody looks at them: a list is the cheapest
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    fed = 0
    try:
        for piece in utf8(pieces):
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > LONGEST_TOKEN:
                raise Malformed("one piece of its text has no end")
        if not fed:
            raise Malformed("it is empty")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        words = expat.errors.messages.get(error.code, "no XML")
        at = parser.ErrorByteIndex  # it has one line only: see `decoding`
        raise Malformed(f"it is no XML: {words}, at octet {at}") from None


def _no_doctype(*_: object) -> None:
    raise Malformed("it has a document type, which no report has")


# Elements ----------------------------------------------------------------------------------------


class _Reader:
    """Takes what the parser finds."""

    def __init__(self, elements: int, whose: str) -> None:
        self.elements_left = elements
        self._whose = f" for {whose}" if whose else ""
        self._prefix = ""
        self._path: list[_Place] = []
        self._text: str | None = None
        self._values: dict[str, str] = {}
        self._errors: list[str] = []
        self._one: dict[str, str] = {}
        self._row: dict[str, str] = {}
        self._reasons: list[Reason] = []
        self._record = Record()
        self._rows = Rows()

    # What the parser calls

    def start(self, name: str, attributes: Sequence[str]) -> None:
        path = self._path
        self.elements_left -= 1 + len(attributes) // 2
        if self.elements_left < 0 or len(path) >= DEEPEST:
            words = "it has too many elements, or too many in one another"
            raise Malformed(f"{words}{self._whose}")
        if not path:
            prefix, colon, local = name.rpartition(":")
            self._prefix = prefix + colon
            if local.lower() != "feedback":
                raise Malformed(f"it is XML, but no report on DMARC: it begins with {line(name)}")
            path.append(_FEEDBACK)
            return
        place = path[-1].below.get(name) or self._place(path[-1], name)
        path.append(place)
        self._text = None if place.leaf is None else ""
        if place.begin is not None:
            place.begin(self)

    def _place(self, above: _Place, name: str) -> _Place:
        """What an element is whose name is written otherwise, or that no report has."""
        if above is _NOWHERE or len(name) > MOST_TEXT:
            return _NOWHERE
        return above.below.get(name.removeprefix(self._prefix).lower(), _NOWHERE)

    def text(self, text: str) -> None:
        held = self._text
        if held:
            self._text = held + text[: MOST_TEXT - len(held)]
        elif held is not None:
            self._text = text.lstrip()[:MOST_TEXT]

    def end(self, _: str) -> None:
        place = self._path.pop()
        found, self._text = self._text, None
        if place.leaf is not None:
            if found is not None:
                place.leaf(self, place.name, self._line(found))
        elif place.end is not None:
            place.end(self)

    def _line(self, text: str) -> str:
        if not text.isprintable():  # each character of it is looked at
            self.elements_left -= len(text) // OF_ELEMENT
        return line(text)

    # What is done with it

    def set_value(self, name: str, text: str) -> None:
        self._values.setdefault(name, text)

    def set_policy(self, name: str, text: str) -> None:
        self._values.setdefault(f"policy {name}", text)

    def add_error(self, _: str, text: str) -> None:
        if text and len(self._errors) < _MOST_ERRORS:
            self._errors.append(text)

    def set_row(self, name: str, text: str) -> None:
        self._row[name] = text

    def set_one(self, name: str, text: str) -> None:
        self._one[name] = text

    def set_identifier(self, name: str, text: str) -> None:
        self._record.identifiers[name] = domain_of(text)

    def begin_record(self) -> None:
        self.elements_left -= OF_RECORD
        self._record = Record()

    def begin_row(self) -> None:
        self.elements_left -= OF_ROW
        self._row, self._reasons = {}, []

    def begin_one(self) -> None:
        self._one = {}

    def end_reason(self) -> None:
        kind = self._one.get("type", "").lower()
        reason = Reason(kind, self._one.get("comment", ""))
        if any(reason) and len(self._reasons) < MOST_RESULTS:
            self._reasons.append(reason)

    def end_row(self) -> None:
        self._record.add_row(self._row, self._reasons)

    def end_dkim(self) -> None:
        self._record.add_signature(self._one)

    def end_spf(self) -> None:
        self._record.add_sender(self._one)

    def end_record(self) -> None:
        self._rows.add(self._record)

    def feedback(self) -> Feedback:
        """All of it, once it has ended."""
        values = self._values
        contact = values.get("email", "")
        organization = values.get("org_name", "") or domain_of(contact.rpartition("@")[2])
        if not organization:
            raise Malformed("it does not say who reports")
        domain = domain_of(values.get("policy domain", "")) or self._rows.only_author
        if not domain:
            raise Malformed("it does not say about which domain")
        begins = moment(values.get("begin", ""))
        if begins is None:
            raise Malformed("it does not say about which time")
        published = PublishedPolicy(
            domain, *[word(values.get(f"policy {name}", "")) for name in _POLICY[1:]]
        )
        return Feedback(
            organization,
            contact,
            values.get("report_id", "") or f"{domain}!{begins}",
            begins,
            max(begins, moment(values.get("end", "")) or 0),
            published,
            self._rows.named(domain),
            self._rows.records,
            self._rows.skipped,
            tuple(self._errors),
        )


_POLICY = (
    "domain",
    "p",
    "sp",
    "np",
    "pct",
    "testing",
    "adkim",
    "aspf",
    "fo",
    "discovery_method",
)
_IDENTIFIERS = ("header_from", "envelope_from", "envelope_to")

_LEAVES: Mapping[str, Callable[[_Reader, str, str], None]] = {
    **{
        f"/report_metadata/{name}": _Reader.set_value for name in ("org_name", "email", "report_id")
    },
    "/report_metadata/error": _Reader.add_error,
    "/report_metadata/date_range/begin": _Reader.set_value,
    "/report_metadata/date_range/end": _Reader.set_value,
    **{f"/policy_published/{name}": _Reader.set_policy for name in _POLICY},
    "/record/row/source_ip": _Reader.set_row,
    "/record/row/count": _Reader.set_row,
    **{
        f"/record/row/policy_evaluated/{name}": _Reader.set_row
        for name in ("disposition", "dkim", "spf")
    },
    "/record/row/policy_evaluated/reason/type": _Reader.set_one,
    "/record/row/policy_evaluated/reason/comment": _Reader.set_one,
    **{f"/record/identifiers/{name}": _Reader.set_identifier for name in _IDENTIFIERS},
    # What early drafts called it.
    **{f"/record/identities/{name}": _Reader.set_identifier for name in _IDENTIFIERS},
    **{
        f"/record/auth_results/dkim/{name}": _Reader.set_one
        for name in ("domain", "selector", "result")
    },
    **{
        f"/record/auth_results/spf/{name}": _Reader.set_one
        for name in ("domain", "scope", "result")
    },
}
_BEGIN: Mapping[str, Callable[[_Reader], None]] = {
    "/record": _Reader.begin_record,
    "/record/row": _Reader.begin_row,
    "/record/row/policy_evaluated/reason": _Reader.begin_one,
    "/record/auth_results/dkim": _Reader.begin_one,
    "/record/auth_results/spf": _Reader.begin_one,
}
_END: Mapping[str, Callable[[_Reader], None]] = {
    "/record": _Reader.end_record,
    "/record/row": _Reader.end_row,
    "/record/row/policy_evaluated/reason": _Reader.end_reason,
    "/record/auth_results/dkim": _Reader.end_dkim,
    "/record/auth_results/spf": _Reader.end_spf,
}


class _Place:
    """An element that is looked at, or that has such in it; what no report has is all the same."""

    __slots__ = ("begin", "below", "end", "leaf", "name")

    def __init__(self, path: str) -> None:
        self.name = path.rpartition("/")[2]
        self.leaf, self.begin, self.end = _LEAVES.get(path), _BEGIN.get(path), _END.get(path)
        self.below: dict[str, _Place] = {}


def _feedback() -> _Place:
    feedback = _Place("")
    for path in (*_LEAVES, *_END):
        place, names = feedback, path.split("/")
        for depth, name in enumerate(names[1:], 2):
            place = place.below.setdefault(name, _Place("/".join(names[:depth])))
    return feedback


_FEEDBACK = _feedback()
_NOWHERE = _Place("?")
