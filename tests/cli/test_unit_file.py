"""The systemd unit, the guide and `postroad init` speak of the same files."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from postroad.config import SEARCH_PATH, Configuration
from postroad.config.installation import SYSTEM_STATE, USER, FirstServer, install, usual_state
from postroad.config.ownership import creation

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "contrib" / "postroad.service"
GUIDE = (ROOT / "docs" / "operators.md").read_text()

READ_ONLY = {"full": ("/usr", "/boot", "/efi", "/etc"), "yes": ("/usr", "/boot", "/efi")}
"""What ProtectSystem= closes (systemd.exec(5))."""


def unit() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNIT.read_text())
    return parser["Service"]


def directory_of_the_guide() -> Path:
    found = re.search(r"^postroad init (\S+)", GUIDE, re.MULTILINE)
    assert found is not None
    return Path(found[1])


def paths(section: object) -> list[Path]:
    """Every path that is set in a configuration."""
    values = [getattr(section, field.name) for field in fields(section)]  # type: ignore[arg-type]
    found = [value for value in values if isinstance(value, Path)]
    for value in values:
        if is_dataclass(value):
            found += paths(value)
    return found


def written_by_the_server(configuration: Configuration) -> list[Path]:
    return [
        configuration.directory_file,
        configuration.spool_directory,
        Path(configuration.maildir_template),
        *paths(configuration),
    ]


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Configuration]:
    """What `init` makes of the guide's words, under another root."""
    directory = directory_of_the_guide()
    state = usual_state(directory)
    server = FirstServer(
        directory=tmp_path / directory.relative_to("/"),
        hostname="mail.example.org",
        domain="example.org",
        account="anna@example.org",
        password="summersun",
        state=tmp_path / state.relative_to("/"),
    )
    return tmp_path, install(server)


def test_what_the_server_writes_is_writable_under_the_unit(
    made: tuple[Path, Configuration],
) -> None:
    root, configuration = made
    closed = READ_ONLY[unit()["ProtectSystem"]]
    for path in written_by_the_server(configuration):
        place = Path("/") / path.relative_to(root)
        assert not any(place.is_relative_to(each) for each in closed), place
        assert not place.is_relative_to("/tmp"), "PrivateTmp= forgets it"


def test_the_units_state_directory_is_what_init_writes(made: tuple[Path, Configuration]) -> None:
    root, configuration = made
    assert configuration.state_directory == root / "var/lib" / unit()["StateDirectory"]
    assert Path("/var/lib", unit()["StateDirectory"]) == SYSTEM_STATE
    assert Configuration(hostname="", domains=()).state_directory == SYSTEM_STATE
    assert configuration.state_directory.stat().st_mode & 0o777 == int(
        unit()["StateDirectoryMode"], 8
    )


def test_the_unit_starts_with_the_configuration_that_init_wrote() -> None:
    file = directory_of_the_guide() / "postroad.toml"
    assert file == SEARCH_PATH[-1]
    assert f" --config {file} serve" in unit()["ExecStart"]


def test_the_unit_lets_the_server_share_folders_by_a_group() -> None:
    assert "RestrictSUIDSGID" not in unit()


def test_the_guide_says_what_init_says() -> None:
    assert creation(USER) in GUIDE
    assert f"`{SYSTEM_STATE}`" in GUIDE
    assert "contrib/postroad.service /etc/systemd/system/" in GUIDE
    assert "systemctl enable --now postroad" in GUIDE


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    program = tmp_path / "postroad"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for file in UNIT.parent.iterdir():
        text = file.read_text().replace("/usr/local/bin/postroad", str(program))
        (tmp_path / file.name).write_text(text)
    units = sorted(str(path) for path in tmp_path.glob("postroad.*"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if "postroad" in line]
    assert (done.returncode, said) == (0, [])
