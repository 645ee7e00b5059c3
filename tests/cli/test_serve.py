"""`postroad serve`: its words; what serving is, the tests of `app` say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.app.dev import DevOptions


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


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_develops_as_the_owner_of_the_folder(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later run by that owner finds nothing of root's in the way."""
    users = []

    def run_dev(_: DevOptions) -> int:
        users.append(os.geteuid())
        return 0

    monkeypatch.setattr("postroad.app.dev.run_dev", run_dev)
    command_line("serve", "--dev")
    os.chown(tmp_path, 65_534, 65_534)
    command_line("serve", "--dev")
    (tmp_path / ".postroad-dev").mkdir()
    command_line("serve", "--dev")
    assert (users, os.geteuid()) == ([0, 65_534, 0], 0)


def test_nothing_is_served_with_a_mistake(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "postroad.toml").write_text("")
    ran = command_line("serve")
    assert ran.status == os.EX_CONFIG
    assert "hostname: is required" in ran.err
