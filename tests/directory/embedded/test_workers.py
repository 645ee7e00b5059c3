"""What an editor changes is seen at the next question by every worker, whatever was remembered."""

from __future__ import annotations

import pytest

from postroad.directory import (
    CHEAP,
    Alias,
    DirectoryEditor,
    DirectorySettings,
    EmbeddedDirectory,
    Mailbox,
    Place,
    Standing,
    Unknown,
)
from postroad.directory.embedded.groups import Senders
from postroad.directory.embedded.quota import NO_QUOTA, Quota
from postroad.model import Address

JOHN, MARY = Address("john", "example.org"), Address("mary", "example.org")
AWAY = Address("ann", "elsewhere.test")


@pytest.fixture
def editor(tmp_path):
    with DirectoryEditor.open(
        tmp_path / "directory.db", domains=["example.org"], profile=CHEAP, patterns=True
    ) as editor:
        editor.add_user("john@example.org", "summersun")
        editor.add_user("mary@example.org", "moonlight")
        yield editor


@pytest.fixture
async def workers(tmp_path, editor):
    opened = [
        EmbeddedDirectory.open(
            tmp_path / "directory.db",
            domains=["example.org"],
            settings=DirectorySettings(patterns=True, rehash=False, recipient_delimiter="+-"),
            clock=lambda: 0.0,
            profile=CHEAP,
        )
        for _ in range(2)
    ]
    yield opened
    for each in opened:
        each.close()


async def all_say(workers, question, expected):
    """Asked twice, so that the second answer is a remembered one."""
    for _ in range(2):
        for worker in workers:
            assert await question(worker) == expected


def resolve(text):
    return lambda worker: worker.resolve(Address.parse(text))


def owns(user, text):
    return lambda worker: worker.owns(user, Address.parse(text))


async def test_quota(workers, editor):
    place = lambda worker: worker.place("john@example.org")  # noqa: E731
    await all_say(workers, place, Place())
    editor.set_quota("john@example.org", Quota(2 << 30, 0))
    await all_say(workers, place, Place(quota_bytes=2 << 30, quota_messages=0))
    editor.set_quota("john@example.org", NO_QUOTA)
    await all_say(workers, place, Place())
    await all_say(workers, lambda worker: worker.place("nobody@example.org"), Place())


async def test_forward(workers, editor):
    await all_say(workers, resolve("john@example.org"), Mailbox("john@example.org"))
    editor.set_forward("john@example.org", ["ann@elsewhere.test"])
    await all_say(workers, resolve("john@example.org"), Alias((AWAY,), user="john@example.org"))
    editor.set_forward("john@example.org", ["mary@example.org"], keep=True)
    await all_say(
        workers, resolve("john+x@example.org"), Alias((JOHN, MARY), None, "john@example.org", "+x")
    )
    # The address stays John's own, and does not become Mary's.
    await all_say(workers, owns("john@example.org", "john@example.org"), True)
    await all_say(workers, owns("mary@example.org", "john@example.org"), False)
    for worker in workers:
        assert await worker.authenticate("john@example.org", "summersun") == "john@example.org"
    editor.set_forward("john@example.org", [])
    await all_say(workers, resolve("john@example.org"), Mailbox("john@example.org"))


async def test_several_delimiters(workers, editor):
    for text in ("john+a@example.org", "john-a@example.org", "john-a+b@example.org"):
        await all_say(workers, resolve(text), Mailbox("john@example.org"))


async def test_group(workers, editor):
    staff = Address("staff", "example.org")
    await all_say(workers, resolve("staff@example.org"), Unknown())
    assert not any(worker.closed_groups.may_be(staff) for worker in workers)
    editor.add_group(
        "Staff@Example.org",
        ["john@example.org", "ann@elsewhere.test"],
        owner="mary@example.org",
        senders=Senders.MEMBERS,
    )
    await all_say(workers, resolve("staff@example.org"), Alias((JOHN, AWAY), MARY))
    assert all(worker.closed_groups.may_be(staff) for worker in workers)
    for worker in workers:
        found = await worker.closed_group(Address("STAFF+x", "example.org"))
        assert found is not None
        assert (found.name, found.senders) == ("staff@example.org", Senders.MEMBERS)
        assert found.members == {"john@example.org", "ann@elsewhere.test"}
    editor.remove_members("staff@example.org", ["ann@elsewhere.test"])
    editor.change_group("staff@example.org", owner="", senders=Senders.EVERYBODY)
    await all_say(workers, resolve("staff@example.org"), Alias((JOHN,)))
    assert not any(worker.closed_groups.may_be(staff) for worker in workers)
    for worker in workers:
        assert await worker.closed_group(staff) is None
    editor.remove_group("staff@example.org")
    await all_say(workers, resolve("staff@example.org"), Unknown())


