"""What is asked of LDAP, and what is made of entries; no name can change the question."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.directory import DirectoryUnavailable, Place
from postroad.directory.ldap import tree
from postroad.directory.ldap.backend import LdapBackend
from postroad.directory.ldap.settings import LdapSettings
from postroad.directory.placeholders import filled_in, unknown_placeholder, uses
from postroad.tables.ldap_quoting import quoted_in_filter, quoted_in_name

FORM = {
    "base": "ou=%d,dc=example",
    "user_filter": "(&(objectClass=mailUser)(mail=%s))",
    "alias_filter": "(&(objectClass=mailAlias)(mail=%s))",
    "domain_filter": "associatedDomain=%d",
}


class FakeTree:
    """Answers every search alike, and notes what it was asked."""

    def __init__(self, *entries):
        self.entries = entries
        self.asked = []
        self.logins = []

    async def search(self, base, scope, wanted, attributes, *, may_lack=False):
        self.may_lack = may_lack
        self.asked.append((base, scope, wanted, tuple(attributes)))
        return self.entries

    async def lets_in(self, name, password):
        self.logins.append((name, password))
        return True

    async def close(self):
        pass


def backend_of(tree, **settings):
    return LdapBackend(LdapSettings(**{**FORM, **settings}), tree)


async def test_what_is_asked():
    tree = FakeTree()
    backend = backend_of(tree, attributes={"home": "homeDirectory", "alias": "mailTarget"})
    await backend.account("john@example.org")
    await backend.alias("@example.org")
    await backend.has_domain("example.org")
    assert tree.asked == [
        (
            "ou=example.org,dc=example",
            "sub",
            "(&(objectClass=mailUser)(mail=john@example.org))",
            ("homedirectory", "mail", "userpassword"),
        ),
        (
            "ou=example.org,dc=example",
            "sub",
            "(&(objectClass=mailAlias)(mail=@example.org))",
            ("mailtarget",),
        ),
        ("ou=example.org,dc=example", "sub", "(associatedDomain=example.org)", ()),
    ]


NAMES = st.text(st.characters(codec="utf-8") | st.sampled_from('*()\\\0,=+<>;#"& |!')).map(
    lambda local: f"{local}@example.org"
)


@given(NAMES)
def test_a_name_stays_one_value_of_a_filter(name):
    """RFC 4515 §3: without the marks it has a meaning for, and back to the same octets."""
    quoted = quoted_in_filter(name)
    assert not set("*()\0") & set(quoted)
    assert re.fullmatch(r"(?:[^\\]|\\[0-9a-f]{2})*", quoted, re.DOTALL)
    read = re.sub(r"\\([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), quoted)
    assert read == name


@given(NAMES)
def test_a_name_stays_one_value_of_a_distinguished_name(name):
    """RFC 4514 §2.4."""
    quoted = quoted_in_name(name)
    assert not set(' ,=+<>;#"\0\t') & set(quoted)
    read = re.sub(r"\\([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), quoted)
    assert read == name


@given(NAMES)
def test_the_shape_of_a_filter_does_not_depend_on_the_name(name):
    filled = filled_in(FORM["user_filter"], name, quoted_in_filter)
    marks = "".join(each for each in filled if each in "()&|!*")
    usual = "".join(each for each in name if each in "&|!")
    assert marks == f"(&()({usual}))"


@pytest.mark.parametrize(
    ("entry", "stored"),
    [
        ({"userpassword": ("{SSHA}abc",)}, "{SSHA}abc"),
        (
            {"userpassword": ("{MD5}XrY7u+Ae7tCTyyK7j1rNww==",)},
            "{LDAP-MD5}XrY7u+Ae7tCTyyK7j1rNww==",
        ),
        ({"userpassword": ("in clear",)}, "in clear"),
        ({"userpassword": ("{SASL}john", "{PLAIN}second")}, "{PLAIN}second"),
        ({"userpassword": ("{SASL}john",)}, "{SASL}john"),
        ({}, ""),
    ],
)
async def test_what_is_read_of_a_password(entry, stored):
    account = await backend_of(FakeTree({"dn": ("cn=x",), **entry})).account("john@example.org")
    assert account.credentials.password == stored
    assert "in clear" not in repr(account)


@pytest.mark.parametrize(
    ("values", "enabled"),
    [((), True), (("TRUE",), True), (("active",), True), (("FALSE",), False), (("0",), False)],
)
async def test_whether_it_may_log_in(values, enabled):
    tree = FakeTree({"dn": ("cn=x",), "mailenabled": values})
    account = await backend_of(tree, attributes={"enabled": "mailEnabled"}).account("a@example.org")
    assert account.enabled is enabled


@pytest.mark.parametrize(
    ("attributes", "entry"),
    [
        ({"enabled": "state"}, {"state": ("perhaps",)}),
        ({"quota_rule": "quota"}, {"quota": ("*:storage=lots",)}),
        ({"uid": "uidNumber"}, {"uidnumber": ("no-such-user-here",)}),
        ({"forward": "to"}, {"to": ("not an address",)}),
    ],
)
async def test_an_entry_that_cannot_be_read_is_not_an_unknown_user(attributes, entry):
    backend = backend_of(FakeTree({"dn": ("cn=x",), **entry}), attributes=attributes)
    with pytest.raises(DirectoryUnavailable):
        await backend.account("john@example.org")


async def test_where_mail_lies():
    tree = FakeTree(
        {
            "dn": ("cn=x",),
            "homedirectory": ("/srv/john",),
            "uidnumber": ("1001",),
            "gidnumber": ("1002",),
            "quota": ("*:bytes=100:messages=5",),
        }
    )
    names = {"home": "homeDirectory", "uid": "uidNumber", "gid": "gidNumber", "quota_rule": "quota"}
    account = await backend_of(tree, attributes=names).account("john@example.org")
    assert account.place == Place("/srv/john", "", 1001, 1002, 100, 5)


async def test_an_alias_has_each_target_once():
    tree = FakeTree(
        {"dn": ("cn=a",), "target": ("a@example.org", "mailto:b@elsewhere.test")},
        {"dn": ("cn=b",), "target": ("a@example.org",)},
    )
    alias = await backend_of(tree, attributes={"alias": "target"}).alias("sales@example.org")
    assert [str(each) for each in alias.targets] == ["a@example.org", "b@elsewhere.test"]


async def test_the_bind_form_searches_for_nothing():
    tree = FakeTree({"dn": ("ignored",), "uid": ("jo,hn",)})
    backend = backend_of(tree, bind_dn="uid=%n,ou=people,dc=%d", user_filter="", base="")
    assert await backend.check("jo,hn@example.org", "word") is True
    account = await backend.account("jo,hn@example.org")
    assert account.credentials is None
    assert tree.logins == [("uid=jo\\2chn,ou=people,dc=example.org", "word")]
    named = "uid=jo\\2chn,ou=people,dc=example.org"
    assert tree.asked == [(named, "base", "(objectClass=*)", ("uid",))]
    assert tree.may_lack


async def test_a_login_as_the_entry_that_was_found():
    tree = FakeTree({"dn": ("cn=John,dc=example",)})
    backend = backend_of(tree, auth_bind=True)
    assert await backend.check("john@example.org", "word") is True
    assert tree.logins == [("cn=John,dc=example", "word")]
    empty = FakeTree()
    assert await backend_of(empty, auth_bind=True).check("nobody@example.org", "x") is False
    assert len(empty.logins) == 1  # the same work
    assert await backend_of(tree).check("john@example.org", "word") is None


WIDE = "\uff4aohn"  # RFC 4518 §2.3 has a server take it for john


@pytest.mark.parametrize(
    ("settings", "entry", "name", "expected"),
    [
        ({}, {"mail": ("John@Example.org",)}, "john@example.org", "john@example.org"),
        ({}, {"mail": ("j@example.org", "john@example.org")}, "john@example.org", True),
        ({}, {"mail": ("john@example.org",)}, f"{WIDE}@example.org", None),
        ({}, {"mail": ("john@example.org",)}, "jo\u00adhn@example.org", None),
        ({}, {}, "john@example.org", "john@example.org"),
        ({}, {}, f"{WIDE}@example.org", DirectoryUnavailable),
        ({"user_filter": "(uid=%n)"}, {"uid": ("john",)}, "john@example.org", "john@example.org"),
        ({"user_filter": "(uid=%n)"}, {"uid": ("john",)}, f"{WIDE}@example.org", None),
        ({"user_filter": "(uid=%n)"}, {"uid": ("john",)}, '"john "@example.org', None),
        (
            {"user_filter": "(|(mail=%u)(other=%u))"},
            {"mail": ("john@example.org",), "other": ("jd@example.org",)},
            "jd@example.org",
            "jd@example.org",
        ),
        (
            {"user_filter": "(|(mail=%u)(other=%u))", "attributes": {"user": "mail"}},
            {"mail": ("john@example.org",), "other": ("jd@example.org",)},
            "jd@example.org",
            "john@example.org",
        ),
        (
            {"attributes": {"user": "uid"}},
            {"uid": ("john",)},
            f"{WIDE}@example.org",
            "john@example.org",
        ),
        ({"attributes": {"user": "uid"}}, {}, "john@example.org", DirectoryUnavailable),
        ({"attributes": {"user": "uid"}}, {"uid": ("a", "b")}, "c@x.org", DirectoryUnavailable),
        ({"attributes": {"user": "uid"}}, {"uid": ("a", "b")}, "b@x.org", "b@x.org"),
        ({"attributes": {"user": "uid"}}, {"uid": ("a b",)}, "c@x.org", DirectoryUnavailable),
        (
            {"user_filter": "", "bind_dn": "uid=%n,dc=example"},
            {"uid": ("john",)},
            f"{WIDE}@example.org",
            None,
        ),
        (
            {"user_filter": "", "bind_dn": "uid=%n+ou=x,dc=example"},
            {"uid": ("john",)},
            "john@example.org",
            "john@example.org",
        ),
    ],
)
async def test_whose_an_entry_is(settings, entry, name, expected):
    backend = backend_of(FakeTree({"dn": ("cn=x",), **entry}), **settings)
    if expected is DirectoryUnavailable:
        with pytest.raises(DirectoryUnavailable):
            await backend.account(name)
        return
    account = await backend.account(name)
    found = None if account is None else account.name
    assert found == (name if expected is True else expected)


@pytest.mark.parametrize(
    ("base", "may_lack"), [("dc=example", False), ("ou=%d,dc=example", True), ("dc=%%d", False)]
)
async def test_which_base_may_be_missing(base, may_lack):
    tree = FakeTree()
    backend = backend_of(tree, base=base, attributes={"alias": "target"})
    for asked in (
        backend.account("john@example.org"),
        backend.alias("john@example.org"),
        backend.has_domain("example.org"),
    ):
        await asked
        assert tree.may_lack is may_lack


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("%u %n %d %s %%", ""), ("%x", "%x"), ("100%", "%"), ("%", "%"), ("%%%q", "%q")],
)
def test_placeholders(text, unknown):
    assert unknown_placeholder(text) == unknown


def test_what_they_stand_for():
    assert filled_in("%u|%s|%n|%d|%%", "john@example.org") == (
        "john@example.org|john@example.org|john|example.org|%"
    )
    assert filled_in("%n %d", "%d@example.org") == "%d example.org"
    assert uses("mail=%n", "un")
    assert not uses("mail=%%n", "un")


def test_an_attribute_has_so_many_values():
    assert tree._values([b"a", "b"]) == ("a", "b")
    with pytest.raises(ValueError, match="more than"):
        tree._values(["x"] * (tree.MOST_VALUES + 1))
