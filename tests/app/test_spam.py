"""Whose thresholds hold for an address, while the directory answers and while it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.app.spam import AccountWishes
from postroad.directory import Alias, DirectoryUnavailable, Mailbox, Resolution, Unknown
from postroad.filters.scoring import Wish
from postroad.filters.thresholds import Thresholds, change_threshold
from postroad.model import Address

JOHN, INFO, STAFF = (Address(each, "example.org") for each in ("john", "info", "staff"))
NEVER = Wish(reject=0.0)


class Directory:
    """Implements `Accounts`."""

    def __init__(self, *, is_away: bool = False) -> None:
        self._is_away = is_away

    async def resolve(self, address: Address) -> Resolution:
        if self._is_away:
            raise DirectoryUnavailable("nobody is there")
        known: dict[Address, Resolution] = {
            JOHN: Mailbox(str(JOHN)),
            INFO: Alias((JOHN,)),
            STAFF: Alias((JOHN, INFO)),
        }
        return known.get(address, Unknown())


def wishes(folder: Path, *, is_away: bool = False) -> AccountWishes:
    thresholds = Thresholds(folder / "thresholds.json", pytest.fail)
    return AccountWishes(Directory(is_away=is_away), thresholds)


async def test_an_account_is_found_behind_its_aliases(tmp_path: Path) -> None:
    change_threshold(tmp_path / "thresholds.json", str(JOHN), lambda _: NEVER)
    asked = wishes(tmp_path)
    others = (STAFF, Address("nobody", "example.org"))
    assert [await asked.wish(each) for each in (JOHN, INFO)] == [NEVER, NEVER]
    assert [await asked.wish(each) for each in others] == [Wish(), Wish()]


async def test_while_the_directory_is_away_wishes_are_not_known(tmp_path: Path) -> None:
    change_threshold(tmp_path / "thresholds.json", str(JOHN), lambda _: NEVER)
    assert await wishes(tmp_path, is_away=True).wish(JOHN) is None
    assert await wishes(tmp_path, is_away=True).account(JOHN) == ""


async def test_where_nobody_has_any_the_directory_is_not_asked(tmp_path: Path) -> None:
    assert await wishes(tmp_path, is_away=True).wish(JOHN) == Wish()
