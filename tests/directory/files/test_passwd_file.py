"""Dovecot's passwd-file, line by line."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from postroad.directory.files.passwd_file import read_passwd_file
from postroad.directory.interface import Place
from postroad.directory.names import address_form
from postroad.directory.passwords.credentials import Credentials
from postroad.directory.passwords.schemes import matches
from postroad.directory.userdb import UserdbMistake, place_of, quota_of
from postroad.model import Address
from postroad.tables import TableMistake

PATH = Path("/etc/dovecot/users")
HEX = hashlib.sha512(b"summersun").hexdigest()


def read(text: str, warnings: list[str] | None = None):
    return read_passwd_file(
        text,
        PATH,
        default_domain="example.org",
        default_scheme="CRYPT",
        warn=(lambda _: None) if warnings is None else warnings.append,
    )


def test_the_file_of_the_small_server_guide() -> None:
    text = f"# SHA512 passwords created via sha512sum\n\nme:{{SHA512}}{HEX}:1000:1000\n"
    (name, entry), *rest = read(text).items()
    assert (name, rest) == ("me@example.org", [])
    assert matches(entry.password, "summersun")
    assert not matches(entry.password, "wintermoon")
    assert entry.place == Place(uid=1000, gid=1000)
    assert entry.enabled


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("john:{PLAIN}x", Place()),
        ("john:{PLAIN}x:::", Place()),
        ("john:{PLAIN}x:5::", Place(uid=5)),
        ("john:{PLAIN}x:5:6:John Doe:/home/john:/bin/sh", Place("/home/john", "", 5, 6)),
        (
            "john:{PLAIN}x:5:6::/home/john::userdb_mail=maildir:~/M userdb_quota_rule=*:bytes=10M",
            Place("/home/john", "maildir:~/M", 5, 6, 10 << 20),
        ),
        ("john:{PLAIN}x::::::home=/srv/john uid=7 gid=8", Place("/srv/john", "", 7, 8)),
        ("john:{PLAIN}x::::/a::userdb_home=/b", Place("/b")),
        ("john:{PLAIN}x:::::::maildir:/srv/john", Place("", "maildir:/srv/john")),
    ],
)
def test_where_the_mail_lies(line: str, place: Place) -> None:
    assert read(f"{line}\r\n")["john@example.org"].place == place


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (["*:storage=1G"], (1 << 30, None)),
        (["*:storage=100"], (100 << 10, None)),
        (["*:bytes=100"], (100, None)),
        (["*:storage=1G:messages=1000"], (1 << 30, 1000)),
        (["*:messages=0"], (None, None)),
        (["Trash:storage=+100M"], (None, None)),
        (["?:bytes=5k", "Trash:ignore"], (5 << 10, None)),
    ],
)
def test_a_quota(rules: list[str], expected: tuple[int | None, int | None]) -> None:
    assert quota_of(rules) == expected


def test_a_quota_as_dovecot_2_4_has_it() -> None:
    assert place_of({"quota_storage_size": "2G"}).quota_bytes == 2 << 30


@pytest.mark.parametrize("rule", ["*:storage=many", "*:storage", "*:bytes=-5", "*:bytes=10%"])
def test_what_is_no_quota(rule: str) -> None:
    with pytest.raises(UserdbMistake):
        quota_of([rule])


@pytest.mark.parametrize(
    ("fields", "enabled"),
    [("", True), ("nologin", False), ("nologin=y", False), ("nologin=no", True)],
)
def test_who_may_not_log_in(fields: str, enabled: bool) -> None:
    assert read(f"john:{{PLAIN}}x::::::{fields}\n")["john@example.org"].enabled is enabled


def test_no_password_is_no_open_door() -> None:
    warnings: list[str] = []
    for line in ("john", "john:", "john:{PLAIN}x::::::nopassword=y"):
        account = read(line, warnings)["john@example.org"].account("john@example.org", "CRYPT")
        assert account.credentials == Credentials("")
    assert (
        warnings
        == ['/etc/dovecot/users:1: "john" has no password, so nobody can log in as that'] * 3
    )


def test_networks() -> None:
    entry = read("john:{PLAIN}x::::::allow_nets=10.0.0.0/8,2001:db8::/32,192.0.2.1\n")
    assert entry["john@example.org"].nets == ("10.0.0.0/8", "2001:db8::/32", "192.0.2.1")


@pytest.mark.parametrize(
    ("stored", "password"),
    [
        ("rl0uE5kCcKAGg[13]", "{CRYPT}rl0uE5kCcKAGg"),
        ("0123456789abcdef0123456789abcdef[34]", "{PLAIN-MD5}0123456789abcdef0123456789abcdef"),
        ("{PLAIN}a[34]", "{PLAIN}a[34]"),
        ("$1$abc[34]", "$1$abc[34]"),
        ("abc[99]", "abc[99]"),
    ],
)
def test_the_schemes_of_libpam_pwdfile(stored: str, password: str) -> None:
    assert read(f"john:{stored}\n")["john@example.org"].password == password


def test_a_scram_verifier_is_one_for_that_mechanism() -> None:
    account = read("john:{SCRAM-SHA-256}4096,c2FsdA==,YQ==,Yg==\n")["john@example.org"]
    credentials = account.account("john@example.org", "CRYPT").credentials
    assert credentials is not None
    assert credentials.scram_sha_256 == "4096,c2FsdA==,YQ==,Yg=="
    assert credentials.scram_sha_1 == ""


def test_names_are_the_same_in_any_case_and_the_first_line_counts() -> None:
    warnings: list[str] = []
    entries = read("John@Example.ORG:{PLAIN}a\njohn:{PLAIN}b\n", warnings)
    assert [(name, entry.password) for name, entry in entries.items()] == [
        ("john@example.org", "{PLAIN}a")
    ]
    assert warnings == [
        '/etc/dovecot/users:2: "john" is there more than once; the first one counts'
    ]


def test_a_hash_that_cannot_be_used_is_warned_of() -> None:
    warnings: list[str] = []
    read("john:{SHA999}abc\n", warnings)
    assert warnings == [
        "/etc/dovecot/users:1: \"john\" cannot log in: an unknown password scheme, 'SHA999'"
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("../john:{PLAIN}x", "is no user"),
        ("a/john:{PLAIN}x", "holds no slash"),
        ("a b:{PLAIN}x", "is no user"),
        ("@example.org:{PLAIN}x", "is no user"),
    ],
)
def test_a_mistake_has_its_line(line: str, words: str) -> None:
    with pytest.raises(TableMistake, match=words) as caught:
        read(f"# users\n{line}\n")
    assert str(caught.value).startswith("/etc/dovecot/users:2: ")
    assert "{PLAIN}" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("john:{PLAIN}x:nosuchuser", 'uid: there is no user or group "nosuchuser"'),
        ("john:{PLAIN}x:0:0", "uid: 0 is root's"),
        ("john:{PLAIN}x:99999999999", "out of range|no user"),
        ("john:{PLAIN}x::::::userdb_quota_rule=*:storage=lots", "a quota is a number"),
        ("john:{PLAIN}x::::::allow_nets=here", '"here" is no network'),
        ("john:" + "x" * 5000, "more than 4096 characters"),
    ],
)
def test_a_line_that_cannot_be_used_is_one_account(line: str, words: str) -> None:
    warnings: list[str] = []
    entries = read(f"# users\n{line}\nlisa:{{PLAIN}}y\n", warnings)
    john, lisa = entries["john@example.org"], entries["lisa@example.org"]
    assert lisa.fault == ""
    assert re.search(words, john.fault)
    assert not john.enabled
    assert warnings == [
        f"{john.fault}; mail for john@example.org waits, and nobody logs in as that"
    ]
    assert john.fault.startswith("/etc/dovecot/users:2: ")
    assert "{PLAIN}" not in john.fault


def test_many_lines_that_cannot_be_used_are_counted() -> None:
    warnings: list[str] = []
    read("".join(f"u{number}:x:0\n" for number in range(50)), warnings)
    assert len(warnings) == 21
    assert warnings[-1] == "/etc/dovecot/users: 30 more lines like these"


def test_a_file_without_any_account_is_warned_of() -> None:
    warnings: list[str] = []
    assert read("# nobody\n", warnings) == {}
    assert warnings == ["/etc/dovecot/users: there is no account in it"]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_its_line(text: str) -> None:
    try:
        names = list(read(text))
    except TableMistake as mistake:
        names = [f"line{mistake.line}@example.org"]
        event("refused")
    assert all(name == str(address_form(Address.parse(name))) for name in names)
    assert all("/" not in name.rpartition("@")[0] for name in names)
    assert "lineNone@example.org" not in names
