"""A queue with messages that cannot be taken over: each is told of, the others go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adopt.postfix.test_queue_file import record
from postroad.adopt.adoption import Adoption, adopted
from postroad.adopt.finding import Verdict
from postroad.adopt.writing import AdoptionMistake
from postroad.cli.main import run
from postroad.spool import Shard, SpoolError

MAIN_CF = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydestination =
queue_directory = {queue}
"""


def message(
    sender: str = "john@example.org", recipient: str = "lisa@example.net", *more: str
) -> bytes:
    envelope = [("T", "1700000000 0"), ("S", sender), *((each[0], each[1:]) for each in more)]
    records = [*envelope, ("R", recipient), ("M", ""), ("N", "Subject: x"), ("X", ""), ("E", "")]
    return b"".join(record(letter, text) for letter, text in records)


ODD = {
    "sender": message("a..b@b.test"),
    "recipient": message("a@b.test", "a\0b@x.test"),
    "line": message("a@b.test", "a@x.test\r\nX: y"),
    "late": record("T", "9" * 400) + message(),
    "never": message("a@b.test", "lisa@example.net", "T0 0"),
    "far": record("p", "9" * 30) + message(),
}
GOOD = {
    "1": message(),
    "told": message(
        "a@b.test", "lisa@example.net", "Onot an address", "Aclient_address=999.1.1.1",
        "Asasl_username=x\ny", "Aencoding=odd",
    ),
}  # fmt: skip


@pytest.fixture
def old(tmp_path: Path) -> Path:
    queue, folder = tmp_path / "queue", tmp_path / "postfix"
    folder.mkdir()
    (queue / "active").mkdir(parents=True)
    for name, octets in (ODD | GOOD).items():
        path = queue / "active" / name
        path.write_bytes(octets)
        path.chmod(0o700)
    (folder / "main.cf").write_text(MAIN_CF.format(queue=queue))
    (folder / "master.cf").write_text("127.0.0.1:2525 inet n - n - - smtpd\n")
    return folder


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_cannot_be_taken_over_is_told_of(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], dry_run: bool
) -> None:
    new, state = tmp_path / "new", tmp_path / "state"
    result = adopted(Adoption(old, new, state=state, queue=True, dry_run=dry_run))
    assert result.messages == len(GOOD)
    refused = {each.setting for each in result.findings if each.file.parent.name == "active"}
    assert refused == set(ODD)
    assert all(
        each.verdict is Verdict.UNSUPPORTED and "\n" not in each.words
        for each in result.findings
        if each.setting in ODD
    )
    if dry_run:
        return
    assert "a..b@b.test" in (new / "adopt-report.txt").read_text()
    capsys.readouterr()
    assert run(["--config", str(result.written.file), "queue", "list", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["sender"] for each in listed} == {"john@example.org", "a@b.test"}


def test_a_queue_that_cannot_be_stored_leaves_nothing(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(_: Shard) -> None:
        raise SpoolError("no space left on device")

    monkeypatch.setattr(Shard, "begin", begin)
    new, state = tmp_path / "new", tmp_path / "state"
    with pytest.raises(AdoptionMistake, match="no space"):
        adopted(Adoption(old, new, state=state, queue=True))
    assert not new.exists()
    assert not state.exists()
