"""What single settings of Postfix become, and what is said of those that become nothing."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from adopt.postfix_files import master_cf
from postroad.adopt.adoption import Adopted, Adoption, adopted
from postroad.adopt.finding import Finding, Verdict
from postroad.adopt.postfix.defaults import DEFAULTS
from postroad.adopt.postfix.installation import PostfixMissing
from postroad.adopt.writing import AdoptionMistake
from postroad.cli.main import run
from postroad.config import load
from postroad.config.installation import OccupiedDirectory

BASE = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydestination =
virtual_mailbox_domains = example.org
virtual_mailbox_maps = hash:/etc/postfix/mailboxes
mynetworks = 127.0.0.0/8
alias_maps =
"""
MASTER = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n{options}"
SUBMISSION = "  -o smtpd_tls_security_level=encrypt\n  -o smtpd_sasl_auth_enable=yes\n"


def make(folder: Path, main: str = "", options: str = "", **files: str) -> Adopted:
    """Adopt a Postfix of these lines; `files` are tables by name."""
    etc = folder / "root/etc/postfix"
    etc.mkdir(parents=True, exist_ok=True)
    (etc / "main.cf").write_text(BASE + main)
    (etc / "master.cf").write_text(MASTER.format(options=options))
    (etc / "mailboxes").write_text("john@example.org example.org/john/\n")
    for name, text in files.items():
        (etc / name).write_text(text)
    return adopted(
        Adoption(Path("/etc/postfix"), folder / "new", state=folder / "state", root=folder / "root")
    )


def said(result: Adopted, setting: str) -> list[Finding]:
    return [each for each in result.findings if each.setting == setting]


