"""Memories on disk: each message once, each account its own, bounded, and sound."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroad.filters.builtin.bayes.classifier import Counts
from postroad.filters.builtin.bayes.lesson import Learned, Lesson
from postroad.filters.builtin.bayes.store import NOTHING, Bounds, Store, StoreUnavailable
from postroad.filters.builtin.bayes.stores import Stores

ANN, BOB = "ann@example.org", "bob@example.org"
SPAM = Lesson(("cheap", "pills"), b"1", is_spam=True)
HAM = Lesson(("dear", "pills"), b"2", is_spam=False)


class World:
    """Memories in a folder, and what was said of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "spam"
        self.said: list[str] = []
        self.stores = Stores(self.folder, self.said.append)

    def counts(self, *tokens: str, whose: str = "") -> Counts:
        return self.stores.counts(tokens or ("cheap", "dear", "pills", "never"), whose)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def weights(counts: Counts) -> tuple[int, int, dict[str, tuple[int, int]]]:
    return counts.spam, counts.ham, {key: each for key, each in counts.tokens.items() if any(each)}


def test_what_is_learned_counts(world: World) -> None:
    assert world.stores.learn([SPAM, HAM]) == [Learned.NEW, Learned.NEW]
    assert weights(world.counts()) == (1, 1, {"cheap": (1, 0), "dear": (0, 1), "pills": (1, 1)})


def test_each_message_counts_once(world: World) -> None:
    assert world.stores.learn([SPAM, SPAM]) == [Learned.NEW, Learned.KNOWN]
    before = world.counts()
    assert world.stores.learn([SPAM]) == [Learned.KNOWN]
    assert world.counts() == before
    assert world.stores.known(b"1") is True
    assert world.stores.known(b"2") is None


def test_a_change_of_mind(world: World) -> None:
    world.stores.learn([SPAM])
    assert world.stores.learn([SPAM._replace(is_spam=False)]) == [Learned.CHANGED]
    assert weights(world.counts()) == (0, 1, {"cheap": (0, 1), "pills": (0, 1)})
    assert world.stores.known(b"1") is False
    assert world.stores.learn([SPAM._replace(is_spam=None)]) == [Learned.FORGOTTEN]
    assert weights(world.counts()) == (0, 0, {})


def test_what_was_never_learned_is_not_unlearned(world: World) -> None:
    gone = SPAM._replace(is_spam=None)
    assert world.stores.learn([gone]) == [Learned.NEVER]
    assert not world.folder.exists()  # nor is a memory made for that
    world.stores.learn([HAM])
    assert world.stores.learn([gone]) == [Learned.NEVER]
    assert weights(world.counts()) == (0, 1, {"dear": (0, 1), "pills": (0, 1)})


def test_accounts_know_nothing_of_each_other(world: World) -> None:
    world.stores.learn([SPAM], ANN)
    world.stores.learn([HAM], BOB)
    assert weights(world.counts(whose=ANN))[:2] == (1, 0)
    assert weights(world.counts(whose=BOB))[:2] == (0, 1)
    assert world.counts() == NOTHING
    assert [(each.owner, each.spam, each.ham) for each in world.stores.all()] == [
        (ANN, 1, 0),
        (BOB, 0, 1),
    ]
    assert world.stores.forget(ANN)
    assert not world.stores.forget(ANN)
    assert world.counts(whose=ANN) == NOTHING


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a/b@example.org", "..", ".", "é@example.org", "a" * 5000],
)
def test_no_name_leads_out_of_the_folder(world: World, tmp_path: Path, name: str) -> None:
    world.stores.learn([SPAM], name)
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file.parent == world.folder / "users"
    assert world.counts("cheap", whose=name).spam == 1


def test_words_cannot_be_read_in_the_file(world: World) -> None:
    world.stores.learn([SPAM], ANN)
    world.stores.learn([SPAM], BOB)
    files = [path.read_bytes() for path in world.folder.rglob("*.db")]
    assert all(b"cheap" not in each and b"pills" not in each for each in files)
    ids = [
        {row[0] for row in sqlite3.connect(path).execute("SELECT id FROM token")}
        for path in world.folder.rglob("*.db")
    ]
    assert not ids[0] & ids[1]  # nor can it be seen that two accounts had the same word
    assert all(path.stat().st_mode & 0o077 == 0 for path in world.folder.rglob("*.db"))


