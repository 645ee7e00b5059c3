"""A configuration file made of text, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import Configuration, ConfigurationError, load

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n'
DOOR = "[listeners.mx]\n"


def mistakes(directory: Path, text: str, *, examine_files: bool = False) -> list[str]:
    """What is said of a file, without its directory."""
    file = directory / "postroad.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(file, examine_files=examine_files)
    return [str(mistake).replace(f"{directory}/", "") for mistake in caught.value.mistakes]


def loaded(directory: Path, text: str) -> Configuration:
    file = directory / "postroad.toml"
    file.write_text(text)
    return load(file, examine_files=False)
