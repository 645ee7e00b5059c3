"""Every golden script; and no restriction is without a script and a row in the reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import policy_golden
import policy_script
from postroad.policy import RESTRICTIONS, Stage

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "restrictions.md"
NAMES = [*RESTRICTIONS, "warn_if_reject"]
WORDS = (
    *("OK", "RELAY", "DUNNO", "REJECT", "DEFER", "DEFER_IF_PERMIT", "DEFER_IF_REJECT", "DISCARD"),
    *("HOLD", "FILTER", "REDIRECT", "BCC", "PREPEND", "INFO", "WARN"),
)
"""The words of access(5)."""


def text_of(pattern):
    found = sorted(policy_script.SCRIPTS.glob(pattern))
    return "\n".join(path.read_text("utf-8") for path in found)


def row(name):
    rows = [r for r in DOCS.read_text("utf-8").splitlines() if r.startswith(f"| `{name}` |")]
    cells = [[cell.strip() for cell in r.strip("|").split("|")] for r in rows]
    return next(each for each in cells if len(each) == 4)


@pytest.mark.parametrize("path", policy_script.scripts(), ids=lambda path: path.stem)
async def test_script(path, tmp_path):
    script = policy_script.read(path)
    async for command, verdict in policy_golden.play(script, tmp_path):
        expected = [line for line in command.expected if not line.startswith("~")]
        assert policy_golden.shown(verdict) == expected, f"{path.name}:{command.line}"


@pytest.mark.parametrize("name", NAMES)
def test_every_restriction_speaks_in_a_script_of_its_name(name):
    said = set(re.findall(rf"\| .*\b{name}\b.*?: (\w+)", text_of(f"{name}*.txt")))
    assert said - SILENT.get(name, {"dunno"}), "it is shown to do something, not only to let pass"


SILENT: dict[str, set[str]] = {"sleep": set()}


@pytest.mark.parametrize("word", WORDS)
def test_every_access_result_has_a_script_and_a_row(word):
    assert re.search(rf"says ['\"]{word}\b", text_of("*.txt"), re.IGNORECASE)
    assert re.search(rf"^\| .*`{word}\b", DOCS.read_text("utf-8"), re.MULTILINE)


def test_every_restriction_is_documented():
    names = r"^\| `(\w+)` \| (?:any|mail|RCPT|etrn) \|"
    rows = re.findall(names, DOCS.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(NAMES)


@pytest.mark.parametrize("name", RESTRICTIONS)
def test_documented_stages(name):
    assert STAGES[row(name)[1]] == RESTRICTIONS[name].stages


STAGES = {
    "any": set(Stage),
    "mail": set(Stage) - {Stage.ETRN},
    "RCPT": set(Stage) - {Stage.ETRN, Stage.DATA, Stage.END_OF_DATA},
    "etrn": {Stage.ETRN},
}


@pytest.mark.parametrize("name", NAMES)
def test_documented_replies_are_those_of_the_scripts(name):
    """Every documented reply occurs, with its placeholders filled."""
    replies = re.findall(r"`(\d{3} .+?)`(?:,|$)", row(name)[3])
    script = text_of(f"{name}*.txt")
    for reply in replies:
        pattern = re.sub(r"<[^>]*>", "<[^>]*>", re.escape(reply))
        pattern = re.sub(r"\b(?:USER|TEXT|HOST|ADDRESS|NAME|LIST|NUMBER)\b", r".+?", pattern)
        assert re.search(f"= {pattern}$", script, re.MULTILINE), reply
    speaks = name in RESTRICTIONS and name != "sleep" and not name.startswith("permit")
    assert bool(replies) >= speaks