def test_a_full_memory_counts_everything_half(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", Bounds(octets=100_000, marks=1_000_000))
    often = ("often",)
    for at in range(60):
        rare = tuple(f"word-{at}-{number}" for number in range(100))
        store.learn([Lesson(often + rare, b"%d" % at, is_spam=True)])
    counts = store.counts((*often, "word-0-1"))
    assert counts.spam == 60  # learned, in all
    assert counts.weights is not None
    spam, _ = counts.weights
    assert 0 < spam < 60
    assert set(counts.tokens) == {"often"}
    assert spam // 2 <= counts.tokens["often"][0] <= spam
    assert (tmp_path / "a.db").stat().st_size < 150_000


def test_marks_have_a_bound(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", Bounds(octets=10_000_000, marks=40))
    store.learn([Lesson(("x",), b"%d" % at, is_spam=True) for at in range(41)])
    assert store.known(b"0") is None
    assert store.known(b"40") is True
    with sqlite3.connect(tmp_path / "a.db") as connection:
        (marks,) = connection.execute("SELECT count(*) FROM learned").fetchone()
    connection.close()
    assert marks == 35


def test_a_bound_that_nothing_fits_into_ends(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", Bounds(octets=1, marks=10))
    assert store.learn([SPAM]) == [Learned.NEW]


def test_there_are_so_many_memories(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postroad.filters.builtin.bayes.stores.MOST_USERS", 1)
    world.stores.learn([SPAM], ANN)
    assert world.stores.learn([SPAM], BOB) == [Learned.FULL]
    assert world.stores.learn([HAM], ANN) == [Learned.NEW]
    assert world.said == [f"{BOB} has no memory for spam: there are 1 already"]


def test_a_damaged_memory_is_put_aside(world: World) -> None:
    world.stores.learn([SPAM])
    file = world.folder / "site.db"
    file.write_bytes(b"no database at all, but long enough to be one" * 100)
    assert world.counts() == NOTHING
    assert [each.split(":")[0] for each in world.said] == [f"{file} was damaged"]
    assert [each.name.startswith("site.db.damaged-") for each in world.folder.iterdir()] == [True]
    assert world.stores.learn([SPAM]) == [Learned.NEW]
    assert world.counts().spam == 1


def test_damage_in_the_middle(world: World) -> None:
    lessons = [
        Lesson(tuple(f"{at}-{number}" for number in range(100)), b"%d" % at, is_spam=True)
        for at in range(20)
    ]
    world.stores.learn(lessons)
    file = world.folder / "site.db"
    octets = bytearray(file.read_bytes())
    octets[4096:] = b"\xff" * (len(octets) - 4096)
    file.write_bytes(octets)
    assert world.stores.learn([SPAM]) == [Learned.NEW]
    assert len(world.said) == 1
    assert world.counts().spam == 1


def test_a_file_of_somebody_else_is_left_alone(world: World) -> None:
    world.folder.mkdir()
    file = world.folder / "site.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.execute("PRAGMA application_id = 7")
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    before = file.read_bytes()
    for ask in (world.counts, lambda: world.stores.learn([SPAM]), world.stores.all):
        with pytest.raises(StoreUnavailable, match="is not a database of learned mail"):
            ask()
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_made(world: World) -> None:
    world.folder.write_text("a file is in the way")
    with pytest.raises(StoreUnavailable):
        world.stores.learn([SPAM])
    assert world.counts() == NOTHING


def test_a_file_that_nobody_can_look_for(tmp_path: Path) -> None:
    store = Store(tmp_path / ("a" * 300))
    for ask in (lambda: store.counts(("x",)), lambda: store.known(b"1"), store.about):
        with pytest.raises(StoreUnavailable, match="file name too long"):
            ask()


def test_several_threads_learn_and_read(world: World) -> None:
    def learn(first: int) -> None:
        for at in range(first, first + 20):
            world.stores.learn([Lesson(("word",), b"%d" % at, is_spam=True)])
            world.counts("word")

    threads = [threading.Thread(target=learn, args=(first,)) for first in (0, 10, 20, 30)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert weights(world.counts("word")) == (50, 0, {"word": (50, 0)})


LEARNER = """
import os
import sys
from pathlib import Path
from postroad.filters.builtin.bayes.lesson import Lesson
from postroad.filters.builtin.bayes.stores import Stores

stores, at = Stores(Path(sys.argv[1]), print), 0
while True:
    at += 1
    stores.learn([Lesson(("word", f"w{at}"), b"%d" % at, is_spam=True)])
    os.write(1, b".")
"""


def test_a_killed_learner_leaves_whole_lessons(world: World) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEARNER, str(world.folder)], stdout=subprocess.PIPE, bufsize=0
    ) as learner:
        assert learner.stdout is not None
        learned = len(learner.stdout.read(1)) + len(learner.stdout.read(30))
        learner.kill()
        learned += len(learner.stdout.read())
    assert learned
    counts = world.counts("word")
    assert counts.spam == counts.tokens["word"][0] >= learned
    assert world.stores.known(b"%d" % counts.spam) is True
    assert world.stores.known(b"%d" % (counts.spam + 1)) is None
    assert world.stores.learn([Lesson(("word",), b"1", is_spam=True)]) == [Learned.KNOWN]
    assert not world.said


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([True, False, None])), max_size=12))
def test_what_counts_is_what_was_said_last(changes: list[tuple[int, bool | None]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        store = Store(Path(name) / "a.db")
        last: dict[int, bool | None] = {}
        for number, is_spam in changes:
            tokens = ("all", f"only-{number}")
            store.learn([Lesson(tokens, b"%d" % number, is_spam=is_spam)])
            last[number] = is_spam
        spam = sum(each is True for each in last.values())
        ham = sum(each is False for each in last.values())
        counts = store.counts(("all",))
    assert (counts.spam, counts.ham) == (spam, ham)
    assert counts.tokens.get("all", (0, 0)) == (spam, ham)
