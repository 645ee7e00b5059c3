"""Accounts and aliases in files: the conformance suite, and what files alone have."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from directory_conformance import AddressConformance
from postroad.directory import CHEAP, Alias, DirectoryUnavailable, Mailbox, Place, Unknown
from postroad.directory.chain import Chain
from postroad.directory.files.backend import FilesBackend
from postroad.directory.files.followed import Followed, Made
from postroad.directory.files.settings import FilesSettings
from postroad.directory.links import Link, Plan
from postroad.directory.names import address_form, domain_form
from postroad.directory.passwords.password import hash_password
from postroad.directory.rules import who_has
from postroad.model import Address
from postroad.tables.extents import Extents
from postroad.tables.shrinking import HELD_FOR
from postroad.tables.source import read
from postroad.tables.table import ignore
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
        self.extents: Extents | None = None

    def wall(self) -> float:
        return OLD + 1000.0 + self.clock.now

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
            wall=self.wall,
            extents=self.extents,
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
    guide.write("users", "half", OLD + 1001)
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


@pytest.mark.parametrize("name", ["users", "aliases", "virtual"])
async def test_a_file_that_is_cut_within_a_line_stays_as_it_was(guide: Files, name: str) -> None:
    async def everybody() -> list[object]:
        guide.clock.now += 1
        asked = ("ann@example.org", "root@example.org", "info@example.org", "me@example.org")
        return [await guide.who(address) for address in asked]

    before = await everybody()
    whole = (guide.folder / name).read_text()
    guide.write(name, whole[:-2], OLD + 1)
    for _ in range(3):
        await everybody()
    assert await everybody() == before
    (said,) = [words for words in guide.said if "stays as it was" in words]
    assert "its last line has no end" in said
    guide.write(name, whole, OLD + 2)
    assert await everybody() == before


def lines_of(kind: str, many: range) -> str:
    if kind == "passwd":
        return "".join(f"u{number}:{{PLAIN}}x\n" for number in many)
    return "".join(f"u{number}@example.org {number}/\n" for number in many)


@pytest.mark.parametrize("kind", ["passwd", "mailbox"])
async def test_half_of_a_file_goes_when_it_stays_so_for_a_while(files: Files, kind: str) -> None:
    path = files.write("users", lines_of(kind, range(40)))
    files.open(**({"passwd": path} if kind == "passwd" else {"mailbox": (f"hash:{path}",)}))

    async def last() -> object:
        files.clock.now += 1
        return await files.who("u39@example.org")

    assert await last() == "u39@example.org"
    files.write("users", lines_of(kind, range(20)), OLD + 1)
    for _ in range(3):
        assert await last() == "u39@example.org"
    (said,) = [words for words in files.said if "stays as it was" in words]
    assert "20 of its 40 entries are gone at once" in said
    files.clock.now += HELD_FOR - 10
    files.write("users", lines_of(kind, range(19)), OLD + 2)  # it changes: the time begins anew
    for _ in range(20):
        assert await last() == "u39@example.org"
    files.clock.now += HELD_FOR
    assert isinstance(await last(), Unknown)


@pytest.mark.parametrize("kind", ["passwd", "mailbox"])
async def test_who_starts_with_a_cut_file_knows_nobody(files: Files, kind: str) -> None:
    files.extents = Extents(files.wall, files.folder / "extents")
    path = files.write("users", lines_of(kind, range(40)))
    settings = {"passwd": path} if kind == "passwd" else {"mailbox": (f"hash:{path}",)}
    files.open(**settings)
    assert await files.who("u39@example.org") == "u39@example.org"
    await files.backend.close()
    files.extents = Extents(files.wall, files.folder / "extents")
    files.write("users", lines_of(kind, range(2)), OLD + 1)
    files.open(**settings)
    for _ in range(3):
        files.clock.now += 1
        with pytest.raises(DirectoryUnavailable, match="38 of its 40 entries are gone at once"):
            await files.who("u39@example.org")
    assert len(files.said) == 1
    files.backend.take_as_they_are()
    files.clock.now += 1
    assert isinstance(await files.who("u39@example.org"), Unknown)
    assert await files.who("u1@example.org") == "u1@example.org"


@pytest.mark.parametrize("kind", ["passwd", "mailbox"])
async def test_a_reload_takes_files_as_they_are(files: Files, kind: str) -> None:
    path = files.write("users", lines_of(kind, range(40)))
    files.open(**({"passwd": path} if kind == "passwd" else {"mailbox": (f"hash:{path}",)}))
    assert await files.who("u39@example.org") == "u39@example.org"
    files.write("users", "# everybody has left\n", OLD + 1)
    files.clock.now += 1
    assert await files.who("u39@example.org") == "u39@example.org"
    files.backend.take_as_they_are()
    assert isinstance(await files.who("u39@example.org"), Unknown)


async def test_a_reload_before_anybody_asked_takes_them_too(files: Files) -> None:
    files.open(passwd=files.write("users", lines_of("passwd", range(40))))
    assert await files.who("u39@example.org") == "u39@example.org"
    files.write("users", "", OLD + 1)
    files.backend.take_as_they_are()
    assert isinstance(await files.who("u39@example.org"), Unknown)


@pytest.mark.parametrize("kind", ["passwd", "mailbox"])
async def test_by_a_file_that_is_held_mail_is_taken_and_nobody_logs_in(
    files: Files, kind: str
) -> None:
    path = files.write("users", lines_of(kind, range(40)))
    files.open(**({"passwd": path} if kind == "passwd" else {"mailbox": (f"hash:{path}",)}))

    async def doubt(name: str) -> str:
        files.clock.now += 1
        account = await files.backend.account(f"{name}@example.org")
        assert account is not None
        return account.doubt

    assert await doubt("u39") == ""
    whole = files.folder / "whole"
    os.link(files.folder / "users", whole)
    files.write("users", lines_of(kind, range(2)) + lines_of(kind, range(50, 51)), OLD + 1)
    assert "it seems to be cut" in await doubt("u39")
    assert await doubt("u1") == ""
    with pytest.raises(DirectoryUnavailable, match=r"u50@example\.org is new"):
        await files.who("u50@example.org")
    whole.replace(files.folder / "users")  # the very same again
    assert await doubt("u39") == ""
    files.clock.now += HELD_FOR
    assert await doubt("u39") == ""
    assert isinstance(await files.who("u50@example.org"), Unknown)


async def test_an_alias_that_is_new_in_a_file_that_is_held_is_not_unknown(guide: Files) -> None:
    assert await guide.who("root@example.org") == ["me@example.org"]
    guide.write("aliases", "root: me\nnew: me", OLD + 1)
    guide.clock.now += 1
    assert await guide.who("root@example.org") == ["me@example.org"]
    with pytest.raises(DirectoryUnavailable, match=r"new@example\.org is a new alias"):
        await guide.who("new@example.org")


async def test_who_is_not_in_a_cut_file_as_before_cannot_log_in(
    files: Files, tmp_path: Path
) -> None:
    async with AsyncExitStack() as exits:
        files.open(passwd=files.write("users", "ann:{PLAIN}one\njim:{PLAIN}other\n"))
        link = Link("files", files.backend, frozenset({"example.org"}), logins=files.backend)
        chain = Chain(embedded_beside(tmp_path, exits), [link])
        login = chain.authenticate
        assert await login("ann@example.org", "one") == "ann@example.org"
        files.write("users", "ann:{PLAIN}two\njim:{PLAIN}other", OLD + 1)
        files.clock.now += 1
        for password in ("one", "two"):
            with pytest.raises(DirectoryUnavailable, match=r"ann@example\.org is not the same"):
                await login("ann@example.org", password)
        assert await login("jim@example.org", "other") == "jim@example.org"
        assert isinstance(await chain.resolve(Address("ann", "example.org")), Mailbox)
        chain.reload()
        assert await login("ann@example.org", "one") is None
        assert await login("ann@example.org", "two") == "ann@example.org"


async def test_fewer_than_half_go_at_once(files: Files) -> None:
    files.open(passwd=files.write("users", lines_of("passwd", range(40))))
    assert await files.who("u39@example.org") == "u39@example.org"
    files.write("users", lines_of("passwd", range(21)), OLD + 1)
    files.clock.now += 1
    assert isinstance(await files.who("u39@example.org"), Unknown)


async def test_nobody_can_look_for_another_file_by_a_name(guide: Files) -> None:
    for name in ("etc/passwd@example.org", '"a b"@example.org', "x" * 60 + "@example.org"):
        assert isinstance(await guide.who(name), Unknown)


async def test_a_long_file_is_read_in_a_thread(files: Files) -> None:
    lines = [f"u{number}:{{PLAIN}}x\n" for number in range(5_000)]
    files.open(passwd=files.write("users", "".join(lines)))
    account = await files.backend.account("u4999@example.org")
    assert account is not None
    assert account.name == "u4999@example.org"


async def test_who_notices_a_change_does_not_wait_for_a_long_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroad.directory.files.followed.AWAITED", 0.0)
    files = Files(tmp_path)
    path, go_on, done = files.write("list", "a"), threading.Event(), asyncio.Event()

    def make() -> Made[str]:
        text, seen = read(path)
        if text == "b":
            assert go_on.wait(20)
        return text, {path: seen}

    def inform(words: str) -> None:
        files.known.append(words)
        done.set()

    wall = lambda: OLD + 1000.0  # noqa: E731
    followed = Followed(
        "list", make, report=files.said.append, inform=inform, now=files.clock, wall=wall
    )
    assert await followed.get() == "a"
    files.write("list", "b", OLD + 1)
    for _ in range(3):
        files.clock.now += 1
        assert await followed.get() == "a"
    go_on.set()
    async with asyncio.timeout(20):
        await done.wait()
    assert await followed.get() == "b"


async def test_a_mistake_of_ours_changes_nothing(tmp_path: Path) -> None:
    files = Files(tmp_path)
    path = files.write("list", "a")

    def make() -> Made[str]:
        text, seen = read(path)
        if text == "b":
            raise AttributeError("no such thing")
        return text, {path: seen}

    wall = lambda: OLD + 1000.0  # noqa: E731
    followed = Followed(
        "list", make, report=files.said.append, inform=ignore, now=files.clock, wall=wall
    )
    assert await followed.get() == "a"
    files.write("list", "b", OLD + 1)
    for _ in range(3):
        files.clock.now += 1
        assert await followed.get() == "a"
    assert files.said == ["AttributeError: no such thing; list stays as it was"]


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
