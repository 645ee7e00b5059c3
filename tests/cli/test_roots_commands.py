"""Commands that root runs in the server's folder: no link there leads to what is root's.

Whoever breaks into the server is its user, and waits for an operator's command.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from command_line import CommandLine

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(params=["", "root's"])
def roots(request: pytest.FixtureRequest, server: Path) -> Path:
    """A file that only root may read."""
    path = server / "roots"
    path.write_text(request.param)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("srs.lock", "srs keys rotate"),
        ("srs.keys", "srs keys rotate"),
        ("srs.keys.new", "srs keys rotate"),
        ("srs.keys", "srs keys list"),
        ("warmup.db", "warmup"),
        ("spool/0/lock", "user freeze john@example.org"),
        ("spool/0/spool.db", "user freeze john@example.org"),
        ("spool/0/spool.db", "user unfreeze john@example.org"),
        ("deferred-transports.lock", "queue suspend smtp"),
    ],
)
def test_a_link_leads_to_nothing_of_roots(
    state_of_nobody: Path, command_line: CommandLine, roots: Path, name: str, words: str
) -> None:
    command_line("user", "add", "john@example.org", "--generate")
    if "unfreeze" in words:
        command_line("user", "freeze", "john@example.org")
    content, link = roots.read_bytes(), state_of_nobody / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(roots)
    for path in (link, *link.parents):
        if path.is_relative_to(state_of_nobody):
            os.chown(path, 65534, 65534, follow_symlinks=False)
    command_line(*words.split())
    assert (roots.stat().st_uid, roots.read_bytes()) == (0, content)
    assert os.geteuid() == 0