def test_below_a_root_the_folder_is_named_as_the_old_system_has_it(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    (root / "etc/postfix").mkdir(parents=True)
    (root / "etc/postfix/main.cf").write_text(BASE)
    wanted = Adoption(root.relative_to("/") / "etc/postfix", tmp_path / "new", root=root)
    with pytest.raises(PostfixMissing, match=f"as the old system has it.*below {root}"):
        adopted(replace(wanted, state=tmp_path / "state"))


KEYS = [
    ("smtpd_recipient_limit = 7", "limits.recipients", 7),
    ("message_size_limit = 1000", "limits.message_size", 65_536),
    ("maximal_queue_lifetime = 3", "queue.lifetime", 3 * 86_400.0),
    ("bounce_queue_lifetime = 12h", "queue.bounce_lifetime", 12 * 3600.0),
    ("delay_warning_time = 6", "queue.delay_warning", 6 * 3600.0),
    ("delay_warning_time = 6", "queue.delay_warning_to", "everybody"),
    ("soft_bounce = yes", "queue.soft_bounce", True),
    ("recipient_delimiter = +-", "directory.recipient_delimiter", "+-"),
    ("relayhost = [smtp.example.net]:587", "relay.smarthost", "[smtp.example.net]:587"),
    ("smtp_tls_security_level = encrypt", "outbound_tls.security_level", "encrypt"),
    ("smtp_use_tls = yes", "outbound_tls.security_level", "may"),
    ("smtp_tls_mandatory_protocols = >=TLSv1.3", "outbound_tls.protocols", "TLSv1.3"),
    ("smtp_bind_address = 127.0.0.9", "delivery.source_addresses", ("127.0.0.9",)),
    ("inet_protocols = ipv4", "delivery.address_family", "ipv4"),
    ("default_transport = smtp:[gate.example.net]", "routing.default_transport", None),
    ("transport_maps = inline:{a.test=smtp:[b.test]}", "routing.transport", None),
    ("virtual_transport = lmtp:[127.0.0.1]:24", "mailbox.transport", "lmtp:inet:127.0.0.1:24"),
    ("smtpd_sender_login_maps = static:all", "login.sender_login_maps", "static:all"),
    ("notify_classes = 2bounce", "queue.double_bounce_to", "postmaster@example.org"),
    ("myorigin = example.org", "sendmail.origin", "example.org"),
    ("authorized_submit_users = root, static:anyone", "sendmail.users", ("*",)),
    ("authorized_mailq_users = root, nagios", "sendmail.queue_users", ("root", "nagios")),
    ("authorized_submit_users = root www-data", "sendmail.users", ("root", "www-data")),
    ("mynetworks = [::ffff:10.0.0.0]/104", "relay.trusted_networks", None),
]


@pytest.mark.parametrize(("line", "key", "value"), KEYS)
def test_a_setting_becomes_a_key(tmp_path: Path, line: str, key: str, value: object) -> None:
    result = make(tmp_path, line + "\n")
    found: object = result.written.configuration
    for part in key.split("."):
        found = getattr(found, part)
    if value is None:
        assert found
    else:
        assert found == value
    assert not [each for each in result.findings if each.serious]


LACKS = [
    ("smtpd_milters = inet:localhost", "smtpd_milters", "expected"),
    ("header_checks = regexp:/etc/postfix/h", "header_checks", "headers"),
    ("mailbox_command = /usr/bin/procmail", "mailbox_command", "Maildirs"),
    ("virtual_alias_maps = nis:aliases", "virtual_alias_maps", "nis"),
    ("transport_maps = hash:/etc/postfix/none", "transport_maps", "not there"),
    ("smtpd_client_restrictions = check_client_access hash:/none", None, "left out of the list"),
    ("smtpd_helo_restrictions = no_such_rule", "smtpd_helo_restrictions", "no restriction"),
    ("relay_domains = !a.test", "relay_domains", "exceptions"),
    ("authorized_submit_users = !x, static:anyone", "authorized_submit_users", "no exceptions"),
    ("mynetworks = !10.0.0.1, 127.0.0.0/8", "mynetworks", "left out"),
    ("always_bcc = boss@example.org", "always_bcc", "copies"),
    ("header_checks = $", "header_checks", "cannot be expanded"),
    ("smtp_tls_CAfile = /none.pem", "smtp_tls_CAfile", "not there"),
]


@pytest.mark.parametrize(("line", "setting", "words"), LACKS)
def test_what_is_lost_is_said(tmp_path: Path, line: str, setting: str | None, words: str) -> None:
    result = make(tmp_path, line + "\n")
    setting = setting or line.partition(" =")[0]
    assert any(words in each.words and each.serious for each in said(result, setting))


def test_relay_domains_are_relayed_with_their_recipients(tmp_path: Path) -> None:
    result = make(
        tmp_path,
        "relay_domains = a.test, b.test\nrelay_recipient_maps = hash:/etc/postfix/people\n",
        people="john@a.test x\n",
    )
    domains = result.written.configuration.domain
    assert {name: each.kind for name, each in domains.items()} == {
        "a.test": "relay",
        "b.test": "relay",
    }
    assert domains["a.test"].recipients == f"hash:{tmp_path}/root/etc/postfix/people"


def test_a_list_that_opens_the_server_is_not_taken_over(tmp_path: Path) -> None:
    result = make(tmp_path, "smtpd_relay_restrictions = permit\n")
    assert result.written.configuration.listeners["mx"].policy.relay is None
    found = said(result, "smtpd_relay_restrictions")
    assert any("open relay" in each.words for each in found)
    assert "proved" in result.written.proof


def test_a_network_that_is_everybody_is_not_trusted(tmp_path: Path) -> None:
    result = make(tmp_path, "mynetworks = 0.0.0.0/0\n")
    assert "0.0.0.0/0" not in map(str, result.written.configuration.relay.trusted_networks)
    assert any(each.serious for each in said(result, "mynetworks"))


def test_rates_of_a_service_are_its_own(tmp_path: Path) -> None:
    result = make(
        tmp_path,
        "smtpd_client_message_rate_limit = 10\n",
        SUBMISSION + "  -o smtpd_client_message_rate_limit=99\n",
    )
    rates = result.written.configuration.rates
    assert {name: (each.limit, each.listeners) for name, each in rates.items()} == {
        "submission-messages": (99, ("submission",)),
        "messages": (10, ("mx",)),
    }


def test_restriction_classes_and_tables_in_lists(tmp_path: Path) -> None:
    result = make(
        tmp_path,
        "smtpd_restriction_classes = careful\n"
        "careful = reject_unknown_sender_domain, hash:/etc/postfix/to\n"
        "smtpd_sender_restrictions = careful, warn_if_reject reject_unknown_hostname\n",
        to="bad@example.org REJECT\n",
    )
    made = result.written.configuration
    table = f"hash:{tmp_path}/root/etc/postfix/to"
    assert made.policy.classes["careful"] == (
        "reject_unknown_sender_domain",
        f"check_recipient_access {table}",
    )
    assert made.listeners["mx"].policy.sender == (
        "careful",
        "warn_if_reject reject_unknown_helo_hostname",
    )


def test_an_occupied_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/mine").write_text("x")
    with pytest.raises(OccupiedDirectory, match="not an empty directory"):
        make(tmp_path)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine"]
    assert not (tmp_path / "state").exists()


def test_what_no_server_can_be_made_of_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AdoptionMistake, match="hostname"):
        make(tmp_path, "myhostname = not a name\n")
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "state").exists()


