"""What is put aside: read as it was written, in no directory, and gone with the last who has it."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from postroad.spool import Aside, Room, Space, SpoolError, SpoolSettings

P = ParamSpec("P")
T = TypeVar("T")


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def open_files(folder: Path) -> list[int]:
    """The files of this process that are in a folder, with a name or without."""
    found = []
    for entry in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that the list was read from
            if os.readlink(f"/proc/self/fd/{entry}").startswith(f"{folder}/"):
                found.append(int(entry))
    return found


async def test_it_is_read_as_it_was_written(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    parts = [b"one", b"x" * 300_000, b"", b"end"]
    aside = Aside(tmp_path, executor)
    for part in parts:
        await aside.write(part)

    content = aside.content()

    assert content.size == 300_006
    assert b"".join(content.chunks()) == b"".join(parts)
    one, other = content.chunks(), content.chunks()
    assert next(one) == next(other)
    assert max(map(len, content.chunks())) <= 131_072


async def test_it_has_no_name_and_goes_with_the_last_who_has_it(
    tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    aside = Aside(tmp_path, executor)
    await aside.write(b"octets")
    content = aside.content()
    del aside

    assert len(open_files(tmp_path)) == 1
    assert os.listdir(tmp_path) == []
    assert b"".join(content.chunks()) == b"octets"

    del content
    gc.collect()
    await asyncio.sleep(0)  # the loop has the thread close it
    executor.submit(int).result()  # after that
    assert open_files(tmp_path) == []


class Collecting(ThreadPoolExecutor):
    """One that is taking work when the garbage is collected: it holds a lock then."""

    is_taking = False
    waits_for_itself = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if self.is_taking:
            self.waits_for_itself = True
            raise RuntimeError
        self.is_taking = True
        gc.collect()
        self.is_taking = False
        return super().submit(fn, *args, **kwargs)


async def test_it_may_be_garbage_while_work_is_given_to_the_threads(tmp_path: Path) -> None:
    with Collecting(1) as executor:
        aside = Aside(tmp_path, executor)
        await aside.write(b"octets")
        held: list[object] = [aside]
        held.append(held)  # as a failure holds the frames that it came through, and they it
        del aside, held

        await asyncio.get_running_loop().run_in_executor(executor, int)

        assert not executor.waits_for_itself
        await asyncio.sleep(0)
        executor.submit(int).result()
        assert open_files(tmp_path) == []


async def test_a_full_disk_has_its_room_back_at_once(
    tmp_path: Path, executor: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    aside = Aside(tmp_path, executor)
    await aside.write(b"octets")
    gc.disable()  # the room is wanted now, and not when garbage is looked for
    try:
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", full)
            with suppress(SpoolError):
                await aside.write(b"more")
        del aside
        executor.submit(int).result()  # the thread has let go of what failed in it
        for _ in range(2):  # and so does the loop, which has the thread close it then
            await asyncio.sleep(0)
        executor.submit(int).result()
        assert open_files(tmp_path) == []
    finally:
        gc.enable()


async def test_nothing_is_opened_before_there_is_something(
    tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    Aside(tmp_path / "none", executor)

    with pytest.raises(SpoolError, match="No such file"):
        await Aside(tmp_path / "none", executor).write(b"octets")


async def test_what_is_put_aside_leaves_free_what_is_to_be_free(
    tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    """Many at once stop together, though the disk is looked at only once a second."""
    space = Space(60_000_000, None)
    room = Room(SpoolSettings(min_free=50_000_000), [tmp_path], lambda: 0.0, str, lambda _: space)
    first, second = Aside(tmp_path, executor, room), Aside(tmp_path, executor, room)
    await first.write(b"x" * 6_000_000)
    space = Space(54_000_000, None)

    await second.write(b"x" * 3_000_000)
    space = Space(51_000_000, None)
    with pytest.raises(SpoolError, match="the disks have no room"):
        await first.write(b"x" * 3_000_000)
    assert first.content().size == 6_000_000


async def test_what_is_missing_is_said(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    aside = Aside(tmp_path, executor)
    await aside.write(b"octets")
    content = aside.content()
    (descriptor,) = open_files(tmp_path)
    os.truncate(descriptor, 3)

    with pytest.raises(SpoolError, match="3 octets of what was put aside are missing"):
        list(content.chunks())


async def test_a_closed_shard_takes_nothing(tmp_path: Path) -> None:
    executor = ThreadPoolExecutor(1)
    aside = Aside(tmp_path, executor)
    await aside.write(b"octets")
    executor.shutdown()

    with pytest.raises(SpoolError, match="closed"):
        await aside.write(b"more")
    del aside
    gc.collect()
    await asyncio.sleep(0)
    assert open_files(tmp_path) == []


def test_it_may_outlive_its_loop(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    async def put_aside() -> Aside:
        aside = Aside(tmp_path, executor)
        await aside.write(b"octets")
        return aside

    aside = asyncio.run(put_aside())
    del aside
    gc.collect()
    assert open_files(tmp_path) == []
