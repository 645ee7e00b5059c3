"""Files that change, are cut, are long, or are still being written."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from files_world import OLD, Files
from postroad.directory import DirectoryUnavailable, Mailbox, Unknown
from postroad.directory.chain import Chain
from postroad.directory.files.followed import Followed, Made
from postroad.directory.links import Link
from postroad.model import Address
from postroad.tables.extents import Extents
from postroad.tables.shrinking import HELD_FOR
from postroad.tables.source import read
from postroad.tables.table import ignore
from sql_world import embedded_beside


async def test_changes_are_followed_and_mistakes_change_nothing(guide: Files) -> None:
    async def look() -> None:
        guide.clock.now += 1
        await guide.backend.account("me@example.org")
        await guide.backend.alias("root@example.org")

    await look()
    guide.write("users", "me:{PLAIN}x\nlisa:{PLAIN}y\n", OLD + 1)
    guide.write("aliases", "root: lisa\n", OLD + 1)
    await look()
    assert await guide.who("lisa@example.org") == "lisa@example.org"
    assert await guide.who("root@example.org") == ["lisa@example.org"]
    assert guide.said == []
    guide.write("users", "me:{PLAIN}x\nlisa it is:{PLAIN}secret\n", OLD + 2)
    guide.write("aliases", "root lisa\n", OLD + 2)
    guide.write("virtual", "me@example.org me\nx@example.org a@@b\n", OLD + 2)
    for _ in range(3):
        await look()
    assert await guide.who("lisa@example.org") == "lisa@example.org"
    assert await guide.who("root@example.org") == ["lisa@example.org"]
    assert await guide.who("anybody@example.net") == ["me@example.org"]
    starts = sorted(words.partition(": ")[0] for words in guide.said)
    folder = guide.folder
    assert starts == [f"{folder}/aliases:1", f"{folder}/users:2", f"hash:{folder}/virtual"]
    assert f"{folder}/virtual:2: " in " ".join(guide.said)
    assert "secret" not in " ".join(guide.said)


async def test_a_file_that_is_still_being_written_is_left_for_later(guide: Files) -> None:
    assert await guide.who("me@example.org") == "me@example.org"
    guide.write("users", "half", OLD + 1001)
    guide.clock.now += 1
    assert await guide.who("me@example.org") == "me@example.org"
    assert guide.said == []


async def test_a_list_that_is_included_is_followed(files: Files) -> None:
    members = files.write("members", "john\n")
    files.open(aliases=(files.write("aliases", f"list: :include:{members}\n"),))
    assert await files.who("list@example.org") == ["john@example.org"]
    files.write("members", "john\nann\n", OLD + 1)
    files.clock.now += 1
    assert await files.who("list@example.org") == ["john@example.org", "ann@example.org"]


async def test_a_bad_list_makes_its_own_alias_wait_and_nothing_else(files: Files) -> None:
    members = files.write("members", "@@\n")
    aliases = files.write("aliases", f"list: :include:{members}\nroot: john\n")
    files.open(aliases=(aliases,))
    with pytest.raises(DirectoryUnavailable, match=f"{members}:1: "):
        await files.who("list@example.org")
    assert await files.who("root@example.org") == ["john@example.org"]
    assert [words.partition(": ")[0] for words in files.said] == [f"{members}:1"]
    files.write("members", "john\nann\n", OLD + 1)
    files.clock.now += 1
    assert await files.who("list@example.org") == ["john@example.org", "ann@example.org"]
    members.unlink()
    files.write("aliases", f"list: :include:{members}\nroot: ann\n", OLD + 2)
    files.clock.now += 1
    with pytest.raises(DirectoryUnavailable, match="no such file"):
        await files.who("list@example.org")
    assert await files.who("root@example.org") == ["ann@example.org"]
    said = len(files.said)
    files.clock.now += 1
    assert await files.who("root@example.org") == ["ann@example.org"]
    assert len(files.said) == said
    files.write("members", "john\n", OLD + 3)
    files.clock.now += 1
    assert await files.who("list@example.org") == ["john@example.org"]


async def test_a_bad_line_is_one_account_that_waits(files: Files) -> None:
    files.open(passwd=files.write("users", "john:{PLAIN}x:0\nann:{PLAIN}y\n"))
    assert await files.who("ann@example.org") == "ann@example.org"
    with pytest.raises(DirectoryUnavailable, match="users:1: uid: 0 is root's"):
        await files.who("john@example.org")


@pytest.mark.parametrize("name", ["users", "aliases", "virtual"])
async def test_a_file_that_is_cut_to_nothing_stays_as_it_was(guide: Files, name: str) -> None:
    async def everybody() -> list[object]:
        guide.clock.now += 1
        asked = ("ann@example.org", "root@example.org", "info@example.org", "me@example.org")
        return [await guide.who(address) for address in asked]

    before = await everybody()
    guide.write(name, "", OLD + 1)
    for _ in range(3):
        await everybody()
    assert await everybody() == before
    (said,) = [words for words in guide.said if "stays as it was" in words]
    assert "nothing is in it any more" in said


@pytest.mark.parametrize("name", ["users", "aliases", "virtual"])
async def test_a_file_that_is_cut_within_a_line_stays_as_it_was(guide: Files, name: str) -> None:
    async def everybody() -> list[object]:
        guide.clock.now += 1
        asked = ("ann@example.org", "root@example.org", "info@example.org", "me@example.org")
        return [await guide.who(address) for address in asked]

    before = await everybody()
    whole = (guide.folder / name).read_text()
    guide.write(name, whole[:-2], OLD + 1)
    for _ in range(3):
        await everybody()
    assert await everybody() == before
    (said,) = [words for words in guide.said if "stays as it was" in words]
    assert "its last line has no end" in said
    guide.write(name, whole, OLD + 2)
    assert await everybody() == before


def lines_of(kind: str, many: range) -> str:
    if kind == "passwd":
        return "".join(f"u{number}:{{PLAIN}}x\n" for number in many)
    return "".join(f"u{number}@example.org {number}/\n" for number in many)


@pytest.mark.parametrize("kind", ["passwd", "mailbox"])
async def test_half_of_a_file_goes_when_it_stays_so_for_a_while(files: Files, kind: str) -> None:
    path = files.write("users", lines_of(kind, range(40)))
    files.open(**({"passwd": path} if kind == "passwd" else {"mailbox": (f"hash:{path}",)}))

    async def last() -> object:
        files.clock.now += 1
        return await files.who("u39@example.org")

    assert await last() == "u39@example.org"
    files.write("users", lines_of(kind, range(20)), OLD + 1)
    for _ in range(3):
        assert await last() == "u39@example.org"
    (said,) = [words for words in files.said if "stays as it was" in words]
    assert "20 of its 40 entries are gone at once" in said
    files.clock.now += HELD_FOR - 10
    files.write("users", lines_of(kind, range(19)), OLD + 2)  # it changes: the time begins anew
    for _ in range(20):
        assert await last() == "u39@example.org"
    files.clock.now += HELD_FOR
    assert isinstance(await last(), Unknown)


@pytest.mark.parametrize("kind", ["passwd", "mailbox"])
async def test_who_starts_with_a_cut_file_knows_nobody(files: Files, kind: str) -> None:
    files.extents = Extents(files.wall, files.folder / "extents")
    path = files.write("users", lines_of(kind, range(40)))
    settings = {"passwd": path} if kind == "passwd" else {"mailbox": (f"hash:{path}",)}
    files.open(**settings)
    assert await files.who("u39@example.org") == "u39@example.org"
    await files.backend.close()
    files.extents = Extents(files.wall, files.folder / "extents")
    files.write("users", lines_of(kind, range(2)), OLD + 1)
    files.open(**settings)
    for _ in range(3):
        files.clock.now += 1
        with pytest.raises(DirectoryUnavailable, match="38 of its 40 entries are gone at once"):
            await files.who("u39@example.org")
    assert len(files.said) == 1
    files.backend.take_as_they_are()
    files.clock.now += 1
    assert isinstance(await files.who("u39@example.org"), Unknown)
    assert await files.who("u1@example.org") == "u1@example.org"


@pytest.mark.parametrize("kind", ["passwd", "mailbox"])
async def test_a_reload_takes_files_as_they_are(files: Files, kind: str) -> None:
    path = files.write("users", lines_of(kind, range(40)))
    files.open(**({"passwd": path} if kind == "passwd" else {"mailbox": (f"hash:{path}",)}))
    assert await files.who("u39@example.org") == "u39@example.org"
    files.write("users", "# everybody has left\n", OLD + 1)
    files.clock.now += 1
    assert await files.who("u39@example.org") == "u39@example.org"
    files.backend.take_as_they_are()
    assert isinstance(await files.who("u39@example.org"), Unknown)


async def test_a_reload_before_anybody_asked_takes_them_too(files: Files) -> None:
    files.open(passwd=files.write("users", lines_of("passwd", range(40))))
    assert await files.who("u39@example.org") == "u39@example.org"
    files.write("users", "", OLD + 1)
    files.backend.take_as_they_are()
    assert isinstance(await files.who("u39@example.org"), Unknown)


@pytest.mark.parametrize("kind", ["passwd", "mailbox"])
async def test_by_a_file_that_is_held_mail_is_taken_and_nobody_logs_in(
    files: Files, kind: str
) -> None:
    path = files.write("users", lines_of(kind, range(40)))
    files.open(**({"passwd": path} if kind == "passwd" else {"mailbox": (f"hash:{path}",)}))

    async def doubt(name: str) -> str:
        files.clock.now += 1
        account = await files.backend.account(f"{name}@example.org")
        assert account is not None
        return account.doubt

    assert await doubt("u39") == ""
    whole = files.folder / "whole"
    os.link(files.folder / "users", whole)
    files.write("users", lines_of(kind, range(2)) + lines_of(kind, range(50, 51)), OLD + 1)
    assert "it seems to be cut" in await doubt("u39")
    assert await doubt("u1") == ""
    with pytest.raises(DirectoryUnavailable, match=r"u50@example\.org is new"):
        await files.who("u50@example.org")
    whole.replace(files.folder / "users")  # the very same again
    assert await doubt("u39") == ""
    files.clock.now += HELD_FOR
    assert await doubt("u39") == ""
    assert isinstance(await files.who("u50@example.org"), Unknown)


async def test_an_alias_that_is_new_in_a_file_that_is_held_is_not_unknown(guide: Files) -> None:
    assert await guide.who("root@example.org") == ["me@example.org"]
    guide.write("aliases", "root: me\nnew: me", OLD + 1)
    guide.clock.now += 1
    assert await guide.who("root@example.org") == ["me@example.org"]
    with pytest.raises(DirectoryUnavailable, match=r"new@example\.org is a new alias"):
        await guide.who("new@example.org")


async def test_who_is_not_in_a_cut_file_as_before_cannot_log_in(
    files: Files, tmp_path: Path
) -> None:
    async with AsyncExitStack() as exits:
        files.open(passwd=files.write("users", "ann:{PLAIN}one\njim:{PLAIN}other\n"))
        link = Link("files", files.backend, frozenset({"example.org"}), logins=files.backend)
        chain = Chain(embedded_beside(tmp_path, exits), [link])
        login = chain.authenticate
        assert await login("ann@example.org", "one") == "ann@example.org"
        files.write("users", "ann:{PLAIN}two\njim:{PLAIN}other", OLD + 1)
        files.clock.now += 1
        for password in ("one", "two"):
            with pytest.raises(DirectoryUnavailable, match=r"ann@example\.org is not the same"):
                await login("ann@example.org", password)
        assert await login("jim@example.org", "other") == "jim@example.org"
        assert isinstance(await chain.resolve(Address("ann", "example.org")), Mailbox)
        chain.reload()
        assert await login("ann@example.org", "one") is None
        assert await login("ann@example.org", "two") == "ann@example.org"


async def test_fewer_than_half_go_at_once(files: Files) -> None:
    files.open(passwd=files.write("users", lines_of("passwd", range(40))))
    assert await files.who("u39@example.org") == "u39@example.org"
    files.write("users", lines_of("passwd", range(21)), OLD + 1)
    files.clock.now += 1
    assert isinstance(await files.who("u39@example.org"), Unknown)


async def test_nobody_can_look_for_another_file_by_a_name(guide: Files) -> None:
    for name in ("etc/passwd@example.org", '"a b"@example.org', "x" * 60 + "@example.org"):
        assert isinstance(await guide.who(name), Unknown)


async def test_a_long_file_is_read_in_a_thread(files: Files) -> None:
    lines = [f"u{number}:{{PLAIN}}x\n" for number in range(5_000)]
    files.open(passwd=files.write("users", "".join(lines)))
    account = await files.backend.account("u4999@example.org")
    assert account is not None
    assert account.name == "u4999@example.org"


async def test_who_notices_a_change_does_not_wait_for_a_long_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroad.directory.files.followed.AWAITED", 0.0)
    files = Files(tmp_path)
    path, go_on, done = files.write("list", "a"), threading.Event(), asyncio.Event()

    def make() -> Made[str]:
        text, seen = read(path)
        if text == "b":
            assert go_on.wait(60)
        return text, {path: seen}

    def inform(words: str) -> None:
        files.known.append(words)
        done.set()

    wall = lambda: OLD + 1000.0  # noqa: E731
    followed = Followed(
        "list", make, report=files.said.append, inform=inform, now=files.clock, wall=wall
    )
    assert await followed.get() == "a"
    files.write("list", "b", OLD + 1)
    for _ in range(3):
        files.clock.now += 1
        assert await followed.get() == "a"
    go_on.set()
    async with asyncio.timeout(60):
        await done.wait()
    assert await followed.get() == "b"


async def test_a_mistake_of_ours_changes_nothing(tmp_path: Path) -> None:
    files = Files(tmp_path)
    path = files.write("list", "a")

    def make() -> Made[str]:
        text, seen = read(path)
        if text == "b":
            raise AttributeError("no such thing")
        return text, {path: seen}

    wall = lambda: OLD + 1000.0  # noqa: E731
    followed = Followed(
        "list", make, report=files.said.append, inform=ignore, now=files.clock, wall=wall
    )
    assert await followed.get() == "a"
    files.write("list", "b", OLD + 1)
    for _ in range(3):
        files.clock.now += 1
        assert await followed.get() == "a"
    assert files.said == ["AttributeError: no such thing; list stays as it was"]