async def test_a_closed_group_is_closed_by_every_name_it_has(workers, editor):
    editor.add_domain("example.net", alias_of="example.org")
    editor.add_group("staff@example.org", ["john@example.org"], senders=Senders.LOGGED_IN)
    editor.add_alias("staff+open@example.org", ["staff@example.org"])
    for worker in workers:
        for text in ("staff@example.net", "STAFF+x@example.net", "staff-x@example.org"):
            address = Address.parse(text)
            assert worker.closed_groups.may_be(address)
            assert (await worker.closed_group(address)).name == "staff@example.org"
        # An address of its own that leads there is a way in that somebody made.
        assert await worker.closed_group(Address("staff+open", "example.org")) is None


async def test_domain_alias(workers, editor):
    await all_say(workers, lambda worker: worker.standing("example.net"), None)
    editor.add_domain("example.net", alias_of="Example.org")
    await all_say(workers, lambda worker: worker.standing("EXAMPLE.net"), Standing.LOCAL)
    await all_say(workers, lambda worker: worker.is_local("example.net"), True)
    await all_say(
        workers, resolve("John+x@example.net"), Mailbox("john@example.org", "example.org")
    )
    await all_say(workers, resolve("nobody@example.net"), Unknown())
    await all_say(workers, owns("john@example.org", "john@example.net"), True)
    await all_say(workers, owns("mary@example.org", "john@example.net"), False)
    for worker in workers:
        assert await worker.login_name("JOHN@example.net") == "john@example.org"
        assert await worker.authenticate("john@example.net", "summersun") == "john@example.org"
    editor.add_alias("@example.org", ["mary@example.org"])
    await all_say(workers, resolve("nobody@example.net"), Alias((MARY,)))
    editor.remove_domain("example.net")
    await all_say(workers, lambda worker: worker.standing("example.net"), None)
    await all_say(workers, resolve("john@example.net"), Unknown())
    for worker in workers:
        assert await worker.login_name("john@example.net") is None


async def test_relayed_domain(workers, editor):
    editor.add_domain("example.com", recipients="any")
    await all_say(workers, lambda worker: worker.standing("example.com"), Standing.RELAYED)
    await all_say(workers, lambda worker: worker.is_local("example.com"), False)
    await all_say(workers, lambda worker: worker.recipients("Example.com"), "any")
    await all_say(workers, lambda worker: worker.recipients("example.org"), "")
    await all_say(workers, resolve("postmaster@example.com"), Unknown())
    editor.remove_domain("example.com")
    await all_say(workers, lambda worker: worker.standing("example.com"), None)


async def test_rights(workers, editor):
    await all_say(workers, owns("john@example.org", "boss@elsewhere.test"), False)
    assert not any(worker.granted.users(Address("boss", "elsewhere.test")) for worker in workers)
    editor.grant("john@example.org", ["Boss@elsewhere.test", "@example.com"])
    await all_say(workers, owns("john@example.org", "BOSS@elsewhere.test"), True)
    await all_say(workers, owns("john@example.org", "anything@example.com"), True)
    await all_say(workers, owns("mary@example.org", "boss@elsewhere.test"), False)
    assert all(worker.granted.users(Address("boss", "elsewhere.test")) for worker in workers)
    assert all(worker.granted.users(Address("x", "example.com")) for worker in workers)
    editor.revoke("john@example.org", ["boss@elsewhere.test"])
    await all_say(workers, owns("john@example.org", "boss@elsewhere.test"), False)
    editor.remove_user("john@example.org")
    assert not any(worker.granted.users(Address("x", "example.com")) for worker in workers)


async def test_patterns(workers, editor):
    await all_say(workers, resolve("info-john@example.org"), Unknown())
    editor.add_pattern(r"/^info-(.*)@example\.org$/", [r"\1@example.org", "ann@elsewhere.test"])
    await all_say(workers, resolve("INFO-john@example.org"), Alias((JOHN, AWAY)))
    await all_say(workers, resolve("info-john@example.com"), Unknown())
    # A pattern makes nobody an owner, as a catch-all does not.
    await all_say(workers, owns("john@example.org", "info-john@example.org"), False)
    for worker in workers:
        address = Address("info-john", "example.org")
        assert await worker.owns("john@example.org", address, catch_all=True)
    editor.add_alias("info-john@example.org", ["mary@example.org"])
    await all_say(workers, resolve("info-john@example.org"), Alias((MARY,)))
    editor.remove_alias("info-john@example.org")
    editor.remove_pattern(r"/^info-(.*)@example\.org$/")
    await all_say(workers, resolve("info-john@example.org"), Unknown())


async def test_patterns_that_are_switched_off_are_not_asked(tmp_path, editor):
    editor.add_pattern("/^x@/", ["john@example.org"])
    directory = EmbeddedDirectory.open(
        tmp_path / "directory.db",
        domains=["example.org"],
        settings=DirectorySettings(),
        clock=lambda: 0.0,
        profile=CHEAP,
    )
    assert await directory.resolve(Address("x", "example.org")) == Unknown()
    directory.close()
