"""`docs/reference/commands.md` has every command and option, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from postroad.app.dev import HOSTNAME, PASSWORD, PORTS, USER, DevOptions
from postroad.cli.main import app

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text()
SECTION = re.compile(r"(?ms)^#+ `(postroad[^`]*)`$(.*?)(?=^#|\Z)")
SECTIONS = {found[1]: found[2] for found in SECTION.finditer(PAGE)}


def commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with the words that call it."""
    if not hasattr(command, "commands"):
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        names = [each.metavar for each in arguments]
        yield " ".join([*words, *names]), command
        return
    for name, below in command.commands.items():
        yield from commands(below, (*words, name))


ROOT = typer.main.get_command(app)
COMMANDS = {"postroad": ROOT, **dict(commands(ROOT, ("postroad",)))}


def shown_options(command: Any) -> set[str]:
    """Its options as the page shows them, each with what it takes."""
    options = [each for each in command.params if each.param_type_name == "option"]
    shown = {_spelt(option) for option in options if option.name != "help"}
    return shown | {"--help"} if command is ROOT else shown


def _spelt(option: Any) -> str:
    name = max(option.opts, key=len)
    return name if option.is_flag else f"{name} {option.metavar}"


def test_every_command_is_documented_and_no_other() -> None:
    assert sorted(SECTIONS) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_its_options_are_documented_and_no_other(name: str) -> None:
    documented = re.findall(r"(?m)^\| `(--[^`]+)` \|", SECTIONS[name])
    assert sorted(documented) == sorted(shown_options(COMMANDS[name]))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_explains_itself(name: str) -> None:
    for parameter in COMMANDS[name].params:
        if parameter.name != "help":
            assert parameter.help, parameter.name


def test_what_is_said_of_the_development_server_is_true() -> None:
    section = SECTIONS["postroad serve"]
    for port in PORTS.values():
        assert str(port) in section
    assert USER in section
    assert PASSWORD in section
    assert f"| `{DevOptions().state}` |" in section
    assert f"| `{DevOptions().port_offset}` |" in section
    assert HOSTNAME.endswith("example.org")
