"""LDAP by a real slapd: the conformance suite of addresses, and what only a real one shows."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from directory_conformance import WORLD, AddressConformance
from ldap_world import BASE, PASSWORD, SETTINGS, entries_of, entry
from peers import needs
from peers.certificates import Authority
from peers.ports import free_port
from peers.slapd import Slapd
from postroad.directory import DirectoryUnavailable
from postroad.directory.ldap.settings import LdapSettings
from sql_world import chained

pytestmark = pytest.mark.peer


def backend_of(url, *, password=PASSWORD, ca="", timeout=60.0, **settings):
    needs.library("bonsai")
    from postroad.directory.ldap.backend import LdapBackend
    from postroad.directory.ldap.tree import LdapTree
    from postroad.tables.kept import Bounds
    from postroad.tables.ldap_connection import LdapDirectory

    said = LdapSettings(**{"urls": (url,), **SETTINGS, **settings})
    directory = LdapDirectory(
        urls=said.urls,
        bind_dn=said.reader_dn,
        bind_pw=password if said.reader_dn else "",
        start_tls=said.start_tls,
        ca_file=ca,
        bounds=Bounds(answer=timeout, connections=2),
    )
    return LdapBackend(said, LdapTree(directory, 2))


@pytest.fixture(scope="module")
def hashed():
    server = Slapd(entries_of(WORLD, clear=False), readable=True)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def clear(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authority")
    authority = Authority(folder)
    certificate = authority.issue("localhost", "127.0.0.1")
    forwarded = entry(
        "cn=fred@example.org",
        "inetOrgPerson",
        cn=["fred@example.org"],
        sn=["x"],
        userPassword=["forward"],
        employeeType=["TRUE"],
        labeledURI=["mailto:fred@elsewhere.test"],
    )
    twice = "".join(
        entry(f"uid={each}", "inetOrgPerson", cn=["twice@example.org"], sn=["x"], uid=[each])
        for each in ("one", "two")
    )
    server = Slapd(
        entries_of(WORLD, clear=True) + forwarded + twice, certificate.chain, certificate.key
    )
    server.authority = authority.certificate
    yield server
    server.stop()


class _Ldap(AddressConformance):
    @pytest.fixture
    async def make(self, server, settings, tmp_path):
        async with AsyncExitStack() as exits:

            async def made(world, texts):
                assert world == WORLD
                return chained(backend_of(server.url, **settings), tmp_path, exits)

            yield made


class TestPasswordsAreRead(_Ldap):
    @pytest.fixture
    def server(self, hashed):
        return hashed

    @pytest.fixture
    def settings(self):
        return {}


class TestPasswordsAreBound(_Ldap):
    @pytest.fixture
    def server(self, clear):
        return clear

    @pytest.fixture
    def settings(self):
        return {"auth_bind": True}


@pytest.fixture
async def asked(clear):
    made = []

    def make(**settings):
        made.append(backend_of(settings.pop("url", clear.url), **settings))
        return made[-1]

    yield make
    for each in made:
        await each.close()


BIND = {"bind_dn": f"cn=%u,{BASE}", "user_filter": "", "alias_filter": "", "domain_filter": ""}


@pytest.mark.parametrize(
    ("name", "password", "expected"),
    [
        ("john@example.org", "summersun", True),
        ("john@example.org", "wrong", False),
        ("john@example.org", "", False),
        ("john@example.org", "summersun\0", False),
        ("john@example.org", "\ud800", False),
        ("nobody@example.org", "summersun", False),
        ("jo+hn@example.org", "plus", True),
        ("x,cn=john@example.org", "summersun", False),
    ],
)
async def test_the_bind_form(asked, name, password, expected):
    backend = asked(**BIND)
    assert await backend.check(name, password) is expected


async def test_the_bind_form_reads_the_entry_itself(asked):
    backend = asked(**BIND)
    account = await backend.account("mary@example.org")
    assert account.place == WORLD.places["mary@example.org"]
    assert account.credentials is None
    assert not (await backend.account("old@example.org")).enabled
    assert await backend.account("nobody@example.org") is None


@pytest.mark.parametrize("name", ["*@example.org", "*)(cn=*", "john@example.org)(cn=*", "\\2a"])
async def test_a_name_with_marks_of_a_filter_is_a_name(asked, name):
    backend = asked()
    assert await backend.account(name) is None
    assert await backend.alias(name) is None


async def test_an_account_that_forwards(asked):
    backend = asked(attributes={"forward": "labeledURI"}, alias_filter="")
    account = await backend.account("fred@example.org")
    assert [str(each) for each in account.forward.targets] == ["fred@elsewhere.test"]


@pytest.mark.parametrize("settings", [{}, {"auth_bind": True}, BIND])
async def test_an_entry_found_by_another_spelling_is_no_account(asked, settings):
    """RFC 4518 §2.3: the server takes fullwidth letters for usual ones."""
    backend = asked(**settings)
    assert (await backend.account("john@example.org")).name == "john@example.org"
    for name in ("\uff4aohn@example.org", "jo\u00adhn@example.org"):
        assert await backend.account(name) is None


async def test_a_base_that_is_not_there_is_not_an_unknown_user(asked):
    gone = f"ou=gone,{BASE}"
    with pytest.raises(DirectoryUnavailable, match="there is no ou=gone"):
        await asked(base=gone).account("john@example.org")
    with pytest.raises(DirectoryUnavailable, match="there is no ou=gone"):
        await asked(base=gone).has_domain("example.org")
    named = f"ou=%d,{BASE}"
    assert await asked(base=named).account("john@nowhere.example") is None


async def test_two_entries_of_one_name_are_nobody_now(asked):
    with pytest.raises(DirectoryUnavailable, match="2 entries"):
        await asked().account("twice@example.org")


async def test_an_entry_without_a_password_lets_nobody_in(asked):
    backend = asked(user_filter="(&(objectClass=inetOrgPerson)(uid=%n))", auth_bind=True)
    assert await backend.check("one@example.org", "anything") is False


async def test_a_reader_with_a_wrong_password_knows_nothing(asked):
    with pytest.raises(DirectoryUnavailable):
        await asked(password="wrong").account("john@example.org")


async def test_tls_is_begun_and_checked(asked, clear):
    backend = asked(start_tls=True, ca=str(clear.authority), auth_bind=True)
    assert await backend.check("john@example.org", "summersun") is True
    with pytest.raises(DirectoryUnavailable):  # its certificate is nobody's that the system trusts
        await asked(start_tls=True, auth_bind=True).account("john@example.org")


async def test_a_server_that_is_away_is_not_an_unknown_user(asked):
    backend = asked(url=f"ldap://127.0.0.1:{free_port()}", auth_bind=True)
    for question in (
        backend.account("john@example.org"),
        backend.check("john@example.org", "summersun"),
        backend.has_domain("example.org"),
        backend.alias("sales@example.org"),
    ):
        with pytest.raises(DirectoryUnavailable) as raised:
            await question
        assert "summersun" not in str(raised.value)


async def test_the_next_server_is_asked_where_one_is_away(asked, clear):
    urls = (f"ldap://127.0.0.1:{free_port()}", clear.url)
    backend = asked(urls=urls, auth_bind=True)
    assert await backend.check("john@example.org", "summersun") is True
