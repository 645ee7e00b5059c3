"""The documents say what is: their links lead somewhere, their commands and settings exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from postroad.app.running import RELOADED, RELOADED_OF_LISTENER
from postroad.cli.main import app
from postroad.config import Configuration, load
from postroad.config.schema import settings

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


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_layers_are_those_that_are_checked(page: str) -> None:
    (shown,) = re.findall(
        r"^ {4}cli > .*\n(?: {4,}> .*\n)*", (ROOT / page).read_text(), re.MULTILINE
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers, _ = project["tool"]["importlinter"]["contracts"]

    found = [set(re.findall(r"[a-z]+", group)) for group in shown.split(">")]

    assert found == [set(layer.split(" | ")) for layer in layers["layers"]]


def test_what_needs_a_restart_is_what_a_reload_does_not_take() -> None:
    page = (ROOT / "docs" / "operators.md").read_text()
    rows = re.findall(
        r"^\| (the top of the file|sections|of a listener) \| (.*) \|$", page, re.MULTILINE
    )
    told = {kind: set(re.findall(r"`\[?([a-z_]+)\]?`", keys)) for kind, keys in rows}
    paths = [setting.path for setting in settings(Configuration)]

    assert told == {
        "the top of the file": {path[0] for path in paths if len(path) == 1},
        "sections": {path[0] for path in paths if len(path) > 1} - {"listeners", *RELOADED},
        "of a listener": {path[2] for path in paths if path[0] == "listeners"}
        - set(RELOADED_OF_LISTENER),
    }


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
