"""Mistakes in what is said of LDAP, of a running Dovecot, and of `[sockets]`."""

from __future__ import annotations

from pathlib import Path

import pytest

from peers import needs
from postroad.config import ConfigurationError, load

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n'
LDAP = """\
[directories.people]
kind = "ldap"
urls = ["ldap://127.0.0.1"]
base = "dc=example,dc=org"
user_filter = "(mail=%u)"
"""
BIND = """\
[directories.people]
kind = "ldap"
urls = ["ldaps://ldap.example.org:636"]
bind_dn = "uid=%n,dc=example"
"""
DOVECOT = '[directories.old]\nkind = "dovecot"\nsocket = "/run/auth"\n'
SOCKET = '[sockets.one]\nkind = "dovecot-auth"\nbind = "unix:/run/postroad/auth"\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "postroad.toml"
    file.write_text(f'{HEAD}{text}\n[listeners.mx]\nbind = ["127.0.0.1:2525"]\ntls = "none"\n')
    return file


def mistakes(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(written(folder, text))
    return "\n".join(map(str, caught.value.mistakes))


@pytest.mark.parametrize(
    "text",
    [LDAP, BIND, DOVECOT, SOCKET, SOCKET.replace("unix:/run/postroad/auth", "127.0.0.1:2601")],
)
def test_what_is_right(tmp_path: Path, text: str) -> None:
    needs.library("bonsai")
    load(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LDAP.replace("ldap://127.0.0.1", "127.0.0.1"), 'urls: expected "ldap://HOST:PORT"'),
        (LDAP.replace('["ldap://127.0.0.1"]', "[]"), "urls: needs at least one server"),
        (LDAP.replace("ldap://", "ldaps://") + "start_tls = true", "start_tls begins TLS on a"),
        (DOVECOT + 'default_domain = "a b"', "default_domain: expected a domain such as"),
        (LDAP + 'reader_dn = "cn=reader"', "reader_dn: needs password_file beside it"),
        (LDAP.replace('user_filter = "(mail=%u)"', ""), "user_filter: needs a filter such as"),
        (LDAP.replace('base = "dc=example,dc=org"', ""), "base: user_filter needs to know where"),
        (LDAP.replace("(mail=%u)", "(mail=%q)"), '"%q" means nothing'),
        (LDAP.replace("(mail=%u)", "(mail=john)"), "user_filter: needs %u or %n"),
        (LDAP.replace("(mail=%u)", "(mail=%u"), "its parentheses do not match"),
        (LDAP.replace("(mail=%u)", "(mail=%u)(cn=*)"), "its parentheses do not match"),
        (LDAP + 'domain_filter = "(cn=x)"', "domain_filter: needs %d"),
        (LDAP + 'alias_filter = "(cn=%s)"', "alias_filter and attributes.alias"),
        (LDAP + 'attributes = { hom = "x" }', "did you mean home?"),
        (LDAP + 'attributes = { home = "x y" }', "expected the name of an attribute"),
        (LDAP + 'socket = "/run/auth"', "socket"),
        (BIND.replace("uid=%n", "uid=john"), "bind_dn: needs %u or %n"),
        (DOVECOT.replace('socket = "/run/auth"', ""), "socket: needs the path of Dovecot's socket"),
        (DOVECOT.replace("/run/auth", "private/auth"), "expected an absolute path, or"),
        (DOVECOT + 'username_format = "%x"', "username_format:"),
        (DOVECOT + 'mechanisms = ["PLAIN"]', "mechanisms"),
        (DOVECOT + 'mechanisms = ["CRAM-MD5", "CRAM-MD5"]', "is passed on to old already"),
        (
            DOVECOT.replace("socket", 'mechanisms = ["CRAM-MD5"]\nuserdb_socket'),
            "mechanisms: needs socket",
        ),
        (
            "".join(
                DOVECOT.replace("old", name) + 'mechanisms = ["CRAM-MD5"]\n'
                for name in ("old", "new")
            ),
            "CRAM-MD5 is passed on to",
        ),
        (SOCKET.replace("dovecot-auth", "dovecot-aut"), "did you mean dovecot-auth?"),
        (SOCKET.replace("unix:/run/postroad/auth", "auth"), "bind: expected an address such as"),
        (SOCKET.replace("unix:/run/postroad/auth", "0.0.0.0:2601"), "an address of this machine"),
        (
            SOCKET.replace("unix:/run/postroad/auth", "127.0.0.1:2525"),
            "taken already by [listeners",
        ),
        (SOCKET + SOCKET.replace("one", "two"), "is taken already by [sockets.one]"),
        (SOCKET + 'unix_mode = "rw"', "unix_mode"),
        (SOCKET + 'unix_owner = "a b"', 'expected "user" or "user:group"'),
        (SOCKET + 'unix_owner = "no-such-user"', "there is no such user or group"),
        (SOCKET.replace("dovecot-auth", "socketmap") + "plain_auth = true", "is about logins"),
        (
            SOCKET.replace("unix:/run/postroad/auth", "127.0.0.1:2601") + 'unix_mode = "0666"',
            'unix_mode: is about a "unix:" address',
        ),
        (SOCKET.replace("[sockets.one]", '[sockets."a b"]'), "a socket's name is letters, digits"),
        (SOCKET + "client = 5", "did you mean clients?"),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    assert said in mistakes(tmp_path, text)


def test_a_password_file_is_named_once(tmp_path: Path) -> None:
    text = LDAP + 'reader_dn = "cn=reader"\npassword_file = "/nowhere/at/all"'
    assert mistakes(tmp_path, text).count("no such file") == 1
