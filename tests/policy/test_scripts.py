"""Every golden script, and that no restriction is without one."""

from __future__ import annotations

import re
from pathlib import Path

import policy_golden
import pytest

from postroad.policy import RESTRICTIONS

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "restrictions.md"
NAMES = [*RESTRICTIONS, "warn_if_reject"]


@pytest.mark.parametrize("path", policy_golden.scripts(), ids=lambda path: path.stem)
async def test_script(path):
    script = policy_golden.read(path)
    policy = script.policy
    for question in script.questions:
        verdict = await policy_golden.ask(policy, question)
        assert policy_golden.shown(verdict) == question.expected, f"{path.name}:{question.line}"


@pytest.mark.parametrize("name", NAMES)
def test_every_restriction_has_a_script_of_its_name(name):
    path = policy_golden.SCRIPTS / f"{name}.txt"
    assert path.exists()
    assert re.search(rf"\b{name}\b", path.read_text("utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_every_restriction_speaks_in_its_script(name):
    traces = [line for line in (policy_golden.SCRIPTS / f"{name}.txt").read_text().splitlines()]
    said = {m[1] for line in traces if (m := re.search(rf"\| .*\b{name}\b.*?: (\w+)", line))}
    assert said - {"dunno"}, "a script shows what the restriction does, not only what it lets pass"


def test_every_restriction_is_documented():
    rows = re.findall(r"^\| `(\w+)`", DOCS.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_documented_replies_are_those_of_the_scripts(name):
    """The reply in the docs, with the placeholders filled, is found in the restriction's script."""
    row = next(r for r in DOCS.read_text("utf-8").splitlines() if r.startswith(f"| `{name}`"))
    replies = re.findall(r"`(\d{3} [^`]+)`", row)
    script = "\n".join(p.read_text("utf-8") for p in policy_golden.SCRIPTS.glob(f"{name}*.txt"))
    for reply in replies:
        pattern = re.sub(r"<(?:\w|\\\[|\\\])+>", "<[^>]*>", re.escape(reply)).replace(
            "USER", r"\S+"
        )
        assert re.search(pattern, script), reply