def test_users_of_the_system_are_known_where_nobody_else_says_who_exists(tmp_path: Path) -> None:
    result = make(
        tmp_path,
        "mydestination = mail.example.org\nvirtual_mailbox_domains =\nvirtual_mailbox_maps =\n"
        "mailbox_transport = lmtp:unix:/run/dovecot/lmtp\n",
    )
    made = result.written.configuration
    assert made.mailbox.transport.startswith("lmtp:unix:/")
    assert made.directories["system"].kind == "pam"
    assert not made.directories["system"].use_homes


def test_a_host_name_without_a_domain_gets_one(tmp_path: Path) -> None:
    result = make(tmp_path, "myhostname = vm\n")
    assert result.written.configuration.hostname == "vm.localdomain"
    assert any(each.serious for each in said(result, "myhostname"))


def test_a_folder_without_postfix_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["adopt", "--postfix", str(tmp_path), "--to", str(tmp_path / "new")]
    assert run(command) != 0
    assert capsys.readouterr().err.count("\n") == 1


ODD = (
    *("", "yes", "no", "0", "-1", "5d", "99999999999999999999", "$", "${", "$mydomain", "a b, c"),
    *("hash:/etc/postfix/mailboxes", "hash:/none", "mysql:x", "regexp:{{/(/ x}}", "static:x"),
    *("lmtp:unix:private/x", "[::1]:25", "permit", "reject", "check_client_access", "\x1b[31m"),
    *("inline:{a=b}", "unionmap:{hash:/none}", "pipe:x:y", '"', "'; [x]"),
    *("/etc/postfix/mailboxes", "!10.0.0.0/8", "0.0.0.0/0", "{ x", "dovecot", "müller.example"),
)


@pytest.mark.parametrize("seed", range(25))
def test_whatever_stands_there_the_result_loads(tmp_path: Path, seed: int) -> None:
    choice = random.Random(seed)
    names = choice.sample([name for name in DEFAULTS if name != "myhostname"], k=120)
    etc = tmp_path / "root/etc/postfix"
    etc.mkdir(parents=True)
    lines = [f"{name} = {choice.choice(ODD)}" for name in names]
    (etc / "main.cf").write_text("myhostname = mail.example.org\n" + "\n".join(lines) + "\n")
    (etc / "master.cf").write_text(master_cf(seed))
    (etc / "mailboxes").write_text("john@example.org x\n")
    result = adopted(
        Adoption(
            Path("/etc/postfix"),
            tmp_path / "new",
            state=tmp_path / "state",
            root=tmp_path / "root",
        )
    )
    assert load(tmp_path / "new/postroad.toml") == result.written.configuration
    assert "\x1b" not in (tmp_path / "new/adopt-report.txt").read_text()
    spoken = {each.line for each in result.findings if each.file.name == "main.cf"}
    assert set(range(1, len(lines) + 2)) <= spoken


