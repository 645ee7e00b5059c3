"""OpenDKIM's keys sign here as they did there."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.adopt.finding import Verdict
from postroad.adopt.old_files import OldFiles
from postroad.adopt.opendkim import adopt_opendkim
from postroad.adopt.plan import Plan
from postroad.mailauth.dkim.signing_key import new_key

KEY = new_key("example.org", "mail", "ed25519", 0).pem.decode()


def installation(folder: Path, **files: str) -> tuple[Plan, OldFiles]:
    etc = folder / "etc/opendkim"
    etc.mkdir(parents=True)
    for name, text in files.items():
        place = folder / "etc/opendkim.conf" if name == "conf" else etc / name
        place.write_text(text)
    return Plan(folder / "new"), OldFiles(folder)


def said(plan: Plan) -> dict[str, object]:
    return {".".join(path): setting.value for path, setting in plan.settings.items()}


def test_the_keys_of_a_key_table_sign(tmp_path: Path) -> None:
    plan, files = installation(
        tmp_path,
        conf="KeyTable /etc/opendkim/KeyTable\nSigningTable refile:/etc/opendkim/SigningTable\n"
        "SignatureTTL 86400\n",
        KeyTable="one example.org:mail:/etc/opendkim/k1 # ours\ntwo a.test:x:/etc/opendkim/none\n",
        SigningTable="*@example.org one\n*@example.net one\njohn@example.org one\n*@a.test two\n",
        k1=KEY,
    )
    adopt_opendkim(plan, files)
    key = plan.files["dkim/example.org/mail.private"]
    assert (key.content, key.secret) == (KEY.encode(), True)
    assert said(plan) == {
        "dkim.keys.0.domain": "example.org",
        "dkim.keys.0.selector": "mail",
        "dkim.keys.0.file": "dkim/example.org/mail.private",
        "dkim.expiry": 86400,
        "dkim.domain.example.net.signer": "example.org",
    }
    assert [(each.setting, each.serious) for each in plan.findings] == [
        ("one", False),
        ("two", True),
        ("SignatureTTL", False),
        ("SigningTable: *@example.org", False),
        ("SigningTable: *@example.net", False),
        ("SigningTable: john@example.org", True),
        ("SigningTable: *@a.test", True),
    ]
    assert "not there" in plan.findings[1].words


def test_one_key_alone(tmp_path: Path) -> None:
    plan, files = installation(
        tmp_path,
        conf="Domain example.org\nSelector 2024\nKeyFile /etc/opendkim/k1\nMode v\n",
        k1=KEY,
    )
    adopt_opendkim(plan, files)
    assert list(plan.files) == ["dkim/example.org/2024.private"]
    assert said(plan)["dkim.sign"] is False


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("evil ../../x:y:/etc/opendkim/k1", "no domain and selector"),
        ("evil example.org:../y:/etc/opendkim/k1", "no domain and selector"),
        ("any %:mail:/etc/opendkim/k1", "name the domains"),
        ("bad example.org:mail:/etc/opendkim/k2", "cannot be used: there is no private key"),
    ],
)
def test_what_cannot_sign_is_reported(tmp_path: Path, entry: str, words: str) -> None:
    plan, files = installation(
        tmp_path,
        conf="KeyTable /etc/opendkim/KeyTable\n",
        KeyTable=f"{entry}\n",
        k1=KEY,
        k2="a private key",
    )
    adopt_opendkim(plan, files)
    assert plan.files == {}
    assert plan.settings == {}
    (finding,) = plan.findings
    assert finding.verdict is Verdict.UNSUPPORTED
    assert words in finding.words


def test_without_opendkim_nothing_is_said(tmp_path: Path) -> None:
    plan = Plan(tmp_path / "new")
    adopt_opendkim(plan, OldFiles(tmp_path))
    assert plan.findings == []
