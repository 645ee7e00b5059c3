"""A header section while a milter changes it.

A message may have tens of thousands of fields, and a milter may want each of them changed: so the
fields of a name are found by an index of names, and a field that is removed leaves a hole, which is
closed when the next one is inserted by number.
"""

from __future__ import annotations

from postroad.model.fields import Field

__all__ = ["ChangingHeader"]


class _Row:
    """A place for a field; the field is `None` once it is removed."""

    __slots__ = ("field",)

    def __init__(self, field: Field) -> None:
        self.field: Field | None = field


class ChangingHeader:
    """One, made for the first change of a message."""

    __slots__ = ("_above", "_has_holes", "_named", "_ours", "_rows")

    def __init__(self, fields: tuple[Field, ...], ours: Field | None, above: int) -> None:
        """As it came.

        Args:
            fields: all.
            ours: our Received field among them, which has no number; `None`: there is none.
            above: how many we wrote above it ourselves; nothing is inserted above these.
        """
        self._above = above
        self._rows = [_Row(field) for field in fields]
        self._ours = next((row for row in self._rows if row.field is ours), None)
        self._named: dict[str, list[_Row]] | None = None
        self._has_holes = False

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields as they are by now."""
        return tuple([row.field for row in self._rows if row.field is not None])

    def add(self, field: Field) -> None:
        """Put a field at the end."""
        row = _Row(field)
        self._rows.append(row)
        if self._named is not None:
            self._named.setdefault(field.key, []).append(row)

    def insert(self, index: int, field: Field) -> None:
        """Put a field into the header.

        Args:
            index: how many it is to stand below, our Received field among them, but not what we
                wrote above that.
            field: the field.
        """
        if self._has_holes:
            self._rows = [row for row in self._rows if row.field is not None]
            self._has_holes = False
        # A milter may have removed what we wrote.
        most = 0 if self._ours is None else self._rows.index(self._ours)
        self._rows.insert(min(self._above, most) + index, _Row(field))
        self._named = None  # which of its name it is by now, the next change finds out

    def replace(self, key: str, number: int, field: Field | None) -> bool:
        """Put another field in the place of one, or remove it.

        Args:
            key: its name in lower case.
            number: which of that name, from 1; 0 is the first too.
            field: the other one, of the same name; `None`: it is removed.

        Returns:
            Whether there was one.
        """
        named = self._index().get(key, [])
        at = max(number, 1) - 1
        if at >= len(named):
            return False
        named[at].field = field
        if field is None:
            del named[at]
            self._has_holes = True
        return True

    def _index(self) -> dict[str, list[_Row]]:
        if self._named is None:
            self._named = {}
            for row in self._rows:
                if row.field is not None and row is not self._ours:
                    self._named.setdefault(row.field.key, []).append(row)
        return self._named
