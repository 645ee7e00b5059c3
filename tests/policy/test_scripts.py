"""Every golden script; and no restriction is without a script and a row in the reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import policy_golden
from postroad.policy import RESTRICTIONS, Stage

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "restrictions.md"
NAMES = [*RESTRICTIONS, "warn_if_reject"]


def text_of(pattern):
    found = sorted(policy_golden.SCRIPTS.glob(pattern))
    return "\n".join(path.read_text("utf-8") for path in found)


def row(name):
    rows = [r for r in DOCS.read_text("utf-8").splitlines() if r.startswith(f"| `{name}` |")]
    return [cell.strip() for cell in rows[-1].strip("|").split("|")]


@pytest.mark.parametrize("path", policy_golden.scripts(), ids=lambda path: path.stem)
async def test_script(path):
    script = policy_golden.read(path)
    policy = script.policy
    for question in script.questions:
        verdict = await policy_golden.ask(policy, question)
        assert policy_golden.shown(verdict) == question.expected, f"{path.name}:{question.line}"


@pytest.mark.parametrize("name", NAMES)
def test_every_restriction_speaks_in_a_script_of_its_name(name):
    said = set(re.findall(rf"\| .*\b{name}\b.*?: (\w+)", text_of(f"{name}.txt")))
    assert said - {"dunno"}, "it is shown to do something, not only to let pass"


def test_every_restriction_is_documented():
    rows = re.findall(r"^\| `(\w+)` \| (?:any|RCPT) \|", DOCS.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(NAMES)


@pytest.mark.parametrize("name", RESTRICTIONS)
def test_documented_stages(name):
    stages = RESTRICTIONS[name].stages
    assert row(name)[1] == ("any" if stages == set(Stage) else "RCPT")
    assert stages in (set(Stage), set(Stage) - {Stage.DATA})


@pytest.mark.parametrize("name", NAMES)
def test_documented_replies_are_those_of_the_scripts(name):
    """Every documented reply, with its placeholders filled, occurs, and no other does."""
    replies = re.findall(r"`(\d{3} .+?)`(?:,|$)", row(name)[3])
    patterns = [
        re.sub(r"<[^>]*>", "<[^>]*>", re.escape(reply)).replace("USER", r"\S+") for reply in replies
    ]
    script = text_of(f"{name}*.txt")
    for pattern in patterns:
        assert re.search(f"= {pattern}$", script, re.MULTILINE), pattern
    assert bool(patterns) == (name in RESTRICTIONS and not name.startswith("permit"))
