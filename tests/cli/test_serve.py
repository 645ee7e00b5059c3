"""`postroad serve`: its words; what serving is, the tests of `app` say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("serve --state x", "--state is for --dev"),
        ("serve --smarthost x", "--smarthost is for --dev"),
        ("serve --port-offset 0", "--port-offset is for --dev"),
        ("serve --dev --port-offset 64000", "--port-offset 64000 leads outside the ports"),
        ("serve --dev --port-offset -2500", "--port-offset -2500 leads outside the ports"),
        ("serve --dev --smarthost [x]:y", '--smarthost: expected "[host]:port"'),
    ],
)
def test_words_that_do_not_go_together(command_line: CommandLine, words: str, said: str) -> None:
    ran = command_line(*words.split())
    assert ran.status == os.EX_USAGE
    assert ran.err.startswith(f"postroad: {said}")


def test_nothing_is_served_with_a_mistake(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "postroad.toml").write_text("")
    ran = command_line("serve")
    assert ran.status == os.EX_CONFIG
    assert "hostname: is required" in ran.err
