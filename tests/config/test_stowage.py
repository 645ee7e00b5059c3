"""What `check` says of the disks and of the spool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from postroad.config import Configuration, stowage
from postroad.config.stowage import doubts_about_spool
from postroad.spool import Shard, Space, SpoolSettings
from spool_conformance import LARGE, Clock, put

MIB = 1_048_576


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    (tmp_path / "state" / "spool").mkdir(parents=True)
    return Configuration(
        hostname="mail.example.org", domains=("example.org",), state_directory=tmp_path / "state"
    )


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (Space(10_000 * MIB, 100_000), []),
        (Space(10_000 * MIB, None), []),
        (Space(255 * MIB, None), ["has 255 MiB free, spool.min_free asks for 256 MiB: mail is"]),
        (Space(300 * MIB, None), ["has 300 MiB free, too little for a message of limits."]),
        (Space(10_000 * MIB, 999), ["has 999 inodes free, less than 1000: mail is refused"]),
    ],
)
def test_room(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, space: Space, words: list[str]
) -> None:
    monkeypatch.setattr(stowage, "look", lambda _: space)
    found = list(doubts_about_spool(configuration))
    assert len(found) == len(words)
    assert all(said in line for said, line in zip(words, found, strict=True))


def test_a_limit_that_is_off_is_no_doubt(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stowage, "look", lambda _: Space(0, 0))
    off = replace(configuration, spool=SpoolSettings(min_free=0, min_free_inodes=0))
    assert list(doubts_about_spool(off)) == []


def test_a_server_that_never_ran_has_no_spool(tmp_path: Path) -> None:
    new = Configuration(
        hostname="mail.example.org", domains=("example.org",), state_directory=tmp_path / "none"
    )
    assert list(doubts_about_spool(new)) == []


async def test_what_is_damaged(configuration: Configuration) -> None:
    place = configuration.spool_directory / "0"
    shard = await Shard.open(place, 0, SpoolSettings(), Clock())
    claimed = await put(shard, content=LARGE)
    await shard.close()
    (place / "bodies" / claimed.message.queue_id).unlink()
    shard = await Shard.open(place, 0, SpoolSettings(), Clock())
    await shard.close()
    (line,) = doubts_about_spool(configuration)
    assert f"damaged messages on hold: 1, the oldest {claimed.message.queue_id};" in line
    (place / "spool.db").write_bytes(b"")
    (line,) = doubts_about_spool(configuration)
    assert "not a spool yet" in line
    shard = await Shard.open(place, 0, SpoolSettings(), Clock())
    await shard.close()
    (line,) = doubts_about_spool(configuration)
    assert "database-1 is a broken database, report.txt there says what became of it" in line
