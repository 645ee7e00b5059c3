"""Accounts and aliases in files: the conformance suite, and what files alone have."""

from __future__ import annotations

import logging
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from directory_conformance import AddressConformance
from postroad.directory import CHEAP, Alias, DirectoryUnavailable, Mailbox, Place, Unknown
from postroad.directory.chain import Chain
from postroad.directory.files.backend import FilesBackend
from postroad.directory.files.settings import FilesSettings
from postroad.directory.links import Link, Plan
from postroad.directory.names import address_form, domain_form
from postroad.directory.passwords.password import hash_password
from postroad.directory.rules import who_has
from postroad.model import Address
from sql_world import chained, embedded_beside, key, source_key

OLD = 1_700_000_000
"""When files were written: long ago."""


def write(path: Path, text: str, at: int = OLD) -> Path:
    """A file as an editor leaves it: another one with the name, and a time in the past."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    os.utime(fresh, (at, at))
    return fresh.replace(path)


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


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Files:
    """A backend over files in a folder, with what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.known: list[str] = []
        self.clock = Clock()

    def write(self, name: str, text: str, at: int = OLD) -> Path:
        return write(self.folder / name, text, at)

    def open(self, **settings) -> FilesBackend:
        self.backend = FilesBackend(
            FilesSettings(**settings),
            domains=["example.org", "example.net", "example.com"],
            default_domain="example.org",
            delimiters="+",
            report=self.said.append,
            inform=self.known.append,
            now=self.clock,
            wall=lambda: OLD + 1000.0,
        )
        return self.backend

    async def who(self, address: str):
        found = await who_has(address_form(Address.parse(address)), [self.backend], "+")
        if isinstance(found, Alias):
            return [str(target) for target in found.targets]
        return found.user if isinstance(found, Mailbox) else found


@pytest.fixture
async def files(tmp_path):
    made = Files(tmp_path)
    yield made
    await made.backend.close()


@pytest.fixture
def guide(files: Files) -> Files:
    """The small-server guide's files."""
    users = files.write("users", "me:{PLAIN}summersun\nann:{PLAIN}winter\n")
    files.write(
        "virtual",
        "me@example.org me\ninfo@example.org me, ann@example.org\nann@example.org ann, me\n"
        "postmaster me\n@example.net me\n@example.com @example.org\n",
    )
    files.open(
        passwd=users,
        username_format="%Ln",
        virtual=(f"hash:{files.folder}/virtual",),
        aliases=(
            files.write("aliases", "root: me\nlist: me, ann\nowner-list: ann\nann: nobody\n"),
        ),
        local_domains=("mail.example.org",),
    )
    return files


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


async def test_changes_are_followed_and_mistakes_change_nothing(guide: Files) -> None:
    async def look() -> None:
        guide.clock.now += 1
        await guide.backend.account("me@example.org")
        await guide.backend.alias("root@example.org")

    await look()
    guide.write("users", "me:{PLAIN}x\nlisa:{PLAIN}y\n", OLD + 1)
    guide.write("aliases", "root: lisa\n", OLD + 1)
    await look()
    assert await guide.who("lisa@example.org") == "lisa@example.org"
    assert await guide.who("root@example.org") == ["lisa@example.org"]
    assert guide.said == []
    guide.write("users", "me:{PLAIN}x\nlisa it is:{PLAIN}secret\n", OLD + 2)
    guide.write("aliases", "root lisa\n", OLD + 2)
    guide.write("virtual", "me@example.org me\nx@example.org a@@b\n", OLD + 2)
    for _ in range(3):
        await look()
    assert await guide.who("lisa@example.org") == "lisa@example.org"
    assert await guide.who("root@example.org") == ["lisa@example.org"]
    assert await guide.who("anybody@example.net") == ["me@example.org"]
    starts = sorted(words.partition(": ")[0] for words in guide.said)
    folder = guide.folder
    assert starts == [f"{folder}/aliases:1", f"{folder}/users:2", f"hash:{folder}/virtual"]
    assert f"{folder}/virtual:2: " in " ".join(guide.said)
    assert "secret" not in " ".join(guide.said)


