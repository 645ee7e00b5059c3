"""Tables that are there only compiled: made by the real `postmap` and `postalias`, read by us."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from adopt.postfix.test_translation import make, said
from peers import needs
from peers.postfix import environment
from postroad.adopt.adoption import Adopted
from postroad.adopt.finding import Verdict
from postroad.adopt.postfix.compiled import text_of

LONG = ", ".join(f"user{number}@example.net" for number in range(500))
TEXT = (
    f'a@example.org john@example.org\n"b c"@example.org\tjohn@example.org\nl@example.org {LONG}\n'
)
ALIASES = 'root: john\n"odd one": |/bin/true\nmany: a, b\n'


def compile_at(folder: Path, program: str, kind: str, text: str) -> Path:
    """A compiled table in a folder, with the text that it was made of taken away."""
    source = folder / "t"
    source.write_text(text)
    argv = [needs.program(program), f"{kind}:{source}"]
    subprocess.run(argv, check=True, env=environment(folder))
    source.unlink()
    return next(each for each in folder.iterdir() if each.name.startswith("t."))


def adopt_with(tmp_path: Path, main: str, compiled: Path, name: str) -> Adopted:
    etc = tmp_path / "root/etc/postfix"
    etc.mkdir(parents=True)
    compiled.rename(etc / f"{name}{compiled.suffix}")
    return make(tmp_path, main)


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["hash", "btree", "lmdb"])
def test_a_compiled_table_is_a_text_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    monkeypatch.setenv("MAIL_CONFIG", environment(made)["MAIL_CONFIG"])
    compiled = compile_at(made, "postmap", kind, TEXT)
    was = compiled.read_bytes()
    line = f"virtual_alias_maps = {kind}:/etc/postfix/virtual\n"
    result = adopt_with(tmp_path, line, compiled, "virtual")
    kept = tmp_path / "new/tables/virtual"
    directory = result.written.configuration.directories["postfix"]
    assert directory.virtual == (f"{kind}:{kept}",)
    assert dict(each.split("\t") for each in kept.read_text().splitlines()) == {
        "a@example.org": "john@example.org",
        '"b c"@example.org': "john@example.org",
        "l@example.org": LONG,
    }
    assert not [each for each in result.findings if each.serious]
    assert said(result, f"virtual{compiled.suffix}")[0].verdict is Verdict.TRANSLATED
    # What is old stays as it is.
    assert (tmp_path / f"root/etc/postfix/virtual{compiled.suffix}").read_bytes() == was


@pytest.mark.peer
def test_compiled_aliases_are_a_file_of_aliases_again(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    compiled = compile_at(made, "postalias", "hash", ALIASES)
    result = adopt_with(tmp_path, "alias_maps = hash:/etc/postfix/al\n", compiled, "al")
    kept = tmp_path / "new/aliases"
    assert result.written.configuration.directories["postfix"].aliases == (kept,)
    assert set(kept.read_text().splitlines()) == {
        "root: john",
        '"odd one": |/bin/true',
        "many: a, b",
    }


def test_what_cannot_be_read_is_said_with_what_shows_it(tmp_path: Path) -> None:
    odd = tmp_path / "t.lmdb"
    odd.write_bytes(b"no database")
    result = adopt_with(tmp_path, "virtual_alias_maps = lmdb:/etc/postfix/v\n", odd, "v")
    words = [each.words for each in said(result, "virtual_alias_maps") if each.serious]
    assert any("postmap -s lmdb:" in each for each in words)


@pytest.mark.parametrize(
    ("pair", "aliases", "line"),
    [
        (("a", "b"), False, "a\tb\n"),
        (("a b", "c"), False, ""),
        (("a", " "), False, ""),
        (("#a", "b"), False, ""),
        (("a b", "c"), True, '"a b": c\n'),
        (('a"b', "c"), True, '"a\\"b": c\n'),
    ],
)
def test_an_entry_is_a_line_or_is_lost(pair: tuple[str, str], aliases: bool, line: str) -> None:
    text, lost = text_of([pair], aliases=aliases)
    assert text == line
    assert lost == ([] if line else [pair[0]])
