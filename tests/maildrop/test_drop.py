"""The drop: what programs leave there, and what the server makes of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from postroad.maildrop.aside import MOST_OCTETS
from postroad.maildrop.collection import Broken, Collection, Found
from postroad.maildrop.drop import Writing
from postroad.maildrop.folder import Facts, lay, read_facts
from postroad.maildrop.slip import Slip

FACTS = Facts("mail.x.example", "x.example", size=1000, header=100, state="/s", users=("ann", "b"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    drop = tmp_path / "maildrop"
    assert lay(str(drop), FACTS) == ""
    return drop


def leave(folder: Path, content: bytes = b"Subject: x\n\nbody\n") -> None:
    writing = Writing(str(folder), Slip("a", ["b"]))
    writing.write(content)
    writing.finish()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_folder(folder: Path) -> None:
    assert {path.name: oct(mode(path)) for path in (folder, *folder.iterdir())} == {
        "maildrop": "0o711",
        "new": "0o3733",
        "taken": "0o700",
        "aside": "0o700",
        "wake": "0o622",
        "facts": "0o644",
    }
    told = read_facts(str(folder))
    assert told.text == FACTS.text


def test_it_is_put_right_again(folder: Path) -> None:
    (folder / "new").chmod(0o777)
    (folder / "taken").chmod(0o755)
    (folder / "wake").unlink()
    (folder / "wake").write_text("no pipe")
    lay(str(folder), Facts("other.example"))
    assert mode(folder / "new") == 0o3733
    assert mode(folder / "taken") == 0o700
    assert stat.S_ISFIFO((folder / "wake").lstat().st_mode)
    assert read_facts(str(folder)).origin == "other.example"


def test_a_message_goes_through(folder: Path) -> None:
    leave(folder)
    collection = Collection(str(folder))
    (found,) = collection.take(0.0, [])
    parcel = collection.open(found, 100)
    assert (parcel.uid, parcel.slip.sender, parcel.slip.recipients) == (os.getuid(), "a", ("b",))
    assert parcel.header(100) == b"Subject: x\n"
    assert parcel.read(5) + parcel.read(100) == b"Subject: x\n\nbody\n"
    assert parcel.is_read
    parcel.close()
    named = collection.name(found, "QUEUEID")
    assert collection.begun() == [Found(found.name, "QUEUEID")]
    collection.remove(named)
    assert collection.begun() == []
    assert list((folder / "new").iterdir()) == []


def test_only_the_owner_and_the_server_may_read_it(folder: Path) -> None:
    leave(folder)
    (path,) = (folder / "new").iterdir()
    assert mode(path) == 0o640
    assert path.stat().st_gid == (folder / "new").stat().st_gid


def test_what_is_not_finished_is_not_taken(folder: Path) -> None:
    writing = Writing(str(folder), Slip("a", ["b"]))
    writing.write(b"half")
    (path,) = (folder / "new").iterdir()
    collection, strange = Collection(str(folder)), []
    assert collection.take(path.stat().st_mtime + 3600, strange) == []
    assert strange == []
    writing.discard()
    assert list((folder / "new").iterdir()) == []


def test_what_nobody_finishes_goes_after_a_day(folder: Path) -> None:
    writing = Writing(str(folder), Slip("a", ["b"]))
    (path,) = (folder / "new").iterdir()
    strange: list[str] = []
    Collection(str(folder)).take(path.stat().st_mtime + 90_000, strange)
    assert list((folder / "new").iterdir()) == []
    assert len(strange) == 1
    writing.discard()


def a_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def a_second_name(path: Path) -> None:
    os.link(path.parent.parent / "facts", path)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def nothing(path: Path) -> None:
    path.touch()


def a_foreign_slip(path: Path) -> None:
    leave(path.parent.parent)
    (other,) = path.parent.iterdir()
    other.rename(path)


def cut_off(path: Path) -> None:
    leave(path.parent.parent)
    (other,) = path.parent.iterdir()
    os.truncate(other, other.stat().st_size - 1)


def too_large(path: Path) -> None:
    leave(path.parent.parent, b"x" * 101)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (a_link, "symbolic link"),
        (a_second_name, "another name elsewhere"),
        (a_pipe, "no regular file"),
        (nothing, "it has no end"),
        (a_foreign_slip, "not the slip of a message of this name"),
        (cut_off, "not as long as it says"),
        (too_large, "longer than 100 octets"),
    ],
)
def test_what_is_no_message(folder: Path, make: Callable[[Path], None], why: str) -> None:
    make(folder / "new" / ("0123" * 8))
    collection = Collection(str(folder))
    (found,) = collection.take(0.0, [])
    with pytest.raises(Broken, match=why):
        collection.open(found, 100)
    kept = collection.put_aside(found)
    assert os.path.lexists(kept)
    assert collection.begun() == []


def test_directories_are_in_nobodys_way(folder: Path) -> None:
    for number in range(3):
        (folder / "new" / f"directory{number}" / "in it").mkdir(parents=True)
        (folder / "new" / f".directory{number}").mkdir()
    leave(folder)
    strange: list[str] = []
    assert len(Collection(str(folder)).take(1e12, strange)) == 1
    assert strange == []


@pytest.mark.parametrize("name", ["a.b", "a", "A" * 32, "g" * 32, "a" * 31, "a" * 33, "a" * 250])
def test_a_name_that_is_none_of_ours(folder: Path, name: str) -> None:
    (folder / "new" / name).touch()
    strange: list[str] = []
    assert Collection(str(folder)).take(0.0, strange) == []
    assert len(strange) == 1
    assert len(strange[0]) < 150
    assert list((folder / "new").iterdir()) == []
    assert len(list((folder / "aside").iterdir())) == 1


def test_of_each_user_so_many_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.maildrop.aside.MOST_FILES", 3)
    collection = Collection(str(folder))

    def put(number: int) -> str:
        (folder / "new" / f"{number:032x}").touch()
        (found,) = collection.take(0.0, [])
        return collection.put_aside(found)

    assert [bool(put(number)) for number in range(5)] == [True, True, True, False, False]
    assert collection.begun() == []
    for each in (folder / "aside").iterdir():
        each.unlink()  # as an operator does
    assert put(9)
    (folder / "aside" / f"{9:032x}").unlink()
    for number in range(3):
        (folder / "aside" / f"x{number}").touch()
        os.chown(folder / "aside" / f"x{number}", 65_534, -1)  # somebody else's
    assert put(10)


def test_a_length_that_no_disk_has(folder: Path) -> None:
    path = folder / "new" / ("0" * 32)
    path.touch()
    os.truncate(path, MOST_OCTETS + 1)
    collection = Collection(str(folder))
    (found,) = collection.take(0.0, [])
    assert collection.put_aside(found) == ""
    assert list((folder / "aside").iterdir()) == []


def test_a_message_that_shrinks_while_it_is_read(folder: Path) -> None:
    leave(folder)
    collection = Collection(str(folder))
    (found,) = collection.take(0.0, [])
    parcel = collection.open(found, 0)
    os.truncate(folder / "taken" / found.file, 0)
    with pytest.raises(Broken, match="shorter"):
        parcel.read(100)
    parcel.close()


def test_a_disk_that_fails_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = Writing(str(folder), Slip("a", ["b"]))
    writing.write(b"x")

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        writing.finish()
    writing.discard()
    assert list((folder / "new").iterdir()) == []
