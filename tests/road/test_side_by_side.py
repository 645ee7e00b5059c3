"""Postroad beside a real Dovecot and a real Postfix, each with the other's accounts."""

from __future__ import annotations

import imaplib
import smtplib
import ssl
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from peers.certificates import Authority, Certificate
from peers.dovecot_imap import DovecotImap, checkpassword_program
from peers.ports import free_port
from peers.postfix import Listener, Postfix
from peers.postroad import Postroad
from peers.processes import peer_folder, remove_folder
from peers.waiting import until

pytestmark = pytest.mark.peer

JOHN = "john@example.org"
MARY = "mary@example.org"
ACCOUNTS = {JOHN: "summersun", MARY: "winterrain"}
MESSAGE = b"From: john@example.org\r\nSubject: side by side\r\n\r\nHello.\r\n"


@pytest.fixture(scope="module")
def sockets() -> Iterator[Path]:
    """A folder that every server can enter."""
    folder = peer_folder("sockets")
    folder.chmod(0o755)
    yield folder
    remove_folder(folder)


# Postroad where Postfix stands: a Dovecot has the accounts and the mailboxes ---------------------

STORE = """\
passdb {
  driver = passwd-file
  args = scheme=PLAIN username_format=%u %(folder)s/users
}
userdb {
  driver = passwd-file
  args = username_format=%u %(folder)s/users
}
service auth {
  unix_listener %(folder)s/auth {
    mode = 0666
  }
  unix_listener %(folder)s/userdb {
    mode = 0777
  }
}
service lmtp {
  unix_listener %(folder)s/lmtp {
    mode = 0666
  }
}
"""


@pytest.fixture(scope="module")
def store() -> Iterator[DovecotImap]:
    lines = [
        f"{name}:{{PLAIN}}{word}:65534:65534::/tmp/unused/{name}::"
        for name, word in ACCOUNTS.items()
    ]
    server = DovecotImap(STORE, {"users": "\n".join(lines) + "\n"}, "imap lmtp")
    for name in ACCOUNTS:
        (server.folder / "mail" / name).mkdir(parents=True)
    text = "\n".join(lines).replace("/tmp/unused", str(server.folder / "mail"))
    (server.folder / "users").write_text(f"{text}\n")
    for path in (server.folder / "mail").rglob("*"):
        path.chmod(0o777)
    (server.folder / "mail").chmod(0o777)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def in_front(store: DovecotImap) -> Iterator[Postroad]:
    server = Postroad(
        {
            "domains": [],
            "mailbox": {"transport": f"lmtp:unix:{store.folder / 'lmtp'}"},
            "directories": {
                "dovecot": {
                    "kind": "dovecot",
                    "domains": ["example.org"],
                    "socket": str(store.folder / "auth"),
                    "userdb_socket": str(store.folder / "userdb"),
                }
            },
        },
        listeners=("mx", "submission"),
    )
    yield server
    server.stop()


def logged_in(port: int, name: str, password: str, authority: Authority | None) -> smtplib.SMTP:
    client = smtplib.SMTP("127.0.0.1", port, timeout=30)
    try:
        client.starttls(context=_context(authority))
        client.login(name, password)
    except BaseException:
        client.close()
        raise
    return client


