"""main.cf and master.cf are read as the real `postconf` reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from adopt.postfix_files import main_cf, master_cf
from peers import needs
from postroad.adopt.postfix.defaults import DEFAULTS
from postroad.adopt.postfix.main_cf import MainCf
from postroad.adopt.postfix.master_cf import MasterCf

pytestmark = pytest.mark.peer

FILES = 12
"""Generated files of each kind; each costs two runs of postconf."""


@pytest.fixture(scope="module")
def postconf() -> str:
    return needs.program("postconf")


def _asked(postconf: str, folder: Path, *options: str) -> list[str]:
    command = [postconf, "-c", str(folder), *options]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def _pairs(lines: list[str]) -> dict[str, str]:
    return {
        name.strip(): " ".join(value.split())
        for name, _, value in (line.partition("=") for line in lines)
    }


@pytest.mark.parametrize("seed", range(FILES))
def test_a_main_cf_says_the_same_to_both(postconf: str, tmp_path: Path, seed: int) -> None:
    text = main_cf(seed)
    (tmp_path / "main.cf").write_text(text)
    (tmp_path / "master.cf").write_text("")
    ours = MainCf.read(tmp_path / "main.cf", text, {"config_directory": str(tmp_path)})
    written = _pairs(_asked(postconf, tmp_path, "-n"))
    names = [each.name for each in ours.written]
    # `postconf -n` leaves out names that Postfix does not know and nothing uses.
    assert set(written) <= {*names, "config_directory"}
    for name in written.keys() - {"config_directory"}:
        assert " ".join((ours.text(name) or "").split()) == written[name], (name, text)
    expanded = _pairs(_asked(postconf, tmp_path, "-x", *written.keys()))
    for name in written.keys() - {"config_directory"}:
        assert " ".join(ours.value(name).split()) == expanded[name], (name, text)


@pytest.mark.parametrize("seed", range(FILES))
def test_a_master_cf_says_the_same_to_both(postconf: str, tmp_path: Path, seed: int) -> None:
    text = master_cf(seed)
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n")
    (tmp_path / "master.cf").write_text(text)
    ours = MasterCf.read(tmp_path / "master.cf", text)
    theirs = _asked(postconf, tmp_path, "-M")
    assert [f"{each.name}/{each.kind}" for each in ours.services] == [
        "/".join(line.split()[:2]) for line in theirs
    ]
    options = {
        f"{service.name}/{service.kind}/{name}": " ".join(option.text.split())
        for service in ours.services
        for name, option in service.options.items()
    }
    assert options == _pairs(_asked(postconf, tmp_path, "-P"))


def test_the_defaults_are_those_of_postfix(postconf: str, tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text("")
    (tmp_path / "master.cf").write_text("")
    theirs = _pairs(_asked(postconf, tmp_path, "-d"))
    own = {name: " ".join(value.split()) for name, value in DEFAULTS.items() if value}
    # Names that came or went with another version of Postfix are left out.
    both = own.keys() & theirs.keys() - {"config_directory"}
    assert len(both) > 500
    assert {name: own[name] for name in both} == {name: theirs[name] for name in both}
