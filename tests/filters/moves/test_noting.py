"""Accounts that mail comes to: written down once, and again when something is different."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from postroad.filters.moves import file
from postroad.filters.moves.file import MovesUnavailable
from postroad.filters.moves.noting import Noting
from postroad.limits.state_file import Keeper
from postroad.mailbox import Whereabouts
from postroad.mailbox.owners import Owner

T = TypeVar("T")
JOHN = "john@example.org"
HOME = Whereabouts.at(Path("/srv/mail/john"))
OTHER = Whereabouts(
    Path("/srv/\udcff"), Path("/srv/inbox"), Path("/srv/\udcff"), True, True, (Path("/srv"),)
)


class Disk:
    """Counts who asks, and may fail."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self.asked = 0
        self.is_away = False

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        self.asked += 1
        if self.is_away:
            raise MovesUnavailable("no disk")
        return await self._keeper.ask(question)

    async def places(self) -> list[tuple[str, Whereabouts, float]]:
        found = await self._keeper.ask(
            lambda connection: file.accounts_after(connection, 0, 10, (Path("/srv"),))
        )
        return [(each.user, each.where, each.since) for each in found]


@pytest.fixture
async def disk(tmp_path: Path) -> AsyncIterator[Disk]:
    keeper = Keeper(tmp_path / "moves.db", file.MOVES, print)
    yield Disk(keeper)
    keeper.close()


async def test_an_account_is_written_once_a_day(disk: Disk) -> None:
    now = 1000.0
    noting = Noting(disk, lambda: now)
    for _ in range(3):
        noting.delivered(JOHN, HOME)
        await noting.write()
    assert disk.asked == 1
    now += 86_400
    await noting.write()
    noting.delivered(JOHN, HOME)
    await noting.write()
    assert disk.asked == 2
    assert await disk.places() == [(JOHN, HOME, 1000.0)]


async def test_another_place_is_taken(disk: Disk) -> None:
    noting = Noting(disk, lambda: 1000.0)
    for where in (HOME, OTHER):
        noting.delivered(JOHN, where)
        await noting.write()
    ((user, where, _),) = await disk.places()
    assert (user, where) == (JOHN, OTHER)


@pytest.mark.parametrize(
    ("before", "after", "is_new"),
    [(None, Owner(7, 7), True), (Owner(7, 7), None, True), (Owner(7, 7), Owner(7, 8), False)],
)
async def test_of_another_owner_nothing_is_known(
    disk: Disk, before: Owner | None, after: Owner | None, is_new: bool
) -> None:
    now = 1000.0
    noting = Noting(disk, lambda: now)
    noting.delivered(JOHN, HOME, None, before)
    await noting.write()
    [account] = await disk.ask(lambda found: file.accounts_after(found, 0, 10, ()))
    kept = file.Kept(account, None, "1.2.3", 1500.0, file.Share(spam=1))
    await disk.ask(lambda found: file.keep(found, [kept]))
    now = 2000.0
    noting.delivered(JOHN, HOME, None, after)
    await noting.write()
    [account] = await disk.ask(lambda found: file.accounts_after(found, 0, 10, ()))
    expected = (2000.0, 0.0, "") if is_new else (1000.0, 1500.0, "1.2.3")
    assert (account.since, account.looked, account.stamp, account.owner) == (*expected, after)
    assert (await disk.ask(lambda found: file.share_of(found, 1))).spam == 1


async def test_what_cannot_be_written_is_kept(disk: Disk) -> None:
    noting = Noting(disk, lambda: 1000.0)
    noting.delivered(JOHN, HOME, "1.Q2R3.host")
    disk.is_away = True
    with pytest.raises(MovesUnavailable):
        await noting.write()
    disk.is_away = False
    await noting.write()
    assert await disk.places() == [(JOHN, HOME, 1000.0)]
    snapshot = await disk.ask(lambda found: file.snapshot_of(found, 1))
    assert len(snapshot.seen) == 1
