"""Directories are tried out: at a start without waiting for them, and by the check."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from postroad.app.directory_trial import DirectoryTrial, directory_objections
from postroad.config import Configuration
from postroad.directory.away import AwayBackend
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
    for (name, said), expected in zip(found, words, strict=True):
        assert name == "x"
        assert said.startswith(expected)


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
