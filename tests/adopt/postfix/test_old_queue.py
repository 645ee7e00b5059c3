"""The queue of a real Postfix that was stopped goes on in the new spool."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from adopt.guide_trees import sums
from peers.ports import free_port
from peers.postfix import Postfix
from peers.waiting import until
from postroad.adopt.adoption import Adoption, adopted
from postroad.adopt.writing import AdoptionMistake
from postroad.cli.main import run

pytestmark = pytest.mark.peer

MAIN_CF = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydestination =
queue_directory = {queue}
virtual_alias_domains = example.org
virtual_alias_maps = inline:{{{{list@example.org = lisa@away.test, carl@away.test}}}}
"""


@pytest.fixture(scope="module")
def stopped() -> Iterator[Path]:
    """The folder of a Postfix with two messages in its queue: one deferred, one on hold."""
    server = Postfix(
        {
            "relayhost": f"[127.0.0.1]:{free_port()}",
            "virtual_alias_domains": "example.org",
            "virtual_alias_maps": "inline:{{list@example.org = lisa@away.test, carl@away.test}}",
        }
    )
    try:
        server.sendmail("john@example.org", ["list@example.org"], b"Subject: first\n\nfirst\n")
        server.wait_log("status=deferred")
        server.sendmail("", ["dora@away.test"], b"Subject: second\n\n.dot\n")
        deferred = server.folder / "queue/deferred"
        until(lambda: len(_files(deferred)) == 2, within=30, what="two deferred messages")
        server._process.stop()
        second = next(path for path in _files(deferred) if b"second" in path.read_bytes())
        hold = server.folder / "queue/hold"
        hold.mkdir(exist_ok=True)
        second.rename(hold / second.name)
        yield server.folder
    finally:
        server.stop()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_messages_are_taken_over_and_the_old_queue_is_as_it_was(
    stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "postfix"
    old.mkdir()
    (old / "main.cf").write_text(MAIN_CF.format(queue=stopped / "queue"))
    (old / "master.cf").write_text("127.0.0.1:2525 inet n - n - - smtpd\n")
    before = sums(stopped / "queue/deferred"), sums(stopped / "queue/hold")
    counted = adopted(
        Adoption(old, tmp_path / "new", state=tmp_path / "state", queue=True, dry_run=True)
    )
    assert counted.messages == 2
    result = adopted(Adoption(old, tmp_path / "new", state=tmp_path / "state", queue=True))
    assert result.messages == 2
    assert before == (sums(stopped / "queue/deferred"), sums(stopped / "queue/hold"))
    capsys.readouterr()
    assert run(["--config", str(result.written.file), "queue", "list", "--json"]) == 0
    listed = {
        each["sender"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())
    }
    first, second = listed["john@example.org"], listed[""]
    assert [each["address"] for each in first["recipients"]] == ["lisa@away.test", "carl@away.test"]
    assert {each["original"] for each in first["recipients"]} == {"list@example.org"}
    assert second["held"] == "it was on hold in Postfix"
    assert first["arrived"] <= second["arrived"]
    name = first["queue_id"]
    assert run(["--config", str(result.written.file), "queue", "show", name, "--header"]) == 0
    assert "Subject: first" in capsys.readouterr().out


def test_a_postfix_that_runs_is_left_alone(tmp_path: Path) -> None:
    server = Postfix({"mydestination": ""})
    try:
        old = tmp_path / "postfix"
        old.mkdir()
        (old / "main.cf").write_text(MAIN_CF.format(queue=server.folder / "queue"))
        (old / "master.cf").write_text("")
        with pytest.raises(AdoptionMistake, match="stop it first"):
            adopted(Adoption(old, tmp_path / "new", state=tmp_path / "state", queue=True))
        assert not (tmp_path / "new").exists()
    finally:
        server.stop()
