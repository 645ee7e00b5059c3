"""`postroad spam learn`, `unlearn`, `stats` and `forget`, and where they find messages."""

from __future__ import annotations

import io
import os
import sqlite3
from pathlib import Path

import pytest

from command_line import CommandLine
from postroad.cli.refusal import Refusal
from postroad.cli.spam_messages import messages_in

ANN = "ann@example.org"
SPAM = b"Message-ID: <%d@x.example>\nSubject: Cheap pills\n\nBuy cheap pills, number %d.\n"


def folder_of(path: Path, count: int, first: int = 0) -> Path:
    path.mkdir()
    for at in range(first, first + count):
        (path / f"{at}.eml").write_bytes(SPAM % (at, at))
    return path


@pytest.mark.usefixtures("server")
def test_messages_are_learned_once_and_taken_back(
    command_line: CommandLine, tmp_path: Path
) -> None:
    folder = str(folder_of(tmp_path / "some", 60))
    said = command_line("spam", "learn", "--spam", folder)
    assert said.lines == [
        "60 learned as spam",
        "the memory of the site has 60 spam, 0 ham; too few yet to count",
    ]
    assert command_line("spam", "learn", "--spam", folder).lines[0] == "60 known already"
    said = command_line("spam", "learn", "--ham", f"{folder}/3.eml")
    assert said.lines == [
        "1 learned as ham, which was the other before",
        "the memory of the site has 59 spam, 1 ham; too few yet to count",
    ]
    said = command_line("spam", "unlearn", f"{folder}/3.eml", f"{folder}/4.eml", "--json")
    assert said.json["forgotten"] == 2
    assert said.json["memory"]["spam"] == 58
    assert command_line("spam", "unlearn", f"{folder}/3.eml").lines[0] == "1 never learned"


@pytest.mark.usefixtures("server")
def test_accounts_have_memories_of_their_own(command_line: CommandLine, tmp_path: Path) -> None:
    assert command_line("spam", "stats").out == ""
    assert command_line("spam", "stats", "--json").json == []
    spam = folder_of(tmp_path / "spam", 200)
    ham = folder_of(tmp_path / "ham", 200, first=1000)
    command_line("spam", "learn", "--spam", "--user", "Ann@Example.ORG", str(spam))
    command_line("spam", "learn", "--ham", "--user", ANN, str(ham))
    said = command_line("spam", "learn", "--ham", f"{ham}/1000.eml")
    assert said.lines[0] == "1 learned as ham"
    found = command_line("spam", "stats", "--json").json
    assert [(each["user"], each["spam"], each["ham"], each["counts"]) for each in found] == [
        (None, 0, 1, False),
        (ANN, 200, 200, True),
    ]
    assert [line.split()[:3] for line in command_line("spam", "stats").lines] == [
        ["WHOSE", "SPAM", "HAM"],
        ["(site)", "0", "1"],
        [ANN, "200", "200"],
    ]
    assert len(command_line("spam", "stats", "--user", ANN, "--json").json) == 1
    said = command_line("spam", "forget", "--user", ANN)
    assert said.out == f"forgotten: what was learned for {ANN}\n"
    assert command_line("spam", "forget", "--user", ANN).status == os.EX_DATAERR
    assert command_line("spam", "forget", "--site").status == 0
    assert command_line("spam", "stats", "--json").json == []


@pytest.mark.usefixtures("server")
def test_the_memory_of_a_removed_account_goes_with_it(
    command_line: CommandLine, tmp_path: Path
) -> None:
    command_line("user", "add", "new@example.org", "--generate")
    assert command_line("user", "remove", "new@example.org").lines == [
        "removed new@example.org; its mail is still on disk"
    ]
    command_line("user", "add", "new@example.org", "--generate")
    spam = folder_of(tmp_path / "spam", 2)
    command_line("spam", "learn", "--spam", "--user", "new@example.org", str(spam))
    command_line("spam", "threshold", "new@example.org", "--junk", "3")
    assert command_line("user", "remove", "New@Example.ORG").lines[-1] == (
        "what the spam filter learned from it is forgotten"
    )
    assert command_line("spam", "stats", "--json").json == []
    assert command_line("spam", "thresholds", "--json").json == []


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("learn", "x"), os.EX_USAGE, "say what they are: --spam or --ham"),
        (("learn", "--spam", "--ham", "x"), os.EX_USAGE, "say what they are"),
        (("learn", "--spam", "no-such-file"), os.EX_IOERR, "no-such-file: no such file"),
        (("learn", "--spam", "--user", "ann", "x"), os.EX_USAGE, "is no account's name"),
        (("forget",), os.EX_USAGE, "say whose"),
        (("forget", "--site", "--user", ANN), os.EX_USAGE, "say whose"),
        (("forget", "--site"), os.EX_DATAERR, "nothing was learned for the site"),
    ],
)
def test_mistakes(
    command_line: CommandLine, words: tuple[str, ...], status: int, error: str
) -> None:
    said = command_line("spam", *words)
    assert (said.status, error in said.err) == (status, True), said.err


