"""Tests of replacing small files as a whole: the order of steps, rights, what failures leave."""

import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroad.limits.whole_file import locked, sync_folder, write_whole

OLD, NEW = b"old\n", b"new\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(OLD)
    return path


class Steps:
    """Notes what is done to the disk, and what a crash before each step would leave."""

    def __init__(self, file: Path, monkeypatch: pytest.MonkeyPatch, *, fails_at: str = "") -> None:
        self.taken: list[tuple[str, bytes]] = []
        self._file = file
        self._fails_at = fails_at
        self._fsync, rename = os.fsync, Path.rename

        def stepping(old: Path, new: Path) -> Path:
            self._step("rename")
            return rename(old, new)

        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(Path, "rename", stepping)

    def fsync(self, descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if not is_folder:
            assert os.fstat(descriptor).st_size == len(NEW)  # all of it is there to be synced
        self._step("sync folder" if is_folder else "sync file")
        self._fsync(descriptor)

    def _step(self, name: str) -> None:
        self.taken.append((name, self._file.read_bytes()))
        if name == self._fails_at:
            raise OSError(28, "no space left on device")


def test_it_is_synced_before_it_has_the_name(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Steps(file, monkeypatch)
    write_whole(file, (b"ne", b"", b"w\n"))
    assert steps.taken == [("sync file", OLD), ("rename", OLD), ("sync folder", NEW)]
    assert file.read_bytes() == NEW
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == [file.name]


@pytest.mark.parametrize("step", ["sync file", "rename"])
def test_what_fails_leaves_the_old_one_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    Steps(file, monkeypatch, fails_at=step)
    with pytest.raises(OSError, match="no space"):
        write_whole(file, (NEW,))
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == [file.name]


def test_a_name_that_may_be_lost_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Steps(file, monkeypatch, fails_at="sync folder")
    with pytest.raises(OSError, match="no space"):
        write_whole(file, (NEW,))
    assert file.read_bytes() == NEW


def test_pieces_that_break_off_leave_nothing(file: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_whole(file, pieces())
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == [file.name]


def test_what_a_crash_left_is_replaced_and_no_link_is_followed(file: Path) -> None:
    other = file.parent / "other"
    other.write_bytes(b"other's")
    (file.parent / "keys.json.new").symlink_to(other)
    write_whole(file, (NEW,))
    assert file.read_bytes() == NEW
    assert not file.is_symlink()
    assert other.read_bytes() == b"other's"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("is_given_away", [False, True])
def test_what_root_makes_is_the_servers(tmp_path: Path, *, is_given_away: bool) -> None:
    os.chown(tmp_path, 4711, 4712)
    write_whole(tmp_path / "file", (NEW,), is_given_away=is_given_away)
    with locked(tmp_path / "lock", is_given_away=is_given_away):
        pass
    for name in ("file", "lock"):
        owner = (tmp_path / name).stat()
        assert (owner.st_uid, owner.st_gid) == ((4711, 4712) if is_given_away else (0, 0))


def test_a_lock_is_no_link_to_another_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    (tmp_path / "lock").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic links"), locked(tmp_path / "lock"):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_has_a_second_name_is_given_to_nobody(tmp_path: Path) -> None:
    """Its other name may be one that has nothing to do with the server."""
    os.chown(tmp_path, 4711, 4712)
    (tmp_path / "other").touch()
    (tmp_path / "lock").hardlink_to(tmp_path / "other")
    with pytest.raises(PermissionError), locked(tmp_path / "lock", is_given_away=True):
        pass
    assert (tmp_path / "other").stat().st_uid == 0


def test_one_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with locked(lock), lock.open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with lock.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "gone" / "file", (NEW,))
