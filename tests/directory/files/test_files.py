"""Accounts and aliases in files: the conformance suite, and what files alone have."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from directory_conformance import AddressConformance
from files_world import Files, write
from postroad.directory import CHEAP, Alias, DirectoryUnavailable, Place, Unknown
from postroad.directory.chain import Chain
from postroad.directory.files.backend import FilesBackend
from postroad.directory.files.settings import FilesSettings
from postroad.directory.links import Link, Plan
from postroad.directory.names import domain_form
from postroad.directory.passwords.password import hash_password
from postroad.model import Address
from sql_world import chained, embedded_beside, key, source_key


class TestFiles(AddressConformance):
    @pytest.fixture
    async def make(self, tmp_path):
        async with AsyncExitStack() as exits:

            async def made(world, texts):
                lines = []
                for name, password in world.users.items():
                    clear = name in world.clear
                    stored = f"{{PLAIN}}{password}" if clear else hash_password(password, CHEAP)
                    fields = "nologin " if name in world.disabled else ""
                    place = world.places.get(key(name))
                    if place:
                        fields += (
                            f"userdb_quota_rule=*:bytes={place.quota_bytes}"
                            f":messages={place.quota_messages}"
                        )
                    lines.append(f"{key(name)}:{stored}::::::{fields}\n")
                settings = FilesSettings(
                    passwd=write(tmp_path / "users", "".join(lines)),
                    virtual=(f"hash:{tmp_path}/virtual",),
                )
                write(
                    tmp_path / "virtual",
                    "".join(
                        f"{source_key(source)} {', '.join(targets)}\n"
                        for source, targets in world.aliases.items()
                    ),
                )
                backend = FilesBackend(
                    settings,
                    domains=world.domains,
                    default_domain="example.org",
                    delimiters="+",
                    report=logging.error,
                )
                return chained(backend, tmp_path, exits)

            yield made


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("me@example.org", "me@example.org"),
        ("ME+lists@example.org", "me@example.org"),
        ("info@example.org", ["me@example.org", "ann@example.org"]),
        ("ann@example.org", ["ann@example.org", "me@example.org"]),
        ("postmaster@example.org", ["me@example.org"]),
        ("postmaster@mail.example.org", ["me@example.org"]),
        ("root@example.org", ["me@example.org"]),
        ("root@mail.example.org", ["me@example.org"]),
        ("me@mail.example.org", ["me@example.org"]),
        ("anybody@example.net", ["me@example.org"]),
        ("root@example.net", ["me@example.org"]),
        ("me@example.com", ["me@example.org"]),
        ("info+x@example.com", ["info+x@example.org"]),
        ("nobody@example.org", Unknown()),
        ("nobody@mail.example.org", Unknown()),
    ],
)
async def test_who_has_an_address(guide: Files, address: str, expected) -> None:
    assert await guide.who(address) == expected
    assert guide.said == []


async def test_an_account_that_passes_its_mail_on(guide: Files) -> None:
    account = await guide.backend.account("ann@example.org")
    assert account is not None
    assert account.forward == Alias(
        (Address("ann", "example.org"), Address("me", "example.org")), user="ann@example.org"
    )
    alone = await guide.backend.account("me@example.org")
    assert alone is not None
    assert alone.forward is None


async def test_the_owner_of_a_list(guide: Files) -> None:
    found = await guide.backend.alias("list@example.org")
    assert found is not None
    assert found.owner == Address("owner-list", "example.org")


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        ("me", "me@example.org"),
        ("ME", "me@example.org"),
        ("me@example.org", "me@example.org"),
        ("me@elsewhere.test", "me@example.org"),
        ("nobody", None),
        ("", None),
        ("@", None),
        ("me@", "me@example.org"),
        ("../me", None),
        ("\ud800", None),
    ],
)
async def test_what_a_login_name_means(guide: Files, login: str, expected: str | None) -> None:
    assert await guide.backend.named(login) == expected


async def test_a_login_by_the_bare_name(guide: Files, tmp_path) -> None:
    async with AsyncExitStack() as exits:
        link = Link("guide", guide.backend, logins=guide.backend)
        plan = Plan(first_domain="example.org")
        chain = Chain(embedded_beside(tmp_path, exits), [link], plan)
        assert await chain.authenticate("me", "summersun") == "me@example.org"
        assert await chain.authenticate("Me@mail.example.org", "summersun") == "me@example.org"
        assert await chain.authenticate("me", "winter") is None
        assert await chain.authenticate("nobody", "summersun") is None


@pytest.mark.parametrize(
    ("wanted", "login", "expected"),
    [
        ("%u", "john@example.net", "john@example.net"),
        ("%u", "john", None),
        ("%n@example.net", "john", "john@example.net"),
        ("%{user | username}@example.net", "John@elsewhere.test", "john@example.net"),
    ],
)
async def test_a_file_with_whole_addresses(files: Files, wanted, login, expected) -> None:
    users = files.write("users", "john@example.net:{PLAIN}x\n")
    assert await files.open(passwd=users, username_format=wanted).named(login) == expected


async def test_mailboxes_by_a_table(files: Files) -> None:
    files.write("mailboxes", "john@example.org example.org/john/\nann@example.net x/\n")
    backend = files.open(
        mailbox=(f"hash:{files.folder}/mailboxes",), mailbox_base=Path("/var/mail/vhosts")
    )
    account = await backend.account("john@example.org")
    assert account is not None
    assert account.place == Place(mail="maildir:/var/mail/vhosts/example.org/john")
    assert account.credentials is not None
    assert account.credentials.password == ""
    assert await backend.account("mary@example.org") is None


async def test_the_word_of_the_passwd_file_goes_before_the_table(files: Files) -> None:
    users = files.write("users", "john:{PLAIN}x::::::userdb_mail=maildir:/srv/john\n")
    files.write("mailboxes", "john@example.org john/\n")
    backend = files.open(
        passwd=users, mailbox=(f"hash:{files.folder}/mailboxes",), mailbox_base=Path("/var/mail")
    )
    account = await backend.account("john@example.org")
    assert account is not None
    assert account.place.mail == "maildir:/srv/john"


async def test_domains_by_a_table(files: Files) -> None:
    files.write("domains", "shop.example x\n")
    backend = files.open(
        domain_tables=(f"hash:{files.folder}/domains",), local_domains=("mail.example.org",)
    )
    for domain, expected in (
        ("shop.example", True),
        ("example.org", True),
        ("mail.example.org", True),
        ("elsewhere.test", False),
    ):
        assert await backend.has_domain(domain_form(domain)) is expected


async def test_patterns_are_asked_for_whole_addresses(files: Files) -> None:
    files.write(
        "patterns", "/^info-(.*)@example\\.org$/ ${1}@example.net\n/^@/ never@example.org\n"
    )
    files.open(virtual=(f"pcre:{files.folder}/patterns",))
    assert await files.who("info-shop@example.org") == ["shop@example.net"]
    assert await files.who("other@example.org") == Unknown()


async def test_files_that_are_not_there_say_nothing_of_anybody(files: Files) -> None:
    backend = files.open(
        passwd=files.folder / "users",
        virtual=(f"hash:{files.folder}/virtual",),
        aliases=(files.folder / "aliases",),
    )
    for question in (
        backend.account("john@example.org"),
        backend.alias("john@example.org"),
        backend.alias("@example.org"),
        backend.named("john"),
    ):
        with pytest.raises(DirectoryUnavailable):
            await question
    assert any("users: no such file" in words for words in files.said)
    files.write("users", "john:{PLAIN}x\n")
    files.write("virtual", "")
    files.write("aliases", "root: john\n")
    files.clock.now += 1
    assert await files.who("john@example.org") == "john@example.org"
    assert await files.who("root@example.org") == ["john@example.org"]


async def test_a_list_of_accounts(files: Files) -> None:
    text = "john:{PLAIN}a\nold:{PLAIN}b::::::nologin\nbad:{PLAIN}c:no-such-user-here:::::\n"
    files.write("users", text)
    files.write("boxes", "Ann@Example.net  example.net/ann/\nexample.net  x/\n")
    backend = files.open(
        passwd=files.folder / "users",
        mailbox=(f"hash:{files.folder}/boxes",),
        mailbox_base=Path("/srv"),
    )
    listed = await backend.accounts()
    assert listed is not None
    assert {each.name: each.enabled for each in listed} == {
        "ann@example.net": True,
        "bad@example.org": False,
        "john@example.org": True,
        "old@example.org": False,
    }
    files.write("patterns", "/^.*$/ x/\n")
    files.open(mailbox=(f"pcre:{files.folder}/patterns",))
    assert await files.backend.accounts() is None


@pytest.mark.parametrize(
    ("virtual", "address", "owned", "with_catch_all"),
    [
        ("", "ceo@example.org", False, True),
        ("", "ceo@example.net", False, True),
        ("", "john@example.net", True, True),
        ("", "john+x@example.net", True, True),
        ("", "sales@example.net", True, True),  # an alias, which names an address that is caught
        ("@example.com @example.net", "ceo@example.com", False, True),
        ("@example.com @example.net", "john@example.com", True, True),
        ("@example.com @example.net", "info@example.com", True, True),
        ("@example.com @example.org, john@example.org", "ceo@example.com", False, True),
        ("@example.com @example.org, john@example.org", "john@example.com", True, True),
    ],
)
async def test_what_is_caught_behind_a_domain_that_moved(
    tmp_path: Path, virtual: str, address: str, owned: bool, with_catch_all: bool
) -> None:
    lines = (
        "@example.net @example.org",
        "@example.org john@example.org",
        "info@example.org john@example.org",
        "sales@example.net caught@example.org",
        virtual,
    )
    names = ("example.org", "example.net", "example.com")
    table = write(tmp_path / "virtual", "\n".join(lines))
    passwd = write(tmp_path / "users", "john@example.org:{PLAIN}secret\n")
    settings = FilesSettings(passwd=passwd, virtual=(f"hash:{table}",))
    backend = FilesBackend(
        settings,
        domains=names,
        default_domain="example.org",
        delimiters="+",
        report=logging.error,
    )
    async with AsyncExitStack() as exits:
        exits.push_async_callback(backend.close)
        links = [Link("files", backend, frozenset(names))]
        chain = Chain(embedded_beside(tmp_path, exits), links, Plan(first_domain="example.org"))
        of = Address.parse(address)
        assert await chain.owns("john@example.org", of) is owned
        assert await chain.owns("john@example.org", of, catch_all=True) is with_catch_all
        assert not isinstance(await chain.resolve(of), Unknown)
