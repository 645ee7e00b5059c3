"""The table of parameters as docs/adopt.md shows it."""

from __future__ import annotations

from collections.abc import Iterator

from postroad.adopt.postfix.parameters import MISSING, NEEDLESS, SIMPLE, TRANSLATED

__all__ = ["parameter_rows"]


def parameter_rows() -> Iterator[str]:
    """The lines of the table, by the parameter's name, without its head."""
    rows: dict[str, tuple[str, str]] = {}
    for name, simple in SIMPLE.items():
        section, _, key = simple.key.rpartition(".")
        rows[name] = ("translated", f"`[{section}] {key}`")
    rows |= {name: ("translated", words) for name, words in TRANSLATED.items()}
    rows |= {name: ("not needed", words) for name, words in NEEDLESS.items()}
    for name, lack in MISSING.items():
        verdict = "unsupported" if lack.matters else "unsupported, of little weight"
        rows[name] = (verdict, f"{lack.words}{f'; {lack.todo}' if lack.todo else ''}")
    for name in sorted(rows):
        verdict, words = rows[name]
        yield f"| `{name}` | {verdict} | {words} |"
