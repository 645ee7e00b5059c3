"""The sendmail command: its words, and what it reads. What it does is tried in `road`."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.cli.sendmail import MAX_CONFIGURATION, run
from postroad.cli.sendmail_input import Message
from postroad.cli.sendmail_options import Failure, Mode, Options, parse
from postroad.cli.sendmail_place import place
from postroad.config import Configuration
from postroad.config.sendmail import doubts_about_drop, lay_drop
from postroad.intake.header import HeaderSection, HeaderTooLarge
from postroad.maildrop.settings import SendmailSettings


def said(options: Options) -> dict[str, object]:
    """What differs from a command line without words."""
    usual = Options(Mode.ENQUEUE)
    pairs = ((name, getattr(options, name)) for name in Options.__slots__)
    return {name: value for name, value in pairs if value != getattr(usual, name)}


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("", {}),
        ("-t", {"extracts": True}),
        ("-ti", {"extracts": True, "ends_at_dot": False}),
        ("-oi -t a", {"extracts": True, "ends_at_dot": False, "recipients": ["a"]}),
        ("-fa@b c", {"sender": "a@b", "recipients": ["c"]}),
        ("-f a@b -- -c", {"sender": "a@b", "recipients": ["-c"]}),
        ("-f <> c", {"sender": "", "recipients": ["c"]}),
        ("-r a,b c", {"sender": "a", "recipients": ["c"],
                      "warnings": ["-f option specified malformed sender: 'a,b'"]}),
        ("-Fx -B7BIT -Rhdrs -Vid -G a",
         {"full_name": "x", "body": "7BIT", "ret": "HDRS", "envid": "id", "is_gateway": True,
          "recipients": ["a"]}),
        ("-N success,DELAY a", {"notify": "SUCCESS,DELAY", "recipients": ["a"]}),
        ("-N never a", {"notify": "NEVER", "recipients": ["a"]}),
        ("-N never,delay a",
         {"recipients": ["a"], "warnings": ["bad -N option value -- ignored"]}),
        ("-v a", {"reports": True, "recipients": ["a"]}),
        ("-q", {"mode": Mode.FLUSH}),
        ("-qRa.example", {"mode": Mode.FLUSH, "site": "a.example"}),
        ("-qIABC", {"mode": Mode.FLUSH, "queue_id": "ABC"}),
        ("-q15m", {"mode": Mode.NOTHING}),
        ("-bp", {"mode": Mode.MAILQ}),
        ("-bs", {"mode": Mode.SMTP}),
        ("-bH", {"mode": Mode.NOTHING}),
        ("-bi", {"mode": Mode.NEWALIASES}),
        ("-bm a", {"recipients": ["a"]}),
        ("-XV a", {"verp": "+=", "recipients": ["a"]}),
        ("-XV-= a", {"verp": "-=", "recipients": ["a"]}),
        ("-C /etc/x a", {"config": "/etc/x", "recipients": ["a"]}),
        ("-Am -L x -O y=z -h3 -om -oem -odb -o7 -U -m -c -x -p SMTP:host -e m a",
         {"recipients": ["a"]}),
        ("a, b", {"recipients": ["a", "b"]}),
        ("-", {"recipients": ["-"]}),
    ],
)  # fmt: skip
def test_options(words: str, meaning: dict[str, object]) -> None:
    assert said(parse("sendmail", words.split())) == meaning


@pytest.mark.parametrize(
    ("name", "mode"),
    [("sendmail", Mode.ENQUEUE), ("mailq", Mode.MAILQ), ("newaliases", Mode.NEWALIASES)],
)
def test_the_name_says_what_is_done(name: str, mode: Mode) -> None:
    assert parse(name, []).mode is mode


@pytest.mark.parametrize(
    "words",
    ["-n", "-Z", "--help", "-B x", "-f", "-bx", "-bq", "-bv", "-X log", "-XVab", "-XV+", "-qS",
     "-qR", "-oA", "-t -bp", "-bp a", "-q a", "-qRx a", "-bs a", "-bi a", "-bd a", "-t -q"],
)  # fmt: skip
def test_wrong_words(words: str) -> None:
    with pytest.raises(Failure) as failure:
        parse("sendmail", words.split())
    assert failure.value.status == os.EX_USAGE
    assert "\n" not in failure.value.words


def feeding(octets: bytes, step: int) -> Callable[[int], bytes]:
    left = [octets[at : at + step] for at in range(0, len(octets), step)]
    return lambda _: left.pop(0) if left else b""


def read(octets: bytes, step: int = 1000, *, dot: bool = True) -> bytes:
    return b"".join(Message(feeding(octets, step), ends_at_dot=dot).chunks())


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("octets", "with_dot", "without"),
    [
        (b"", b"", b""),
        (b"a\n", b"a\n", b"a\n"),
        (b"a", b"a", b"a"),
        (b"a\n.\nb\n", b"a\n", b"a\n.\nb\n"),
        (b"a\r\n.\r\nb\r\n", b"a\n", b"a\n.\nb\n"),
        (b".\nb\n", b"", b".\nb\n"),
        (b".", b"", b"."),
        (b"a\n.", b"a\n", b"a\n."),
        (b"a\n..\n.b\n", b"a\n..\n.b\n", b"a\n..\n.b\n"),
        (b"a.\nb\n", b"a.\nb\n", b"a.\nb\n"),
        (b"\n\n.\n", b"\n\n", b"\n\n.\n"),
        (b"a\r\r\nb\rc\r", b"a\nb\rc\r", b"a\nb\rc\r"),
    ],
)
def test_where_a_message_ends(octets: bytes, with_dot: bytes, without: bytes, step: int) -> None:
    assert read(octets, step) == with_dot
    assert read(octets, step, dot=False) == without


SIGNS = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"."]), max_size=30).map(b"".join)


@given(SIGNS, st.integers(1, 5))
def test_how_it_comes_does_not_matter(octets: bytes, step: int) -> None:
    assert read(octets, step) == read(octets)
    lines = read(octets, dot=False).split(b"\n")
    expected = lines[: lines.index(b".")] if b"." in lines else lines
    whole = b"\n".join(expected)
    assert read(octets) == (whole + b"\n" if b"." in lines and expected else whole)


@pytest.mark.parametrize(
    ("header", "recipients"),
    [
        (b"To: a, B <b@x>\nCc: c\nBcc: d\nReply-To: e\n\nTo: f\n", ["a", "b@x", "c", "d"]),
        (b"To: a\nResent-To: b\nResent-Bcc: c\nTo: d\n\n", ["b", "c"]),
        (b"to : a,\n\tb\n\n", ["a", "b"]),
        (b"From x\n>From y\nTo: a\n\n", ["a"]),
        (b"To: a\nno field\nCc: b\n\n", ["a"]),
        (b"\nTo: a\n", []),
        (b"", []),
        (b"To: a", ["a"]),
        ("To: jörg@bücher.example\n\n".encode(), ["jörg@bücher.example"]),
    ],
)
def test_whom_a_header_names(header: bytes, recipients: list[str]) -> None:
    message = Message(feeding(header, 3), ends_at_dot=False)
    assert message.recipients() == recipients
    assert b"".join(message.chunks()) == header


def too_long(octets: bytes, limit: int, step: int = 1000) -> bool:
    message = Message(feeding(octets, step), ends_at_dot=False, limit=limit)
    try:
        message.recipients()
    except Failure as failure:
        return failure.status == os.EX_DATAERR
    assert b"".join(message.chunks()) == octets
    return False


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize(
    ("octets", "length"),
    [
        (b"To: a\n\n" + b"x" * 100, 7),  # CRLF, as the server counts
        (b"To: a,\n b\nX: y\n\n", 18),
        (b"To: a\nX: y", 11),
        (b"To: a\nX: y\n" + b"no field\n" * 9, 13),
    ],
)
def test_a_header_has_the_limit_of_the_server(octets: bytes, length: int, step: int) -> None:
    assert not too_long(octets, length, step)
    assert too_long(octets, length - 1, step)


def test_a_header_without_an_end() -> None:
    message = Message(lambda size: b"X: y\n" * (size // 5), ends_at_dot=True, limit=100)
    with pytest.raises(Failure) as failure:
        message.recipients()
    assert failure.value.status == os.EX_DATAERR


@given(st.lists(st.sampled_from([b"To: a\n", b" b\n", b"X: y\n", b"body\n", b"\n"])))
def test_who_is_taken_here_is_taken_by_the_server(lines: list[bytes]) -> None:
    octets = b"".join(lines)
    section = HeaderSection(40)
    try:
        if not section.feed(octets.replace(b"\n", b"\r\n")):
            section.finish()
        fits = True
    except HeaderTooLarge:
        fits = False
    assert fits or too_long(octets, 40)


@pytest.mark.parametrize("value", ["a@b\nX: y", "a@b\r", "a\tb", '"a\rb"@c', "a\x7f@b", "a\0@b"])
@pytest.mark.parametrize("option", ["-f", "-r"])
def test_a_sender_with_a_control_character(option: str, value: str) -> None:
    with pytest.raises(Failure) as failure:
        parse("sendmail", [option, f"{value}x", "john"])
    assert failure.value.status == os.EX_DATAERR
    assert value not in failure.value.words


def test_blanks_around_a_sender_do_no_harm() -> None:
    assert parse("sendmail", ["-f", " a@b\n", "john"]).sender == "a@b"


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ('hostname = "x"', "/var/lib/postroad/maildrop"),
        ('state_directory = "/srv/x"', "/srv/x/maildrop"),
        ('state_directory = "x"', "/etc/mail/x/maildrop"),
        ('state_directory = "/srv/x"\n[sendmail]\ndirectory = "/drop"', "/drop"),
    ],
)
def test_where_the_drop_is(text: str, folder: str) -> None:
    assert place("/etc/mail/postroad.toml", text.encode()) == folder


@pytest.mark.parametrize("text", ["state_directory = [", "state_directory = 1"])
def test_a_configuration_that_cannot_be_read(text: str) -> None:
    with pytest.raises(Failure) as failure:
        place("/etc/mail/postroad.toml", text.encode())
    assert failure.value.status == os.EX_CONFIG


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["-C", "/nonexistent", "a"], os.EX_TEMPFAIL),
        (["-C", "/etc/passwd/below", "a"], os.EX_TEMPFAIL),
        (["-bd"], os.EX_USAGE),
        (["-q1h"], os.EX_OK),
        (["-bi"], os.EX_OK),
    ],
)
def test_statuses(words: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sendmail", words) == status
    assert capsys.readouterr().err.count("\n") == (status != os.EX_OK)


def test_a_drop_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "postroad.toml"
    file.write_text(f'state_directory = "{tmp_path}"')
    assert run("sendmail", ["-C", str(file), "a"]) == os.EX_TEMPFAIL
    assert "has the server ever run?" in capsys.readouterr().err


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _long(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_CONFIGURATION + 1)


@pytest.mark.parametrize(
    ("make", "words"), [(_pipe, "no plain file"), (_device, "no plain file"), (_long, "is longer")]
)
@pytest.mark.parametrize("name", ["postroad.toml", "facts"])
def test_what_is_no_file_of_ours_is_not_read(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], None],
    words: str,
    name: str,
) -> None:
    make(tmp_path / name)
    if name == "facts":
        (tmp_path / "new").mkdir()
    given, status = (tmp_path, os.EX_TEMPFAIL) if name == "facts" else (tmp_path / name, 78)
    assert run("sendmail", ["-C", str(given), "a"]) == status
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("words", [[""], [" "], ["<>"], ["", "(nobody)"], ["-t", ""], ["-bm", ","]])
def test_an_empty_recipient_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """What a script's unset variable becomes; nothing of it is left for a server to return."""
    server = a_server(tmp_path / "state")
    lay_drop(server)
    folder = server.maildrop_directory
    assert run("sendmail", ["-C", str(folder), *words]) == os.EX_USAGE
    assert "ecipient addresses" in capsys.readouterr().err
    assert list((folder / "new").iterdir()) == []


