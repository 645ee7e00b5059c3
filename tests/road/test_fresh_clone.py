"""The README's first command, in a folder that has nothing but the repository's files.

It makes its own virtual environment and installs into it, so this test needs what a newcomer
needs: make, Python with pip, and a way to the packages.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers import needs
from peers.clients import swaks
from peers.postroad import free_offset
from peers.processes import Process, peer_folder, remove_folder
from peers.waiting import listening, until

pytestmark = pytest.mark.peer

ROOT = Path(__file__).parents[2]
PORTS = (2525, 2587, 2465)
INSTALLATION = 300.0  # seconds for packages to arrive


@pytest.fixture
def clone() -> Iterator[Path]:
    """The files that a commit of the present state would hold."""
    git = needs.program("git")
    if not (ROOT / ".git").exists():
        pytest.skip("not a git repository")
    names = subprocess.run(
        [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=30,
    ).stdout.decode()
    folder = peer_folder("clone")
    for name in filter(None, names.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode)
    yield folder
    remove_folder(folder)


def test_make_serve(clone: Path) -> None:
    offset = free_offset()
    make = Process(
        [needs.program("make"), "serve", f"OFFSET={offset}"],
        log=clone / "output",
        directory=clone,
    )
    ports = [port + offset for port in PORTS]
    try:
        make.wait_ready(lambda: all(map(listening, ports)), within=INSTALLATION)
        account = "--auth PLAIN --auth-user john@example.org --auth-password summersun"
        address = "--from john@example.org --to lisa@example.com"
        done = swaks("--server", f"127.0.0.1:{ports[1]}", "--tls", *f"{account} {address}".split())
    finally:
        make.stop()
    assert "235 2.7.0 Authentication successful" in done.stdout, done.stdout
    assert re.search(r"250 2\.0\.0 Ok: queued as \S+", done.stdout), done.stdout
    until(lambda: not any(map(listening, ports)), within=60, what="the end of the server")
