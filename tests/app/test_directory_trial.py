"""Directories are tried out: at a start without waiting for them, and by the check."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from pathlib import Path

import pytest

from postroad.app.directory_trial import (
    DirectoryTrial,
    aliases_of_nobody,
    directory_objections,
)
from postroad.config import Configuration
from postroad.directory.away import AwayBackend
from postroad.directory.domain_settings import DomainSettings
from postroad.directory.embedded.editor import DirectoryEditor
from postroad.directory.source_settings import SourceSettings


def configuration(folder: Path, **settings: object) -> Configuration:
    file = folder / "accounts.db"
    with sqlite3.connect(file) as connection:
        connection.executescript(
            "CREATE TABLE IF NOT EXISTS users (email TEXT, password TEXT);"
            "CREATE TABLE IF NOT EXISTS aliases (source TEXT, target TEXT);"
        )
    connection.close()
    given = {
        "kind": "sql",
        "driver": "sqlite",
        "file": file,
        "user_query": "SELECT email AS user, password FROM users WHERE email='%u'",
    }
    directories = {"x": SourceSettings(**(given | settings))}
    return Configuration(
        hostname="mail.example.org", domains=("example.org",), directories=directories
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, []),
        (
            {"user_query": "SELECT email AS usr, password FROM users WHERE email='%u'"},
            ['user_query: a column "usr" means nothing; did you mean user?'],
        ),
        ({"alias_query": "SELECT t FROM aliases WHERE source='%s'"}, ["alias_query: "]),
        ({"file": Path("/nowhere/at/all.db")}, ["user_query: /nowhere/at/all.db: unable to open"]),
    ],
)
def test_what_the_check_finds(
    tmp_path: Path, settings: dict[str, object], words: list[str]
) -> None:
    found = list(directory_objections(configuration(tmp_path, **settings)))
    assert len(found) == len(words)
    for (name, said, waits), expected in zip(found, words, strict=True):
        assert (name, waits) == ("x", True)
        assert said.startswith(expected)


def of_files(folder: Path, **content: str) -> Configuration:
    files: dict[str, Path] = {}
    for key, text in content.items():
        files[key] = folder / key
        files[key].write_text(text)
    settings = {"passwd": files.get("users"), "aliases": (files["aliases"],)}
    return Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        directories={"x": SourceSettings(kind="files", **settings)},
    )


def test_an_entry_that_is_wrong_lets_no_mail_wait(tmp_path: Path) -> None:
    users = "john:{PLAIN}secret\nyou:{SHA512.HEX}zz\n"
    configured = of_files(tmp_path, users=users, aliases="prog: |/bin/cat\n")
    found = list(directory_objections(configured))
    assert {(each.name, each.waits) for each in found} == {("", False)}
    assert len(found) == 2
    assert any("cannot log in" in each.words for each in found)
    assert any("will return from" in each.words for each in found)


def test_a_table_that_is_away_is_named_once(tmp_path: Path) -> None:
    configured = of_files(tmp_path, aliases="x: john\n")
    away = "sqlite:/nowhere/at/all.cf"
    settings = dataclasses.replace(configured.directories["x"], virtual=(away,))
    configured = dataclasses.replace(configured, directories={"x": settings})
    found = list(directory_objections(configured))
    assert [(each.name, each.waits) for each in found] == [("x", True)]
    assert found[0].words.startswith(away)


def test_a_domain_that_stands_for_nobodys(tmp_path: Path) -> None:
    file = tmp_path / "directory.db"
    with DirectoryEditor.open(file, domains=["example.org"]) as editor:
        editor.add_domain("there.example")
    names = {"a.test": "other.example", "b.test": "example.org", "c.test": "There.example"}
    alias = {name: DomainSettings(kind="alias", alias_of=meant) for name, meant in names.items()}
    configured = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=tmp_path,
        domain=alias,
    )
    assert list(aliases_of_nobody(configured)) == [("a.test", "other.example")]


def test_no_directories_are_no_work() -> None:
    empty = Configuration(hostname="mail.example.org", domains=("example.org",))
    assert list(directory_objections(empty)) == []


async def test_a_start_tells_of_those_that_are_away() -> None:
    lines: list[str] = []
    told = asyncio.Event()

    def report(line: str) -> None:
        lines.append(line)
        told.set()

    trial = DirectoryTrial(report)
    trial.start({"x": AwayBackend("no connection")}, "example.org")
    await told.wait()
    await trial.close()
    assert lines == ["directory x: no connection; mail for it waits"]
