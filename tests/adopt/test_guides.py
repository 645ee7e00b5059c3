"""Each guide's Postfix and Dovecot become a Postroad that starts; nothing that matters is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adopt.guide_trees import GUIDES, install_guide, sums
from postroad.adopt.adoption import Adopted, Adoption, adopted
from postroad.adopt.finding import Verdict
from postroad.cli.main import run
from postroad.config import Configuration

KEY = "yourdqskey"


def _adopted(guide: str, folder: Path, **changes: bool) -> tuple[Path, Adopted]:
    root = install_guide(guide, folder)
    dovecot = Path("/etc/dovecot") if (root / "etc/dovecot").exists() else None
    wanted = Adoption(
        Path("/etc/postfix"), folder / "new", dovecot, folder / "state", root, **changes
    )
    return root, adopted(wanted)


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short path, for there are sockets in it."""
    return tmp_path_factory.mktemp("g")


@pytest.mark.parametrize("guide", GUIDES)
def test_nothing_is_lost_and_nothing_of_the_old_is_changed(guide: str, tmp_path: Path) -> None:
    root = install_guide(guide, tmp_path)
    before = sums(root)
    dovecot = Path("/etc/dovecot") if (root / "etc/dovecot").exists() else None
    result = adopted(
        Adoption(Path("/etc/postfix"), tmp_path / "new", dovecot, tmp_path / "state", root)
    )
    assert [str(each) for each in result.findings if each.serious] == []
    assert sums(root) == before
    assert "proved" in result.written.proof
    for each in result.findings:
        assert each.words, each


@pytest.mark.parametrize("guide", GUIDES)
def test_every_line_is_spoken_of(guide: str, tmp_path: Path) -> None:
    root, result = _adopted(guide, tmp_path)
    text = (root / "etc/postfix/main.cf").read_text()
    written = {
        number
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith(("#", " ", "\t"))
    }
    spoken = {each.line for each in result.findings if each.file.name == "main.cf"}
    assert written <= spoken


@pytest.mark.parametrize("guide", GUIDES)
def test_a_dry_run_leaves_nothing_and_says_the_same(
    guide: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = install_guide(guide, tmp_path)
    before = sums(root)
    command = [
        *("adopt", "--postfix", "/etc/postfix", "--root", str(root), "--json"),
        *("--to", str(tmp_path / "new"), "--state", str(tmp_path / "state")),
    ]
    assert run([*command, "--dry-run"]) == 0
    dry = json.loads(capsys.readouterr().out)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "state").exists()
    assert run(command) == 0
    real = json.loads(capsys.readouterr().out)
    assert dry["findings"] == real["findings"]
    assert dry["relay"] == real["relay"]
    assert sums(root) == before


def _configuration(guide: str, folder: Path) -> tuple[Path, Configuration]:
    root, result = _adopted(guide, folder)
    return root, result.written.configuration


def test_what_a_filter_gives_back_enters_by_the_drop(tmp_path: Path) -> None:
    """The drop can be reached by every user; a configuration is closed to others."""
    _, made = _configuration("small-server", tmp_path)
    command = made.transports["spamassassin"].command
    assert command[command.index("-C") + 1] == str(tmp_path / "state/maildrop")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o711
    assert (tmp_path / "state/maildrop/new").stat().st_mode & 0o7777 == 0o3733


def test_the_small_server(tmp_path: Path) -> None:
    root, made = _configuration("small-server", tmp_path)
    assert made.hostname == "mail.example.org"
    assert made.domains == ("example.org", "mail.example.org", "localhost", "localhost.localdomain")
    mx, submission = made.listeners["mx"], made.listeners["submission"]
    assert mx.content_filter == "spamassassin:"
    assert mx.policy.client is not None
    assert mx.policy.client[0] == f"reject_rbl_client {KEY}.zen.dq.spamhaus.net=127.0.0.[2..11]"
    assert len(mx.policy.client) == 7
    assert mx.policy.sender == (f"check_sender_access hash:{root}/etc/postfix/sender_blocklist",)
    assert mx.policy.relay == ("reject_unauth_destination",)
    spool = f"{root}/var/spool/postfix/private"
    assert mx.policy.recipient is not None
    assert mx.policy.recipient[-1] == "check_spf"
    assert submission.policy.relay == ("permit_mynetworks", "permit_sasl_authenticated", "reject")
    assert submission.policy.client == ()
    assert not submission.policy.reject_unlisted_recipient
    assert made.mailbox.transport == f"lmtp:unix:{spool}/dovecot-lmtp"
    assert made.directories["dovecot"].socket == f"{spool}/auth"
    assert made.directories["postfix"].virtual == (f"hash:{root}/etc/postfix/virtual",)
    assert made.limits.recipients == 5
    assert made.limits.message_size == 20_480_000
    assert [(each.count, each.limit) for each in made.rates.values()] == [("recipients", 50)]
    assert list(map(str, made.relay.trusted_networks)) == ["127.0.0.0/8", "::1/128"]
    command = made.transports["spamassassin"].command
    assert command[:3] == ("/usr/bin/spamc", "-f", "-e")
    assert command[-5:] == ("-oi", "-f", "${sender}", "--", "${recipient}")
    assert made.sendmail.taken_before == (made.user,)  # what comes back is not signed as ours


