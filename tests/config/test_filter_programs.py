"""What is said of filters that are programs before a server starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load

HEAD = """\
hostname = "mail.example.org"
domains = ["example.org"]
state_directory = "state"
[listeners.mx]
tls = "none"
[filters.mine]
kind = "python"
"""
FINE = "async def on_rcpt(session, recipient): ...\n"


def mistakes(folder: Path, text: str, *, examine: bool = True) -> list[str]:
    file = folder / "postroad.toml"
    file.write_text(HEAD + text)
    try:
        load(file, examine_files=examine)
    except ConfigurationError as error:
        return [str(each).replace(f"{folder}/", "") for each in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "postroad.toml:6: [filters.mine] folder: is required: a folder of programs, or file"),
        (
            'folder = "a"\nfile = "b"\n',
            "postroad.toml:9: [filters.mine] file: there is a folder already: one of the two",
        ),
        ('socket = "unix:/x"\nfile = "b"\n', "means nothing with kind = \"python\", only with"),
        ('file = "b"\n[filters.mine.settings]\nn = 5\n', "expected text in quotes"),
    ],
)  # fmt: skip
def test_keys(tmp_path: Path, text: str, words: str) -> None:
    assert any(words in each for each in mistakes(tmp_path, text, examine=False))


def test_programs_are_looked_at_and_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "filters"
    folder.mkdir()
    (folder / "a.py").write_text("open('ran', 'w')\n" + FINE)
    assert mistakes(tmp_path, 'folder = "filters"\n') == []

    (folder / "b.py").write_text("import x\nasync def on_rcptt(session, recipient): ...\n")

    (said,) = mistakes(tmp_path, 'folder = "filters"\n')
    where, _, what = said.partition(" filters/")
    assert where == "postroad.toml:8: [filters.mine] folder:"
    assert what == "b.py:2: on_rcptt is no hook; did you mean on_rcpt?"
    assert not Path("ran").exists()


def test_settings_that_nobody_reads(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FINE)
    text = 'file = "a.py"\n[filters.mine.settings]\nurl = "x"\n'

    (said,) = mistakes(tmp_path, text)
    assert "[filters.mine.settings]" in said
    assert "no program has a setup(settings) that would read them" in said

    (tmp_path / "a.py").write_text(FINE + "def setup(settings): ...\n")
    assert mistakes(tmp_path, text) == []
