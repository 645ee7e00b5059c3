"""The report: what became of each setting, worst first, as text and as JSON.

Text is for the operator, who reads what matters first and may stop where it gets dull. JSON has
the same findings in the same order.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from postroad.adopt.finding import Finding, Verdict, worst_first
from postroad.model.printable import printable

__all__ = ["findings_as_json", "report_text"]

WIDTH = 100
MAX_VALUE = 120
"""Characters of an old value that the report repeats."""

_GROUPS: tuple[tuple[str, str], ...] = (
    ("serious", "Not supported, and it matters"),
    ("mild", "Not supported, of little weight"),
    ("todo", "Translated, and something is left for you to do"),
    ("translated", "Translated"),
    ("needless", "Not needed"),
)


def report_text(findings: Sequence[Finding], heading: str = "") -> str:
    """The report as text.

    Args:
        findings: in any order.
        heading: said before them.
    """
    groups: dict[str, list[Finding]] = {name: [] for name, _ in _GROUPS}
    for finding in worst_first(dict.fromkeys(findings)):
        groups[_group(finding)].append(finding)
    lines = [*heading.splitlines(), ""] if heading else []
    lines += [f"{len(groups[name]):>5}  {title}" for name, title in _GROUPS]
    for name, title in _GROUPS:
        if groups[name]:
            lines += ["", title, "=" * len(title), ""]
            lines += [line for finding in groups[name] for line in _lines(finding)]
    return "\n".join(lines) + "\n"


def findings_as_json(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """The report as values that JSON has."""
    return [
        {
            "file": str(finding.file),
            "line": finding.line,
            "setting": finding.setting,
            "value": finding.value,
            "verdict": finding.verdict.value,
            "matters": finding.serious,
            "words": finding.words,
            "todo": finding.todo,
        }
        for finding in worst_first(dict.fromkeys(findings))
    ]


def _group(finding: Finding) -> str:
    if finding.verdict is Verdict.UNSUPPORTED:
        return "serious" if finding.matters else "mild"
    if finding.verdict is Verdict.NOT_NEEDED:
        return "needless"
    return "todo" if finding.todo else "translated"


def _lines(finding: Finding) -> Iterator[str]:
    value = finding.value
    if len(value) > MAX_VALUE:
        value = f"{value[: MAX_VALUE - 1]}…"
    said = f" = {value}" if value else ""
    yield printable(f"{finding.where}: {finding.setting}{said}")
    yield from _wrapped(finding.words)
    if finding.todo:
        yield from _wrapped(f"To do: {finding.todo}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        printable(text),
        WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
