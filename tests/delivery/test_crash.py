"""The world ends at every step between spool, Maildir and mark: each message is there exactly once.

A message waits in a shard. It is delivered to several accounts, one of them into a folder that has
to be made, with quotas that are counted, and settled. After each durable step the process is killed
or the power cut, a mail program may have been at the mailbox meanwhile, and the next start does it
all again. Then each account has one file of its unique name in all of its folders, sums are right,
and nothing is left in the queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar, cast

import pytest

from disk_model import Crash, DiskModel, Fate
from fake_directory import FakeDirectory
from postroad.delivery.filing import DetailFiling
from postroad.delivery.local import LocalTransport, Storing
from postroad.delivery.transport import Delivery
from postroad.mailbox import MaildirLocation, MaildirWriter, Whereabouts
from postroad.mailbox.maildirsize import FILE, MaildirSize
from postroad.mailbox.scan import all_folders, count
from postroad.mailbox.settings import MailboxSettings
from postroad.model import Address, Addressee, Envelope, Status
from postroad.model.durable import DISK, Durable, Operation
from postroad.spool import Done, Shard, SpoolError, SpoolSettings

NOON = 1_700_000_000.0
SMALL = b"Subject: hello\r\n\r\n" + b"text\r\n" * 200
LARGE = b"Subject: hello\r\n\r\n" + b"text\r\n" * 3000
SETTINGS = SpoolSettings(inline_limit=4096)
ADDRESSES = ("john@example.org", "ann+Lists@example.org", "lea@example.org")
FATES = (Fate.KILLED, Fate.POWER_CUT)
SYNCS = (Operation.SYNC_FILE, Operation.SYNC_DIRECTORY)
EVERY = 40  # steps up to which each is met with every reader; beyond, readers take turns

T = TypeVar("T")


class Quick:
    """A gate that leaves syncs out, which `DiskModel` only has to hear of, and a test waits for."""

    def __init__(self, inner: Durable = DISK) -> None:
        self.inner = inner

    def perform(self, operation: Operation, path: Path, action: Callable[[], T]) -> T:
        if operation in SYNCS:
            return self.inner.perform(operation, path, cast("Callable[[], T]", lambda: None))
        return self.inner.perform(operation, path, action)


def accounts() -> FakeDirectory:
    return FakeDirectory(users={f"{name}@example.org": "pw" for name in ("john", "ann", "lea")})


def mailbox(root: Path, address: str) -> Whereabouts:
    local = address.partition("@")[0].partition("+")[0]
    return Whereabouts.at(root / "mail/example.org" / local / "Maildir")


async def queue(root: Path, content: bytes, addresses: tuple[str, ...]) -> None:
    """A message that was acknowledged, in a shard of its own."""
    shard = await Shard.open(root / "spool", 0, SETTINGS, lambda: NOON)
    draft = shard.begin()
    if (written := draft.write(content)) is not None:
        await written
    parsed = [Address.parse(each) for each in addresses]
    await draft.commit(Envelope(None), [Addressee(each, each) for each in parsed], NOON)
    await shard.close()


async def deliver(root: Path, quota: str, durable: Durable) -> None:
    """What a server does from its start until the queue is empty."""
    settings = MailboxSettings(quota=quota, detail_folders="create")
    writer = MaildirWriter("mail.example.org", threads=1, durable=durable)
    transport = LocalTransport(
        accounts(),
        MaildirLocation("", root),
        writer,
        lambda: 0.0,
        storing=Storing(settings=settings, filing=DetailFiling("+", create=True)),
    )
    shard = await Shard.open(root / "spool", 0, SETTINGS, lambda: NOON, durable)
    try:
        for claimed in (await shard.claim(NOON + 1e6, 100)).messages:
            for recipient in claimed.recipients:
                report = await transport.deliver(Delivery(claimed.message, (recipient,), ""))
                assert [each.status for each in report.outcomes] == [Status.SENT]
                await shard.settle([Done(recipient.id)])
    finally:
        writer.close()
        await shard.close()


async def left_waiting(root: Path) -> int:
    shard = await Shard.open(root / "spool", 0, SETTINGS, lambda: NOON)
    try:
        return len((await shard.claim(NOON + 1e6, 100)).messages)
    finally:
        await shard.close()


def found(where: Whereabouts) -> list[Path]:
    """Every message of an account, wherever a mail program would find it."""
    return [
        path
        for folder in all_folders(where)
        for part in ("new", "cur")
        if (folder / part).is_dir()
        for path in (folder / part).iterdir()
    ]


async def check(root: Path, content: bytes, addresses: tuple[str, ...], *, counted: bool) -> None:
    for address in addresses:
        where = mailbox(root, address)
        [only] = found(where)
        assert only.read_bytes().endswith(content.replace(b"\r\n", b"\n")), address
        if counted:
            quota = MailboxSettings(quota="1M").quota_of()
            assert (where.control / FILE).exists()
            usage = MaildirSize(where, quota, lambda: NOON).usage()
            assert usage == count(all_folders(where))[0], address
    assert await left_waiting(root) == 0


def stays(_: Path) -> None:
    """No mail program is there."""


def is_read(root: Path) -> None:
    """Somebody reads everything."""
    for address in ADDRESSES:
        for path in found(mailbox(root, address)):
            if path.parent.name == "new":
                path.rename(path.parent.parent / "cur" / f"{path.name}:2,S")


def is_archived(root: Path) -> None:
    """Somebody moves everything to another folder, as procmail or mutt would."""
    for address in ADDRESSES:
        where = mailbox(root, address)
        for path in found(where):
            archive = where.root / ".Archive" / "cur"
            archive.mkdir(parents=True, exist_ok=True)
            path.rename(archive / f"{path.name.partition(':')[0]}:2,S")


READERS: dict[str, Callable[[Path], None]] = {
    "nobody": stays,
    "who reads": is_read,
    "who moves": is_archived,
}
CASES = [
    pytest.param(SMALL, 1, "", id="one"),
    pytest.param(SMALL, 1, "1M", id="one with a quota"),
    pytest.param(LARGE, 1, "1M", id="a large one with a quota"),
    pytest.param(SMALL, 2, "1M", id="two with a quota"),
    pytest.param(LARGE, 3, "", id="three, large"),
    pytest.param(SMALL, 3, "1M", id="three with a quota"),
]


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: the model keeps what is on disk, not the disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.mark.parametrize(("content", "number", "quota"), CASES)
async def test_every_step_can_be_the_last(
    quick_path: Path, content: bytes, number: int, quota: str
) -> None:
    tmp_path = quick_path
    addresses = ADDRESSES[:number]
    (tmp_path / "whole").mkdir()
    await queue(tmp_path / "whole", content, addresses)
    whole = DiskModel(tmp_path / "whole")
    await deliver(whole.root, quota, Quick(whole))
    await check(whole.root, content, addresses, counted=bool(quota))
    for step in range(1, len(whole.taken) + 1):
        (tmp_path / str(step)).mkdir()
        await queue(tmp_path / str(step), content, addresses)
        gate = DiskModel(tmp_path / str(step), step)
        before = asyncio.all_tasks()
        with contextlib.suppress(Crash, SpoolError):
            await deliver(gate.root, quota, Quick(gate))
        await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)
        assert gate.is_over
        for fate in FATES:
            readers = list(READERS.items())
            for name, reader in readers if len(whole.taken) < EVERY else readers[step % 3 :][:1]:
                left = gate.left(fate, tmp_path / f"{step} {fate.value} {name}")
                reader(left)
                try:
                    await deliver(left, quota, Quick())
                    await check(left, content, addresses, counted=bool(quota))
                except (AssertionError, ValueError) as error:
                    what = f"{fate} after {gate.taken[-1]}, step {step}, {name}"
                    raise AssertionError(what) from error