def _context(authority: Authority | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context.load_verify_locations(authority.certificate)
    return context


def test_a_dovecots_user_sends_and_another_reads(store: DovecotImap, in_front: Postroad) -> None:
    with logged_in(in_front.port("submission"), JOHN, "summersun", None) as client:
        client.sendmail(JOHN, [MARY, "john+lists@example.org"], MESSAGE)
    for name, word in ACCOUNTS.items():
        session = store.login(name, word)

        def arrived(session: imaplib.IMAP4 = session) -> bool:
            return session.select("INBOX")[1] == [b"1"]

        until(arrived, within=30, what=f"mail for {name}")
        found = session.fetch("1", "(BODY[HEADER.FIELDS (SUBJECT)])")
        assert b"side by side" in found[1][0][1]
        session.logout()


@pytest.mark.parametrize(
    ("name", "password"), [(JOHN, "wrong"), ("nobody@example.org", "summersun")]
)
def test_who_is_not_dovecots_user_is_nobody(in_front: Postroad, name: str, password: str) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        logged_in(in_front.port("submission"), name, password, None)
    assert refused.value.smtp_code == 535


def test_addresses_are_dovecots_to_say(in_front: Postroad) -> None:
    with smtplib.SMTP("127.0.0.1", in_front.port("mx"), timeout=30) as client:
        client.ehlo()
        client.mail("someone@elsewhere.test")
        assert client.rcpt(JOHN)[0] == 250
        assert client.rcpt("nobody@example.org")[0] == 550


# Postfix and Dovecot with Postroad's accounts ----------------------------------------------------

USERS = """\
uri = proxy:{sockets}/users:postroad
iterate_disable = yes
key userdb {{
  key = userdb/%u
  format = json
}}
userdb_objects = userdb
"""

DATABASES = """\
passdb {{
  driver = checkpassword
  args = {program} {sockets}/auth
}}
userdb {{
  driver = dict
  args = %(folder)s/users.conf
}}
"""


@pytest.fixture(scope="module")
def serving(sockets: Path) -> Iterator[Postroad]:
    kinds = {"auth": "dovecot-auth", "maps": "socketmap", "users": "dovecot-dict"}
    server = Postroad(
        {
            "user": "mail",
            "sockets": {
                name: {"kind": kind, "bind": f"unix:{sockets / name}", "unix_mode": "0666"}
                for name, kind in kinds.items()
            },
        },
        listeners=("mx",),
        accounts=ACCOUNTS,
    )
    server.run("alias", "add", "sales@example.org", JOHN, "other@elsewhere.test")
    for group, senders in (("staff", "logged-in"), ("board", "members"), ("all", "everybody")):
        server.run("group", "add", f"{group}@example.org", JOHN, MARY, "--senders", senders)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def old(serving: Postroad, sockets: Path, certificate: Certificate) -> Iterator[Postfix]:
    def table(name: str) -> str:
        return f"socketmap:unix:{sockets / 'maps'}:{name}"

    server = Postfix(
        {
            "mynetworks": "192.0.2.0/24",
            "virtual_mailbox_domains": table("domains"),
            "virtual_mailbox_maps": table("mailboxes"),
            "virtual_alias_maps": table("aliases"),
            "relay_domains": table("relay_domains"),
            "virtual_transport": f"smtp:[127.0.0.1]:{serving.port('mx')}",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": str(sockets / "auth"),
            "smtpd_tls_cert_file": str(certificate.chain),
            "smtpd_tls_key_file": str(certificate.key),
            "smtpd_tls_security_level": "may",
            "smtpd_tls_auth_only": "yes",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
            "smtpd_recipient_restrictions": f"check_recipient_access {table('groups')}",
            "smtpd_sender_login_maps": table("senders"),
            "smtpd_sender_restrictions": "reject_sender_login_mismatch",
        }
    )
    yield server
    server.stop()


def test_postfix_logs_users_in(old: Postfix, authority: Authority) -> None:
    with logged_in(old.port, JOHN, "summersun", authority) as client:
        offered = client.esmtp_features["auth"].split()
        assert {"PLAIN", "LOGIN", "SCRAM-SHA-256"} <= set(offered)
        assert client.mail("sales@example.org")[0] == 250
        assert client.rcpt(MARY)[0] == 250
        client.rset()
        client.mail(MARY)
        assert client.rcpt(JOHN)[0] == 553  # not owned by user john
    old.wait_log(f"sasl_username={JOHN}")


def test_postfix_refuses_who_is_nobody(
    old: Postfix, serving: Postroad, authority: Authority
) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        logged_in(old.port, MARY, "wrong", authority)
    assert refused.value.smtp_code == 535
    serving.wait_log(
        f"SASL LOGIN authentication failed: authentication failure, sasl_username={MARY}"
    )


def test_postfix_knows_recipients_and_hands_them_over(old: Postfix, serving: Postroad) -> None:
    with smtplib.SMTP("127.0.0.1", old.port, timeout=30) as client:
        client.ehlo()
        client.mail("someone@elsewhere.test")
        assert client.rcpt("mary+lists@example.org")[0] == 250
        assert client.rcpt("nobody@example.org")[0] == 550
        assert client.rcpt("someone@elsewhere.test")[0] == 554
        assert client.data(MESSAGE)[0] == 250
    serving.maildir(MARY).wait("side by side")


def test_postfix_keeps_strangers_out_of_closed_groups(old: Postfix, authority: Authority) -> None:
    board = (554, b"5.7.1 <board@example.org>: Recipient address rejected: only its members")
    with smtplib.SMTP("127.0.0.1", old.port, timeout=30) as client:
        client.ehlo()
        client.mail("someone@elsewhere.test")
        assert client.rcpt("all@example.org")[0] == 250
        assert client.rcpt("staff@example.org")[0] == 554
        assert client.rcpt("staff+x@example.org")[0] == 554
        code, words = client.rcpt("board@example.org")
        assert (code, words.startswith(board[1])) == (554, True)
    with logged_in(old.port, JOHN, "summersun", authority) as client:
        client.mail(JOHN)
        assert client.rcpt("staff@example.org")[0] == 250
        assert client.rcpt("board@example.org")[0] == 554


def test_a_dovecot_lets_our_users_read(serving: Postroad, sockets: Path) -> None:
    program = checkpassword_program(sockets, sys.executable)
    databases = DATABASES.format(program=program, sockets=sockets)
    with smtplib.SMTP("127.0.0.1", serving.port("mx"), timeout=30) as client:
        client.sendmail("someone@elsewhere.test", [JOHN], MESSAGE)
    serving.maildir(JOHN).wait("side by side")
    server = DovecotImap(databases, {"users.conf": USERS.format(sockets=sockets)})
    try:
        session = server.login("John@example.org", "summersun")
        assert session.select("INBOX")[0] == "OK"
        found = session.fetch("1", "(BODY[HEADER.FIELDS (SUBJECT)])")
        assert b"side by side" in found[1][0][1]
        session.logout()
        for name, word in ((JOHN, "wrong"), ("sales@example.org", "summersun")):
            with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
                server.login(name, word)
        assert "summersun" not in server.log()
    finally:
        server.stop()


# The Ubuntu guide's files as they stand, with our socket in Dovecot's place ----------------------


def test_the_submission_guides_postfix_finds_our_socket_in_dovecots_place(
    started: Callable[[Postroad], Postroad], certificate: Certificate, authority: Authority
) -> None:
    port = free_port()
    submission = {
        "syslog_name": "postfix/submission",
        "smtpd_tls_security_level": "encrypt",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_tls_auth_only": "yes",
        "smtpd_reject_unlisted_recipient": "no",
        "smtpd_recipient_restrictions": "",
        "smtpd_relay_restrictions": "permit_sasl_authenticated,reject",
        "milter_macro_daemon_name": "ORIGINATING",
    }
    guide = {
        "smtpd_tls_cert_file": str(certificate.chain),
        "smtpd_tls_key_file": str(certificate.key),
        "smtpd_tls_security_level": "may",
        "smtpd_sasl_type": "dovecot",
        "smtpd_sasl_path": "private/auth",
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_tls_auth_only": "yes",
        "default_transport": "discard:",
    }
    postfix = Postfix(guide, [Listener(port, submission)])
    try:
        socket = postfix.folder / "queue" / "private" / "auth"
        settings = {
            "kind": "dovecot-auth",
            "bind": f"unix:{socket}",
            "unix_mode": "0666",
            "unix_owner": "postfix:postfix",
        }
        server = started(
            Postroad({"sockets": {"postfix": settings}}, listeners=("mx",), accounts=ACCOUNTS)
        )
        assert stat.S_IMODE(socket.stat().st_mode) == 0o666
        with logged_in(port, JOHN, "summersun", authority) as client:
            assert client.sendmail(JOHN, ["someone@elsewhere.test"], MESSAGE) == {}
        # Postfix keeps its connection; a server that was started anew is found by itself.
        server.end()
        server.start()
        with logged_in(port, JOHN, "summersun", authority) as client:
            assert client.noop()[0] == 250
        postfix.wait_log("status=sent")
    finally:
        postfix.stop()