def test_ispmail_on_debian_11(tmp_path: Path) -> None:
    root, made = _configuration("ispmail-debian11", tmp_path)
    mx, submission = made.listeners["mx"], made.listeners["submission"]
    assert mx.auth
    assert mx.policy.sender == ("reject_sender_login_mismatch",)
    assert submission.auth is None  # the preset's
    assert submission.policy.sender == (
        *("reject_sender_login_mismatch", "permit_sasl_authenticated", "reject"),
    )
    tables = f"{tmp_path}/new/tables"
    assert made.login.sender_login_maps == f"mysql:{tables}/mysql-email2email.cf"
    people = made.directories["postfix"]
    assert people.mailbox == (f"mysql:{tables}/mysql-virtual-mailbox-maps.cf",)
    assert people.virtual == (
        f"mysql:{tables}/mysql-virtual-alias-maps.cf",
        f"mysql:{tables}/mysql-email2email.cf",
    )
    assert f"mysql:{tables}/mysql-virtual-mailbox-domains.cf" in people.domain_tables
    assert made.directory.order == ("embedded", "dovecot", "postfix")
    copied = Path(tables, "mysql-email2email.cf")
    assert copied.stat().st_mode & 0o777 == 0o600
    assert copied.read_bytes() == (root / "etc/postfix/mysql-email2email.cf").read_bytes()


def test_ispmail_on_debian_7(tmp_path: Path) -> None:
    _, made = _configuration("ispmail-debian7", tmp_path)
    words = ("permit_mynetworks", "permit_sasl_authenticated", "reject_unauth_destination")
    assert made.listeners["mx"].policy.relay == words
    assert made.listeners["mx"].policy.recipient == words
    assert made.relay.trusted_networks == ()
    assert made.transports["dovecot"].command[0] == "/usr/lib/dovecot/dovecot-lda"
    table = f"mysql:{tmp_path}/new/tables/mysql-virtual-mailbox-domains.cf"
    assert made.routing.transport == (f"pipemap:{{{table}, static:dovecot:}}",)


def test_the_relay_on_port_443(tmp_path: Path) -> None:
    _, result = _adopted("port-443", tmp_path)
    made = result.written.configuration
    door = made.listeners["port-443"]
    assert door.preset == "submission"
    assert door.bind == ("127.0.0.1:443", "[::1]:443")
    assert door.policy.client == ("permit_sasl_authenticated", "reject")
    assert made.relay.smarthost == "[smtp.mailgun.org]:587"
    secret = tmp_path / "new/secrets/sasl_passwd"
    assert made.relay.logins == (f"hash:{secret}",)
    assert secret.stat().st_mode & 0o777 == 0o600
    assert made.login.broken_clients
    report = (tmp_path / "new/adopt-report.txt").read_text()
    assert "supersecret" not in report
    assert "supercoolpassword" not in report
    assert "1 accounts" in report


def test_the_submission_port_on_ubuntu(tmp_path: Path) -> None:
    _, made = _configuration("ubuntu", tmp_path)
    assert made.domains[:2] == ("mail.example.jp", "example.jp")
    assert made.directories["postfix"].default_domain == "example.jp"
    assert made.directories["dovecot"].username_format == "%n"
    assert made.directories["system"].kind == "pam"
    assert made.listeners["submission"].policy.recipient == ()
    assert made.mailbox.path == "%h/Maildir"


def test_tables_can_be_copied(tmp_path: Path) -> None:
    root, result = _adopted("small-server", tmp_path, copies=True)
    made = result.written.configuration
    assert made.directories["postfix"].virtual == (f"hash:{tmp_path}/new/tables/virtual",)
    copied = (tmp_path / "new/tables/virtual").read_bytes()
    assert copied == (root / "etc/postfix/virtual").read_bytes()
    assert not any(each.verdict is Verdict.UNSUPPORTED for each in result.findings)
