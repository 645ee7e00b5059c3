"""Under which key each kind of directory looks for the account of a login name."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from postroad.app.directories import OPENERS, Joining
from postroad.config import Configuration
from postroad.directory.names import looked_at
from postroad.directory.source_settings import SourceSettings

SQL = {"kind": "sql", "driver": "sqlite", "file": Path("/nowhere/accounts.db")}
LDAP = {"kind": "ldap", "urls": ("ldap://127.0.0.1:1",)}
FILES = {"kind": "files", "passwd": Path("/nowhere/users")}
PAM = {"kind": "pam", "default_domain": "example.org"}
DOVECOT = {"kind": "dovecot", "socket": "/nowhere/auth-client"}


def query(where: str) -> dict[str, object]:
    return {**SQL, "user_query": f"SELECT email AS user, password FROM users WHERE {where}"}


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (FILES, "me@a1.example"),
        ({**FILES, "username_format": "%n"}, "me@example.org"),
        ({**FILES, "username_format": "%n", "default_domain": "b.example"}, "me@b.example"),
        ({**FILES, "username_format": "%n@%d"}, "me@a1.example"),
        ({**FILES, "username_format": "%2u"}, "me@example.org"),
        ({**FILES, "username_format": "/%u"}, "me@a1.example"),  # no account can have that name
        (DOVECOT, "me@a1.example"),
        ({**DOVECOT, "username_format": "%Ln"}, "me@example.org"),
        ({**DOVECOT, "username_format": "%n", "default_domain": "b.example"}, "me@b.example"),
        (PAM, "me@a1.example"),
        (query("email = '%u'"), "me@a1.example"),
        (query("name = '%n' AND domain = '%d'"), "me@a1.example"),
        (query("name = '%n'"), "me@*"),
        (query("'%d' = domain"), "*@a1.example"),
        ({**SQL, "preset": "ispmail"}, "me@a1.example"),
        ({**LDAP, "base": "dc=x", "user_filter": "(mail=%u)"}, "me@a1.example"),
        ({**LDAP, "base": "dc=x", "user_filter": "(uid=%n)"}, "me@*"),
        ({**LDAP, "base": "ou=%d,dc=x", "user_filter": "(uid=%n)"}, "me@a1.example"),
        ({**LDAP, "bind_dn": "uid=%n,dc=x", "auth_bind": True}, "me@*"),
    ],
    ids=str,
)
async def test_the_key_of_a_name(given: dict[str, object], key: str) -> None:
    """Two names that lead to one account have one key, so guesses at them are counted together."""
    pytest.importorskip("bonsai")
    configuration = Configuration(hostname="mail.example.org", domains=("example.org",))
    joining = Joining(configuration, lambda: 0.0, lambda words: None, is_serving=False)
    async with AsyncExitStack() as exits:
        settings = SourceSettings(**given)  # type: ignore[arg-type]
        backend = OPENERS[settings.kind]("users", settings, joining)
        exits.push_async_callback(backend.close)
        assert backend.key("me@a1.example") == key


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({**FILES, "username_format": "%n"}, "me@example.org"),
        (PAM, "me@example.org"),
        ({**DOVECOT, "default_domain": "example.org"}, "me@example.org"),
        (query("name = '%n'"), "me"),
    ],
    ids=str,
)
async def test_the_key_of_a_name_alone(given: dict[str, object], key: str) -> None:
    configuration = Configuration(hostname="mail.example.org", domains=("example.org",))
    joining = Joining(configuration, lambda: 0.0, lambda words: None, is_serving=False)
    async with AsyncExitStack() as exits:
        settings = SourceSettings(**given)  # type: ignore[arg-type]
        backend = OPENERS[settings.kind]("users", settings, joining)
        exits.push_async_callback(backend.close)
        assert backend.key("me") == key


def test_what_a_look_up_does_not_see_is_a_star() -> None:
    assert looked_at("a@b", local=False, domain=False) == "*@*"
    assert looked_at("a", local=True, domain=False) == "a"
