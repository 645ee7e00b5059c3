"""The documents say what is: their links lead somewhere, their commands and settings exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from postroad.cli.main import app
from postroad.config import load

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MINIMUM = 'hostname = "mail.example.org"\ndomains = ["example.org"]\nstate_directory = "state"\n'

COMMANDS = typer.main.get_command(app)

LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"(?:^ *|`)(postroad [^`\n|]*)", re.MULTILINE)
MAKE = re.compile(r"(?:^ *|`)make +([a-z][a-z-]*)", re.MULTILINE)
BLOCK = re.compile(r"(?:^ {4,}.*\n|^\n)+", re.MULTILINE)


def _ids(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_links_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_commands_exist(document: Path) -> None:
    for command in COMMAND.findall(document.read_text()):
        _walk(shlex.split(command, comments=True)[1:])


@pytest.mark.parametrize("document", DOCUMENTS, ids=_ids)
def test_make_targets_exist(document: Path) -> None:
    rules = re.findall(r"^([a-z][a-z -]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    assert targets.issuperset(MAKE.findall(document.read_text()))


def _configurations(document: Path) -> Iterator[str]:
    """The indented blocks that begin with a table's name."""
    for block in BLOCK.findall(document.read_text()):
        text = "\n".join(line.strip() for line in block.strip().splitlines())
        if re.match(r"\[[a-z.]+\]$", text, re.MULTILINE):
            yield text


GUIDES = list(_configurations(ROOT / "docs" / "guides.md"))


@pytest.mark.parametrize("shown", GUIDES)
def test_the_configurations_of_the_guides_can_be_loaded(shown: str, tmp_path: Path) -> None:
    file = tmp_path / "postroad.toml"
    needed = "" if "[listeners." in shown else "\n[listeners.mx]\n"
    if "[listeners.firewall.policy]" in shown:
        needed = '\n[listeners.firewall]\npreset = "submission"\n'
    file.write_text(f"{MINIMUM}{shown}{needed}")
    load(file, examine_files=False)


def test_the_guides_show_configurations() -> None:
    assert len(GUIDES) >= 5


def _walk(words: list[str]) -> None:
    """Follow a command line into the program's commands; its options must exist as well."""
    command = COMMANDS
    for word in words:
        name = word.partition("=")[0]
        below = getattr(command, "commands", None)
        if name.startswith("-"):
            known = {option for parameter in command.params for option in parameter.opts}
            assert name in known, " ".join(words)
        elif below is not None and re.fullmatch(r"[a-z][a-z-]*", name):
            assert name in below, " ".join(words)
            command = below[name]
