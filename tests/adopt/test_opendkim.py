"""OpenDKIM's keys are kept, and it is said that nobody signs."""

from __future__ import annotations

from pathlib import Path

from postroad.adopt.old_files import OldFiles
from postroad.adopt.opendkim import adopt_opendkim
from postroad.adopt.plan import Plan


def installation(folder: Path, **files: str) -> tuple[Plan, OldFiles]:
    etc = folder / "etc/opendkim"
    etc.mkdir(parents=True)
    for name, text in files.items():
        place = folder / "etc/opendkim.conf" if name == "conf" else etc / name
        place.write_text(text)
    return Plan(folder / "new"), OldFiles(folder)


def test_the_keys_of_a_key_table(tmp_path: Path) -> None:
    plan, files = installation(
        tmp_path,
        conf="KeyTable /etc/opendkim/KeyTable\nSigningTable refile:/etc/opendkim/SigningTable\n",
        KeyTable="one example.org:mail:/etc/opendkim/k1 # ours\ntwo a.test:x:/etc/opendkim/none\n",
        SigningTable="*@example.org one\n",
        k1="a private key",
    )
    adopt_opendkim(plan, files)
    key = plan.files["dkim/example.org/mail.private"]
    assert (key.content, key.secret) == (b"a private key", True)
    assert plan.files["dkim/signingtable"].content == b"*@example.org one\n"
    assert [(each.setting, each.serious) for each in plan.findings] == [
        ("one", True),
        ("two", True),
    ]
    assert "not there" in plan.findings[1].words


def test_one_key_alone(tmp_path: Path) -> None:
    plan, files = installation(
        tmp_path,
        conf="Domain example.org\nSelector 2024\nKeyFile /etc/opendkim/k1\n",
        k1="a private key",
    )
    adopt_opendkim(plan, files)
    assert list(plan.files) == ["dkim/example.org/2024.private"]


def test_a_table_cannot_name_a_place_outside(tmp_path: Path) -> None:
    plan, files = installation(
        tmp_path,
        conf="KeyTable /etc/opendkim/KeyTable\n",
        KeyTable="evil ../../x:y:/etc/opendkim/k1\n",
        k1="a private key",
    )
    adopt_opendkim(plan, files)
    assert list(plan.files) == ["dkim/keytable"]


def test_without_opendkim_nothing_is_said(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "new")
    adopt_opendkim(plan, OldFiles(tmp_path))
    assert plan.findings == []
