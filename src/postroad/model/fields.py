"""The header section of a message as a row of fields (RFC 5322 §2.2), octet for octet.

Signatures are about octets, and so is what filters say is to be changed: a field is kept as it
came, folded as it was, and a change makes a new row. Names are compared without regard to case.
Nothing here decodes a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["Field", "Fields"]

# A field ends with a line end that no blank follows.
_FIELD = re.compile(rb"[^\r\n][^\r]*(?:\r(?!\n)[^\r]*|\r\n[ \t][^\r]*)*\r\n")
_FOLDS = re.compile(rb"\r\n(?=[ \t])")


class Field:
    """One field, with its line end."""

    __slots__ = ("key", "octets")

    def __init__(self, octets: bytes) -> None:
        """A field.

        Args:
            octets: all of it, folded as it is, with the CRLF at its end.
        """
        self.octets = octets
        name = octets.partition(b":")[0]
        self.key = name.strip(b" \t").lower().decode("ascii", "replace")
        """Its name in lower case."""

    @property
    def name(self) -> str:
        """Its name as it is spelt."""
        return self.octets.partition(b":")[0].strip(b" \t").decode("ascii", "replace")

    @property
    def value(self) -> bytes:
        """What follows the colon, with folds, without the last line end."""
        return self.octets.partition(b":")[2].removesuffix(b"\r\n")

    @property
    def text(self) -> str:
        """The value in one line, without the blanks around it; what is no UTF-8 is replaced."""
        return _FOLDS.sub(b"", self.value).decode("utf-8", "replace").strip()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and other.octets == self.octets

    def __hash__(self) -> int:
        return hash(self.octets)

    def __repr__(self) -> str:
        return f"Field({self.octets!r})"


class Fields:
    """A header section: fields in order. It does not change; every change makes another one."""

    __slots__ = ("_fields",)

    def __init__(self, fields: tuple[Field, ...] = ()) -> None:
        self._fields = fields

    @classmethod
    def of(cls, octets: bytes) -> Fields:
        """The fields of a header section.

        Args:
            octets: field lines, each with its CRLF; the blank line is not among them.

        Raises:
            ValueError: the last line has no end; it would be lost without a word.
        """
        if octets and not octets.endswith(b"\r\n"):
            raise ValueError("a header section ends with a line end")
        return cls(tuple([Field(found) for found in _FIELD.findall(octets)]))

    @property
    def octets(self) -> bytes:
        """The section's lines."""
        return b"".join([field.octets for field in self._fields])

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def named(self, name: str) -> tuple[Field, ...]:
        """The fields of a name, from the top."""
        key = name.lower()
        return tuple([field for field in self._fields if field.key == key])

    def first(self, name: str) -> Field | None:
        """The uppermost field of a name."""
        found = self.named(name)
        return found[0] if found else None

    def without(self, name: str) -> Fields:
        """All fields but those of a name."""
        key = name.lower()
        return Fields(tuple([field for field in self._fields if field.key != key]))

    def above(self, *octets: bytes) -> Fields:
        """With more fields at the top, in this order; each with its line end."""
        return Fields((*[Field(each) for each in octets], *self._fields))

    def below(self, *octets: bytes) -> Fields:
        """With more fields at the end."""
        return Fields((*self._fields, *[Field(each) for each in octets]))

    def inserted(self, index: int, octets: bytes) -> Fields:
        """With a field before the one at `index`, from 0; at the end where there are fewer."""
        at = max(0, min(index, len(self._fields)))
        return Fields((*self._fields[:at], Field(octets), *self._fields[at:]))

    def replaced(self, old: Field, octets: bytes | None) -> Fields:
        """With one of its fields, this very one, replaced; `None`: removed."""
        instead = () if octets is None else (Field(octets),)
        row: list[Field] = []
        for field in self._fields:
            if field is old:
                row.extend(instead)
            else:
                row.append(field)
        return Fields(tuple(row))