# What `postroad check` says ----------------------------------------------------------------------


def a_server(state: Path, settings: SendmailSettings | None = None) -> Configuration:
    state.mkdir(mode=0o700, exist_ok=True)
    return Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=state,
        sendmail=settings or SendmailSettings(),
    )


def test_a_drop_in_order(tmp_path: Path) -> None:
    server = a_server(tmp_path / "state")
    assert list(doubts_about_drop(server)) == []
    assert lay_drop(server) == ""
    assert list(doubts_about_drop(server)) == []
    assert stat.S_IMODE(server.state_directory.stat().st_mode) == 0o711


@pytest.mark.parametrize(
    ("path", "mode", "words"),
    [
        ("", 0o700, "cannot reach"),
        ("maildrop", 0o700, "cannot reach"),
        ("maildrop/new", 0o3777, "wrong mode, 3777"),
        ("maildrop/new", 0o2733, "wrong mode, 2733"),
        ("maildrop/new", 0o3730, "wrong mode, 3730"),
        ("maildrop/new", 0o1733, "no set-group-ID bit"),
    ],
)
def test_a_drop_out_of_order(tmp_path: Path, path: str, mode: int, words: str) -> None:
    server = a_server(tmp_path / "state")
    lay_drop(server)
    (server.state_directory / path).chmod(mode)
    (found,) = doubts_about_drop(server)
    assert words in found


def test_what_waits_is_said(tmp_path: Path) -> None:
    server = a_server(tmp_path / "state")
    lay_drop(server)
    for name, age in (("a", 3600), ("b", 120), ("c", 0)):  # the last is just being queued
        path = server.maildrop_directory / "taken" / name
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    (found,) = doubts_about_drop(server)
    assert found.startswith("2 messages of local programs cannot be queued now")


def test_what_was_put_aside_is_said(tmp_path: Path) -> None:
    server = a_server(tmp_path / "state")
    lay_drop(server)
    (server.maildrop_directory / "aside" / "x").touch()
    (found,) = doubts_about_drop(server)
    assert found.startswith("1 message of local programs could not be queued")


def test_another_folder_leaves_the_state_closed(tmp_path: Path) -> None:
    settings = SendmailSettings(directory=tmp_path / "drop")
    server = a_server(tmp_path / "state", settings)
    lay_drop(server)
    assert stat.S_IMODE(server.state_directory.stat().st_mode) == 0o700