def test_no_password_is_repeated(tmp_path: Path) -> None:
    result = make(
        tmp_path,
        "smtp_sasl_auth_enable = yes\n"
        "smtp_sasl_password_maps = inline:{a.test=john:hunter2}\n"
        "virtual_alias_maps = mysql:people\n"
        "people_password = hunter2\npeople_hosts = 127.0.0.1\npeople_user = x\n"
        "people_dbname = x\npeople_query = SELECT 1\n",
    )
    assert "hunter2" not in (tmp_path / "new/adopt-report.txt").read_text()
    assert "hunter2" not in repr(result.findings)
    table = tmp_path / "new/tables/people.cf"
    assert "password = hunter2" in table.read_text()
    assert table.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new/postroad.toml").stat().st_mode & 0o007 == 0


def test_the_origin_of_each_line_stands_above_it(tmp_path: Path) -> None:
    make(tmp_path, "relayhost = [smtp.example.net]:587\n")
    lines = (tmp_path / "new/postroad.toml").read_text().splitlines()
    at = lines.index('smarthost = "[smtp.example.net]:587"')
    assert lines[at - 1] == "# main.cf:8: relayhost = [smtp.example.net]:587"


def test_the_new_server_can_be_asked_before_it_was_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    question = "explain --client 192.0.2.1 --name unknown --from a@b.test --to john@example.org"
    assert run(["--config", str(tmp_path / "new/postroad.toml"), *question.split()]) == 0
    assert "250 2.1.5" in capsys.readouterr().out


def test_networks_of_a_service_are_its_own(tmp_path: Path) -> None:
    result = make(
        tmp_path,
        "mynetworks = 127.0.0.0/8 10.1.0.0/16\n",
        SUBMISSION + "  -o mynetworks=127.0.0.1/32\n",
    )
    made = result.written.configuration
    networks = made.listeners["submission"].trusted_networks
    assert list(map(str, networks or ())) == ["127.0.0.1/32"]
    assert made.listeners["mx"].trusted_networks is None
    (found,) = said(result, "submission: mynetworks")
    assert found.verdict is Verdict.TRANSLATED
    assert found.words == "`[listeners.submission] trusted_networks`"


@pytest.mark.parametrize(
    ("value", "networks", "verdict"),
    [
        ("127.0.0.0/8", None, Verdict.NOT_NEEDED),  # main.cf's
        ("", (), Verdict.TRANSLATED),
        ("!10.0.0.1,10.0.0.0/8", ("10.0.0.0/8",), Verdict.UNSUPPORTED),
        ("0.0.0.0/0", None, Verdict.UNSUPPORTED),  # the relay proof
    ],
)
def test_networks_of_a_service_that_are_odd(
    tmp_path: Path, value: str, networks: tuple[str, ...] | None, verdict: Verdict
) -> None:
    result = make(tmp_path, "", SUBMISSION + f"  -o mynetworks={value}\n")
    found = result.written.configuration.listeners["submission"].trusted_networks
    assert (None if found is None else tuple(map(str, found))) == networks
    assert verdict in {each.verdict for each in said(result, "submission: mynetworks")}


def test_names_of_ones_own_in_master_cf(tmp_path: Path) -> None:
    options = "  -o mua_rr=permit_sasl_authenticated,reject\n  -o mua_none=x\n"
    options += "  -o smtpd_recipient_restrictions=$mua_rr\n"
    result = make(tmp_path, "", SUBMISSION + options)
    made = result.written.configuration.listeners["submission"]
    assert made.policy.recipient == ("permit_sasl_authenticated", "reject")
    (used,) = said(result, "submission: mua_rr")
    assert (used.verdict, used.words) == (
        Verdict.TRANSLATED,
        "a name of your own: its value is where it is used",
    )
    (unused,) = said(result, "submission: mua_none")
    assert unused.verdict is Verdict.NOT_NEEDED


