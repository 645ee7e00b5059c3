"""All directories as one: our own file, and those of `[directories]`."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from postroad.app.accounts import open_accounts
from postroad.config import Configuration
from postroad.directory import CHEAP, DirectoryEditor, DirectoryUnavailable, Mailbox
from postroad.directory.source_settings import SourceSettings
from postroad.model import Address

JOHN, LISA = "john@example.org", "lisa@users.example"


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    (tmp_path / "users").write_text("lisa@users.example:{PLAIN}secret\n")
    users = SourceSettings(kind="files", passwd=tmp_path / "users", domains=("users.example",))
    return Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=tmp_path,
        directories={"users": users},
    )


async def test_accounts_of_every_directory(configuration: Configuration) -> None:
    file = configuration.directory_file
    with DirectoryEditor.open(file, domains=("example.org",), profile=CHEAP) as editor:
        editor.add_user(JOHN, "summersun")
    said: list[str] = []
    async with AsyncExitStack() as exits:
        accounts = open_accounts(configuration, exits, report=said.append, complain=said.append)
        for name in (JOHN, LISA):
            assert await accounts.resolve(Address.parse(name)) == Mailbox(name)
    assert said == []


async def test_without_our_own_file_nothing_is_left_open(configuration: Configuration) -> None:
    async with AsyncExitStack() as exits:
        with pytest.raises(DirectoryUnavailable):
            open_accounts(configuration, exits, report=pytest.fail, complain=pytest.fail)
        assert not exits._exit_callbacks  # type: ignore[attr-defined]
