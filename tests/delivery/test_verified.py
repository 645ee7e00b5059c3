"""What is known of addresses: how long, who probes, what is kept."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from postroad.delivery import verified as module
from postroad.delivery.settings import VerificationSettings
from postroad.delivery.verified import CLAIM, VERIFIED, Known, Verified
from postroad.limits.state_file import Keeper, open_file
from postroad.policy import Verification, VerificationStatus

NOW = 1_800_000_000.0
HOUR, DAY = 3600.0, 86_400.0
BOB = "bob@example.net"
GOOD = Verification(VerificationStatus.DELIVERABLE, "250 2.1.5 Ok")
BAD = Verification(VerificationStatus.UNDELIVERABLE, "host mx said: 550 5.1.1 Unknown")
UNSURE = Verification(VerificationStatus.UNKNOWN, "host mx said: 450 4.2.0 Later")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "verified.db"


@pytest.fixture
def keeper(path: Path) -> Iterator[Keeper]:
    made = Keeper(path, VERIFIED, print)
    yield made
    made.close()


@pytest.fixture
def known(keeper: Keeper) -> Verified:
    return Verified(VerificationSettings(), keeper)


async def test_an_unknown_address_is_claimed_by_who_asks_first(known: Verified) -> None:
    assert await known.look(BOB, NOW, claim=True) == Known(None, due=True)
    assert await known.look(BOB, NOW + 1, claim=True) == Known(None, due=False)
    assert await known.look("eve@example.net", NOW, claim=True) == Known(None, due=True)
    assert await known.look(BOB, NOW + CLAIM, claim=True) == Known(None, due=True)


async def test_who_will_not_probe_claims_nothing(known: Verified) -> None:
    assert await known.look(BOB, NOW, claim=False) == Known(None, due=False)
    assert await known.look(BOB, NOW, claim=True) == Known(None, due=True)
    await known.release(BOB)
    assert await known.look(BOB, NOW, claim=True) == Known(None, due=True)


@pytest.mark.parametrize(
    ("result", "age", "told", "due"),
    [
        (GOOD, 0, True, False),
        (GOOD, 7 * DAY, True, False),
        (GOOD, 7 * DAY + 1, True, True),
        (GOOD, 31 * DAY, True, True),
        (GOOD, 31 * DAY + 1, False, True),
        (BAD, 3 * HOUR, True, False),
        (BAD, 3 * HOUR + 1, True, True),
        (BAD, 3 * DAY, True, True),
        (BAD, 3 * DAY + 1, False, True),
        (UNSURE, 300, True, False),
        (UNSURE, 301, False, True),
        (UNSURE, -1, False, True),
    ],
)
async def test_results_get_old(
    known: Verified, result: Verification, age: float, told: bool, due: bool
) -> None:
    await known.look(BOB, NOW, claim=True)
    await known.put(BOB, result, NOW)
    found = await known.look(BOB, NOW + age, claim=True)
    assert found == Known(result if told else None, due)
    again = await known.look(BOB, NOW + age, claim=True)
    assert again == Known(result if told else None, due=False)


async def test_limits_can_be_switched_off(known: Verified) -> None:
    off = dict.fromkeys(
        ("positive_expire", "positive_refresh", "negative_expire", "negative_refresh"), 0.0
    )
    known.settings = VerificationSettings(**off, entries=0)
    for result in (GOOD, BAD):
        await known.put(result.status.value, result, NOW)
        found = await known.look(result.status.value, NOW + 3650 * DAY, claim=True)
        assert found == Known(result, due=False)


@pytest.mark.parametrize("later", [BAD, UNSURE])
async def test_one_failure_does_not_undo_what_was_good(
    known: Verified, later: Verification
) -> None:
    await known.put(BOB, GOOD, NOW)
    await known.look(BOB, NOW + 8 * DAY, claim=True)
    await known.put(BOB, later, NOW + 8 * DAY)
    assert await known.look(BOB, NOW + 8 * DAY + 299, claim=True) == Known(GOOD, due=False)
    assert await known.look(BOB, NOW + 8 * DAY + 300, claim=True) == Known(GOOD, due=True)
    await known.put(BOB, later, NOW + 32 * DAY)
    assert await known.look(BOB, NOW + 32 * DAY, claim=True) == Known(later, due=False)


async def test_what_was_bad_may_become_good(known: Verified) -> None:
    await known.put(BOB, BAD, NOW)
    await known.put(BOB, GOOD, NOW + 1)
    assert await known.look(BOB, NOW + 1, claim=True) == Known(GOOD, due=False)


async def test_a_clock_that_was_set_back_lets_no_claim_last(known: Verified) -> None:
    await known.look(BOB, NOW + DAY, claim=True)
    assert await known.look(BOB, NOW, claim=True) == Known(None, due=True)


async def test_words_are_cut_and_any_text_is_kept(known: Verified) -> None:
    words = "host mx said: 550 \udc80" + "x" * 1000
    await known.put("a\udc80@example.net", BAD._replace(why=words), NOW)
    found = (await known.look("a\udc80@example.net", NOW, claim=True)).verification
    assert found is not None
    assert found.why == "host mx said: 550 ?" + "x" * 481


async def test_the_oldest_of_too_many_go(
    known: Verified, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SWEEP_EVERY", 0)
    known.settings = VerificationSettings(entries=10)
    for at in range(30):
        await known.put(f"{at}@example.net", GOOD, NOW + at)
    with closing(open_file(path, VERIFIED)) as connection:
        rows = [each.address for each in module.listed(connection)]
    assert rows == [f"{at}@example.net" for at in range(20, 30)]


async def test_what_nobody_would_be_told_goes(
    known: Verified, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SWEEP_EVERY", 0)
    for name, result in (("good", GOOD), ("bad", BAD), ("unsure", UNSURE)):
        await known.put(name, result, NOW)
    await known.look("claimed", NOW, claim=True)

    def names() -> list[str]:
        with closing(open_file(path, VERIFIED)) as connection:
            return sorted(each.address for each in module.listed(connection))

    await known.put("new", GOOD, NOW + 3 * DAY + 1)
    assert names() == ["good", "new"]
    await known.put("new", GOOD, NOW + 31 * DAY + 1)
    assert names() == ["new"]


async def test_workers_share_claims_and_results(path: Path) -> None:
    keepers = [Keeper(path, VERIFIED, print) for _ in range(4)]
    workers = [Verified(VerificationSettings(), each) for each in keepers]
    looks = [each.look(f"{at}@b", NOW, claim=True) for at in range(50) for each in workers]
    found = await asyncio.gather(*looks)
    for at in range(50):
        assert sum(each.due for each in found[at * 4 : at * 4 + 4]) == 1
    await workers[0].put("1@b", GOOD, NOW)
    assert (await workers[3].look("1@b", NOW, claim=True)).verification == GOOD
    for each in keepers:
        each.close()


@pytest.mark.parametrize(
    ("subject", "left"),
    [
        (None, []),
        ("bob@example.net", ["bob@example.org", "bob@sub.example.net", "eve@example.net"]),
        ("@example.net", ["bob@example.org", "bob@sub.example.net"]),
        (
            "@example",
            ["bob@example.net", "bob@example.org", "bob@sub.example.net", "eve@example.net"],
        ),
    ],
)
def test_forgetting(subject: str | None, left: list[str]) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(VERIFIED.tables)
        names = ["bob@example.net", "eve@example.net", "bob@example.org", "bob@sub.example.net"]
        for name in names:
            values = (name, "deliverable", "Ok", NOW)
            connection.execute("INSERT INTO addresses VALUES (?, ?, ?, ?, 0)", values)
        assert module.forget(connection, subject) == len(names) - len(left)
        assert sorted(each.address for each in module.listed(connection)) == left