def test_an_included_file_is_no_file_to_write_to(tmp_path: Path) -> None:
    lines = {
        "inc": ":include:/etc/list",
        "both": "john@example.org, :include:/etc/list",
        '"odd:/name"': "john@example.org",
        "null": "/dev/null",
        "program": "|/bin/x",
        "later": 'john@example.org, "|/bin/x y"',
        "file": "/var/mail/x",
        "second": "john@example.org, /var/mail/x",
    }
    text = "".join(f"{name}: {targets}\n" for name, targets in lines.items())
    result = make(tmp_path, "alias_maps = hash:/etc/postfix/aliases\n", aliases=text)
    found = [each for each in result.findings if "a program or a file" in each.words]
    assert [each.setting for each in found] == ["program", "later", "file", "second"]


LDAP = "server_host = localhost\nsearch_base = dc=x\n"


@pytest.mark.parametrize(
    ("table", "mode", "copies", "result_mode"),
    [
        (f"ldap:{LDAP}bind_pw = s3cret\n", 0o600, False, 0o600),
        (f"ldap:{LDAP}bind_pw = s3cret\n", 0o644, True, 0o600),
        (f"ldap:{LDAP}", 0o644, False, None),
        (f"ldap:{LDAP}", 0o600, True, 0o600),
        ("texthash:a@example.org john@example.org\n", 0o640, True, 0o600),
        ("texthash:a@example.org john@example.org\n", 0o644, True, 0o644),
        ("texthash:a@example.org john@example.org\n", 0o644, False, None),
    ],
)
def test_tables_that_hold_a_secret(
    tmp_path: Path, table: str, mode: int, *, copies: bool, result_mode: int | None
) -> None:
    kind, _, text = table.partition(":")
    etc = tmp_path / "root/etc/postfix"
    etc.mkdir(parents=True)
    (etc / "main.cf").write_text(BASE + f"virtual_alias_maps = {kind}:/etc/postfix/map\n")
    (etc / "master.cf").write_text(MASTER.format(options=""))
    (etc / "mailboxes").write_text("john@example.org example.org/john/\n")
    (etc / "map").write_text(text)
    (etc / "map").chmod(mode)
    wanted = Adoption(Path("/etc/postfix"), tmp_path / "new", root=tmp_path / "root", copies=copies)
    adopted(replace(wanted, state=tmp_path / "state"))
    kept = tmp_path / "new/tables/map"
    assert (kept.stat().st_mode & 0o777 if kept.exists() else None) == result_mode


@pytest.mark.parametrize(
    ("command", "verdict", "words"),
    [
        ("/usr/bin/procmail -a x", Verdict.UNSUPPORTED, "not through this program"),
        ("/usr/lib/dovecot/deliver", Verdict.TRANSLATED, "as was asked for"),
    ],
)
def test_a_program_that_wrote_mailboxes(
    tmp_path: Path, command: str, verdict: Verdict, words: str
) -> None:
    make(tmp_path, f"mailbox_command = {command}\n")
    (tmp_path / "root/etc/dovecot").mkdir()
    (tmp_path / "root/etc/dovecot/dovecot.conf").write_text("mail_location = maildir:~/Maildir\n")
    wanted = Adoption(Path("/etc/postfix"), tmp_path / "own", root=tmp_path / "root")
    dovecot = Path("/etc/dovecot")
    wanted = replace(wanted, dovecot=dovecot, state=tmp_path / "own-state", mailboxes_here=True)
    (found,) = said(adopted(wanted), "mailbox_command")
    assert found.verdict is verdict
    assert words in found.words