def test_a_memory_that_is_none_of_ours(
    command_line: CommandLine, server: Path, tmp_path: Path
) -> None:
    command_line("spam", "learn", "--ham", str(folder_of(tmp_path / "ham", 1)))
    (file,) = server.rglob("site.db")
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA application_id = 7")
    connection.close()
    said = command_line("spam", "stats")
    assert said.status == os.EX_UNAVAILABLE
    assert "is not a database of learned mail" in said.err


MAILBOX = (
    b"From ann@example.org Tue Nov 14 22:13:20 2023\nSubject: one\n\nFrom here on\n>From there\n"
    b"\nFrom me to you\n\n"
    b"From bob@example.org  Wed Nov 15 10:00:00 2023\nSubject: two\n\nlast\n"
)


def found(path: Path | str, limit: int = 1000) -> list[bytes]:
    return list(messages_in([str(path)], limit))


def test_a_mailbox_in_one_file(tmp_path: Path) -> None:
    file = tmp_path / "mbox"
    file.write_bytes(MAILBOX)
    assert found(file) == [
        b"Subject: one\n\nFrom here on\nFrom there\n\nFrom me to you\n\n",
        b"Subject: two\n\nlast\n",
    ]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(MAILBOX)))
    assert len(found("-")) == 2


def test_a_message_that_begins_with_from_is_no_mailbox(tmp_path: Path) -> None:
    file = tmp_path / "message"
    octets = b"From: ann@example.org\n\nx\n\nFrom a@b.example Wed Nov 15 10:00:00 2023\n"
    file.write_bytes(octets)
    assert found(file) == [octets]


def test_a_maildir_and_nothing_else_in_it(tmp_path: Path) -> None:
    for name in ("cur", "new", "tmp", ".Junk/cur"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "1").write_bytes(name.encode())
    (tmp_path / "dovecot-uidlist").write_bytes(b"3 V1")
    assert found(tmp_path) == [b"cur", b"new"]


def test_what_is_no_file_of_the_folder_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / ".hidden").write_bytes(b"x")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "1").write_bytes(b"x")
    os.mkfifo(folder / "pipe")
    with pytest.raises(Refusal, match="there is no message in this folder"):
        found(folder)
    (folder / "message").write_bytes(b"Subject: x\n\n")
    assert found(folder) == [b"Subject: x\n\n"]


def test_a_link_in_a_maildir_leads_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others, maildir = tmp_path / "bob", tmp_path / "ann"
    for path in (others / "cur", maildir / "new"):
        path.mkdir(parents=True)
        (path / "1").write_bytes(path.parent.name.encode())
    (maildir / "cur").symlink_to(others / "cur")
    assert found(maildir) == [b"ann"]
    assert "ann/cur: it is a link" in capsys.readouterr().err
    # The folder that is named itself is the operator's affair.
    (tmp_path / "named").symlink_to(others)
    assert found(tmp_path / "named") == [b"bob"]


def test_names_of_files_do_nothing_to_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "\x1b]0;owned\x07").write_bytes(b"Subject: x\n\n")

    def refused(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("postroad.cli.spam_messages.os.lstat", refused)
    with pytest.raises(Refusal):
        found(tmp_path)
    told = capsys.readouterr().err
    assert "?]0;owned?: permission denied" in told
    assert told.removesuffix("\n").isprintable()


def test_of_each_message_so_much_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mbox"
    first, _, second = MAILBOX.partition(b"\n\nFrom bob")
    file.write_bytes(first + b"\n" + b"x" * 300_000 + b"\n" * 100_000 + b"\nFrom bob" + second)
    one, two = found(file, 500)
    assert 500 <= len(one) <= 500 + 65_536
    assert two == b"Subject: two\n\nlast\n"