async def test_a_file_that_is_still_being_written_is_left_for_later(guide: Files) -> None:
    assert await guide.who("me@example.org") == "me@example.org"
    guide.write("users", "half", OLD + 1000)
    guide.clock.now += 1
    assert await guide.who("me@example.org") == "me@example.org"
    assert guide.said == []


async def test_a_list_that_is_included_is_followed(files: Files) -> None:
    members = files.write("members", "john\n")
    files.open(aliases=(files.write("aliases", f"list: :include:{members}\n"),))
    assert await files.who("list@example.org") == ["john@example.org"]
    files.write("members", "john\nann\n", OLD + 1)
    files.clock.now += 1
    assert await files.who("list@example.org") == ["john@example.org", "ann@example.org"]


async def test_a_bad_list_makes_its_own_alias_wait_and_nothing_else(files: Files) -> None:
    members = files.write("members", "@@\n")
    aliases = files.write("aliases", f"list: :include:{members}\nroot: john\n")
    files.open(aliases=(aliases,))
    with pytest.raises(DirectoryUnavailable, match=f"{members}:1: "):
        await files.who("list@example.org")
    assert await files.who("root@example.org") == ["john@example.org"]
    assert [words.partition(": ")[0] for words in files.said] == [f"{members}:1"]
    files.write("members", "john\nann\n", OLD + 1)
    files.clock.now += 1
    assert await files.who("list@example.org") == ["john@example.org", "ann@example.org"]
    members.unlink()
    files.write("aliases", f"list: :include:{members}\nroot: ann\n", OLD + 2)
    files.clock.now += 1
    with pytest.raises(DirectoryUnavailable, match="no such file"):
        await files.who("list@example.org")
    assert await files.who("root@example.org") == ["ann@example.org"]
    said = len(files.said)
    files.clock.now += 1
    assert await files.who("root@example.org") == ["ann@example.org"]
    assert len(files.said) == said
    files.write("members", "john\n", OLD + 3)
    files.clock.now += 1
    assert await files.who("list@example.org") == ["john@example.org"]


async def test_a_bad_line_is_one_account_that_waits(files: Files) -> None:
    files.open(passwd=files.write("users", "john:{PLAIN}x:0\nann:{PLAIN}y\n"))
    assert await files.who("ann@example.org") == "ann@example.org"
    with pytest.raises(DirectoryUnavailable, match="users:1: uid: 0 is root's"):
        await files.who("john@example.org")


@pytest.mark.parametrize("name", ["users", "aliases", "virtual"])
async def test_a_file_that_is_cut_to_nothing_stays_as_it_was(guide: Files, name: str) -> None:
    async def everybody() -> list[object]:
        guide.clock.now += 1
        asked = ("ann@example.org", "root@example.org", "info@example.org", "me@example.org")
        return [await guide.who(address) for address in asked]

    before = await everybody()
    guide.write(name, "", OLD + 1)
    for _ in range(3):
        await everybody()
    assert await everybody() == before
    (said,) = [words for words in guide.said if "stays as it was" in words]
    assert "nothing is in it any more" in said


async def test_nobody_can_look_for_another_file_by_a_name(guide: Files) -> None:
    for name in ("etc/passwd@example.org", '"a b"@example.org', "x" * 60 + "@example.org"):
        assert isinstance(await guide.who(name), Unknown)


async def test_a_long_file_is_read_in_a_thread(files: Files) -> None:
    lines = [f"u{number}:{{PLAIN}}x\n" for number in range(5_000)]
    files.open(passwd=files.write("users", "".join(lines)))
    account = await files.backend.account("u4999@example.org")
    assert account is not None
    assert account.name == "u4999@example.org"
