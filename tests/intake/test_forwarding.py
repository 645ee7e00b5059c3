"""Under whose name mail goes on, whom bounces come back to, and what comes in a circle."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake_house import ANN, JOHN, MX, NOW, House, IntakeSettings
from postroad.directory import Alias, Mailbox, Resolution, Standing, Unknown
from postroad.intake import Door
from postroad.intake.aliases import ForwardingLoop, expand
from postroad.intake.ends import Transit
from postroad.intake.forwarding import Forwarding, Rewriting, passed
from postroad.intake.returning import Returning
from postroad.intake.settings import ForwardingSettings
from postroad.intake.srs_keys import DAY, SrsKeys
from postroad.model import (
    SAME,
    Action,
    Address,
    Addressee,
    Disposition,
    Envelope,
    Notify,
    Recipient,
)
from postroad.model.journal import Notice

A = Address.parse
LISA, EVE = A("lisa@elsewhere.test"), A("eve@elsewhere.test")
S, F = Notify.SUCCESS, Notify.FAILURE


class Book:
    """A directory of example.org with aliases; backup.test is relayed."""

    def __init__(self, **aliases: Alias) -> None:
        self.aliases = aliases

    async def is_local(self, domain: str) -> bool:
        return await self.standing(domain) is Standing.LOCAL

    async def standing(self, domain: str) -> Standing | None:
        known = {"example.org": Standing.LOCAL, "backup.test": Standing.RELAYED}
        return known.get(domain.lower())

    async def resolve(self, address: Address) -> Resolution:
        if not await self.is_local(address.domain):
            return Unknown()
        name = address.local.lower().partition("+")[0]
        found = self.aliases.get(name)
        if found is not None:
            extension = address.local[len(name) :]
            return Alias(found.targets, found.owner, found.user, extension)
        return Mailbox(f"{name}@example.org") if name in {"john", "anna"} else Unknown()

    async def is_named(self, address: Address) -> bool:
        return address.local in {"john", "anna", *self.aliases}

    async def owns(self, user: str, address: Address, *, catch_all: bool = False) -> bool:
        return user == str(address)


def alias(targets: str, owner: str = "") -> Alias:
    return Alias(tuple(map(A, targets.split())), A(owner) if owner else None)


class Road:
    """A book, keys, and what forwards by them."""

    def __init__(self, path: Path, *, srs: bool = True, **aliases: Alias) -> None:
        self.now = NOW
        self.book = Book(**aliases)
        self.said: list[str] = []
        self.keys = SrsKeys(
            path / "srs.keys", lifetime=90 * DAY, overlap=21 * DAY, clock=lambda: self.now
        )
        rewriting = Rewriting("example.org", self.keys) if srs else None
        self.onward = Forwarding(self.book, rewriting)
        self.addresses = Returning(
            self.book,
            "example.org",
            self.keys,
            maximum_age=21,
            clock=lambda: self.now,
            report=self.said.append,
        )

    async def expand(
        self,
        to: str,
        sender: Address | None = ANN,
        wants: Notify | None = None,
        passed: frozenset[str] = frozenset(),
        *,
        extensions: bool = True,
    ) -> list[Addressee]:
        transit = Transit(
            sender=sender,
            now=self.now,
            forwarding=self.onward,
            extensions=extensions,
            passed=passed,
        )
        named = [Recipient(A(each), wants, "rfc822;x") for each in to.split()]
        return await expand(named, self.addresses, transit)


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(
        tmp_path,
        away=alias("lisa@elsewhere.test"),
        x=alias("lisa@elsewhere.test"),
        kept=alias("john@example.org lisa@elsewhere.test"),
        backup=alias("lisa@backup.test"),
        team=alias("john@example.org lisa@elsewhere.test", "boss@example.org"),
        loose=alias("john@example.org", "loose@example.org"),
        outer=alias("team@example.org anna@example.org", "chief@example.org"),
        plain=alias("team@example.org anna@example.org"),
        foreign=alias("lisa@elsewhere.test", "boss@elsewhere.test"),
        info=alias("john@example.org away@example.org"),
    )


def is_ann(sender: object) -> bool:
    return isinstance(sender, Address) and str(sender).endswith("=example.com=ann@example.org")


async def test_a_foreign_sender_is_rewritten_for_other_servers(road: Road) -> None:
    (one,) = await road.expand("away@example.org", wants=S | F)

    assert one.address == LISA
    assert is_ann(one.sender)
    assert (one.notify, one.orcpt) == (S | F, "rfc822;x")  # RFC 3461 §5.2.7.3: it is an alias


@pytest.mark.parametrize(
    ("to", "sender"),
    [
        ("john@example.org", ANN),  # no forward
        ("lisa@elsewhere.test", ANN),  # the sender named it
        ("away@example.org", None),  # bounces nowhere
        ("away@example.org", JOHN),  # ours
        ("away@example.org", A("john@EXAMPLE.org")),
        ("backup@example.org", ANN),  # whose servers trust us
    ],
)
async def test_nobody_else_is(road: Road, to: str, sender: Address | None) -> None:
    (one,) = await road.expand(to, sender)

    assert one.sender is SAME


async def test_the_copy_that_stays_keeps_its_sender(road: Road) -> None:
    john, lisa = await road.expand("kept@example.org")

    assert john.sender is SAME
    assert is_ann(lisa.sender)


async def test_whom_the_sender_names_comes_before_a_forward(road: Road) -> None:
    for to in ("away@example.org lisa@elsewhere.test", "lisa@elsewhere.test away@example.org"):
        (one,) = await road.expand(to)

        assert (one.address, one.original, one.sender) == (LISA, LISA, SAME)


async def test_srs_can_be_switched_off(tmp_path: Path) -> None:
    (one,) = await Road(tmp_path, srs=False, away=alias("lisa@elsewhere.test")).expand(
        "away@example.org"
    )

    assert one.sender is SAME
    assert not (tmp_path / "srs.keys").exists()


async def test_a_bounce_comes_back_to_who_wrote(road: Road) -> None:
    (out,) = await road.expand("away@example.org")
    assert isinstance(out.sender, Address)

    (back,) = await road.expand(str(out.sender), None)

    assert (back.address, back.sender) == (ANN, SAME)


async def test_only_as_long_as_it_is_good_and_only_what_we_signed(road: Road) -> None:
    (out,) = await road.expand("away@example.org")
    assert isinstance(out.sender, Address)
    local, domain = out.sender.local, out.sender.domain
    forged = Address(local.replace("=ann", "=eve"), domain)

    assert isinstance(await road.addresses.resolve(out.sender), Alias)
    assert isinstance(await road.addresses.resolve(Address(local.lower(), domain)), Alias)
    assert isinstance(await road.addresses.resolve(forged), Unknown)
    assert isinstance(await road.addresses.resolve(Address(local, "elsewhere.test")), Unknown)
    (words,) = road.said
    assert words.startswith(f"<{forged}> leads back to nobody: its hash is not this server's")
    road.now += 22 * DAY
    assert isinstance(await road.addresses.resolve(out.sender), Unknown)
    assert "older than [forwarding] maximum_age" in road.said[-1]
    assert not await road.addresses.owns(str(out.sender), out.sender)


async def test_what_stands_for_a_foreign_sender(road: Road) -> None:
    (out,) = await road.expand("away@example.org")
    assert isinstance(out.sender, Address)

    assert road.addresses.leads_back(out.sender)
    assert not road.addresses.leads_back(Address(out.sender.local, "elsewhere.test"))
    assert not road.addresses.leads_back(Address("SRS0=AAAAAAAA=AA=example.com=ann", "example.org"))
    assert not road.addresses.leads_back(A("john@example.org"))


async def test_a_sender_that_nobody_can_write_to_stays_as_it_is(road: Road) -> None:
    for sender in (A("root@[127.0.0.1]"), A("root@localhost")):
        (out,) = await road.expand("away@example.org", sender=sender)
        assert out.sender is SAME


async def test_a_catch_all_gets_no_made_up_address(tmp_path: Path) -> None:
    class CatchAll(Book):
        async def resolve(self, address: Address) -> Resolution:
            return alias("john@example.org")

    keys = SrsKeys(tmp_path / "k", lifetime=0, overlap=0, clock=lambda: NOW)
    addresses = Returning(CatchAll(), "example.org", keys, maximum_age=21, clock=lambda: NOW)

    made_up = Address("SRS0=AAAAAAAA=AA=example.com=ann", "example.org")
    assert isinstance(await addresses.resolve(made_up), Unknown)
    assert isinstance(await addresses.resolve(Address("x", "example.org")), Alias)


async def test_a_domain_for_rewritten_addresses_takes_mail(tmp_path: Path) -> None:
    keys = SrsKeys(tmp_path / "k", lifetime=0, overlap=0, clock=lambda: NOW)
    addresses = Returning(Book(), "srs.example.org", keys, maximum_age=21, clock=lambda: NOW)

    assert await addresses.is_local("SRS.example.org")
    assert await addresses.standing("srs.example.org") is Standing.LOCAL
    assert await addresses.standing("backup.test") is Standing.RELAYED
    assert await addresses.standing("elsewhere.test") is None
    assert isinstance(await addresses.resolve(Address("john", "srs.example.org")), Unknown)


# Groups -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wants", [None, F, S | F, Notify.NEVER])
async def test_copies_of_a_group_are_the_owners(road: Road, wants: Notify | None) -> None:
    """RFC 5321 §3.9.2; nothing that the sender wanted passes on (RFC 3461 §5.2.7.1)."""
    team, boss = A("team@example.org"), A("boss@example.org")

    found = await road.expand("team@example.org", wants=wants)

    assert found[:2] == [
        Addressee(JOHN, team, None, "", None, boss),
        Addressee(LISA, team, None, "", None, boss),
    ]
    report = Addressee(team, team, S | F, "rfc822;x", Action.DELIVERED)
    assert found[2:] == [report] * (wants == S | F)


async def test_the_innermost_owner_counts(road: Road) -> None:
    found = await road.expand("outer@example.org")

    owners = {str(one.address): str(one.sender) for one in found}
    assert owners == {
        "anna@example.org": "chief@example.org",
        "john@example.org": "boss@example.org",
        "lisa@elsewhere.test": "boss@example.org",
    }


async def test_a_group_in_a_plain_list(road: Road) -> None:
    anna, john, lisa, report = await road.expand("plain@example.org", wants=S | F)

    assert (anna.sender, anna.notify, anna.orcpt) == (SAME, F, "rfc822;x")
    assert (john.sender, john.notify, john.orcpt) == (A("boss@example.org"), None, "")
    assert lisa.sender == john.sender
    assert (str(report.address), report.owed) == ("plain@example.org", Action.EXPANDED)


async def test_mail_without_a_sender_stays_so(road: Road) -> None:
    """Its failure must make no other message: the owner may be a member."""
    assert {one.sender for one in await road.expand("team@example.org", None)} == {SAME}


async def test_a_group_that_owns_itself_has_no_owner(road: Road) -> None:
    (john,) = await road.expand("loose@example.org")

    assert john.sender is SAME


async def test_a_foreign_owner_is_rewritten(road: Road) -> None:
    (lisa,) = await road.expand("foreign@example.org")

    assert str(lisa.sender).endswith("=elsewhere.test=boss@example.org")


async def test_one_who_is_named_beside_the_group_is_no_member(road: Road) -> None:
    for to in ("team@example.org john@example.org", "john@example.org team@example.org"):
        found = {str(one.address): one for one in await road.expand(to, wants=F)}

        assert found["john@example.org"].sender is SAME
        assert found["john@example.org"].notify == F


# Extensions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        (True, {"john+x@example.org", "lisa+x@elsewhere.test"}),
        (False, {"john@example.org", "lisa@elsewhere.test"}),
    ],
)
async def test_an_extension_goes_along(road: Road, *, extensions: bool, expected: set[str]) -> None:
    found = await road.expand("info+x@example.org", extensions=extensions)

    assert {str(one.address) for one in found} == expected


async def test_one_that_would_be_too_long_stays_behind(road: Road) -> None:
    (lisa,) = await road.expand(f"x+{'x' * 60}@example.org")

    assert lisa.address == LISA


# Loops ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("Subject: x\r\n", set()),
        ("Delivered-To: Info@Example.org\r\n", {"info@example.org"}),
        ("delivered-to:<info@example.org>\r\nX: y\r\n", {"info@example.org"}),
        ("X: y\r\nDELIVERED-TO:\tinfo@example.org \r\n", {"info@example.org"}),
        ("X-Delivered-To: info@example.org\r\n", set()),
        ("Delivered-To: nonsense\r\nDelivered-To: \r\n", set()),
        ("Delivered-To: \x80\x81@example.org\r\n", set()),
    ],
)
def test_where_a_message_was(fields: str, expected: set[str]) -> None:
    assert passed(fields.encode("latin-1"), "mail.example.org") == expected


def test_where_it_passed_here_twice() -> None:
    """Once may be on the way to a content filter."""
    received = (
        "Received: from a.test (a.test [192.0.2.1])\r\n"
        "\tby mail.example.org (Postroad) with ESMTP id Q1\r\n"
        "\tfor <info@example.org>; Mon, 1 Jan 2024 00:00:00 +0000 (UTC)\r\n"
    )
    other = received.replace("mail.example.org (P", "mx.elsewhere.test (P")

    assert passed((received + other * 5).encode(), "mail.example.org") == set()
    assert passed((received + other + received).encode(), "mail.example.org") == {
        "info@example.org"
    }


async def test_it_is_not_forwarded_from_there_again(road: Road) -> None:
    here = frozenset({"away@example.org", "john@example.org"})

    with pytest.raises(ForwardingLoop, match=r"away@example.org"):
        await road.expand("away@example.org", passed=here)


async def test_others_get_it_and_the_sender_is_told(road: Road) -> None:
    here = frozenset({"away@example.org", "john@example.org"})

    john, loop = await road.expand("info@example.org", passed=here)

    assert (john.address, john.owed) == (JOHN, None)
    assert (str(loop.address), loop.owed) == ("away@example.org", Action.FAILED)
    assert loop.reason == "554 5.4.6 mail forwarding loop for away@example.org"


# At the door ------------------------------------------------------------------------------------

SIGNED = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=example.com;\r\n\tb=abc  def=\r\n"
    b"List-Id:  <news.example.com>\r\nList-Unsubscribe: <mailto:x@example.com>\r\n"
    b"from:Ann <ann@example.com>\r\nSubject:   odd   blanks \r\n\r\n. body \t\r\n\r\n\r\n"
)


class Forwarder(House):
    def __init__(self, road: Road) -> None:
        super().__init__()
        self.door = Door(
            hostname="mail.example.org",
            settings=IntakeSettings(),
            begin=self.spool.begin,  # type: ignore[arg-type]
            directory=road.addresses,
            queued=self.queued.append,
            journal=self.events.append,
            clock=lambda: NOW,
            forwarding=ForwardingSettings(),
            onward=road.onward,
        )


async def test_what_is_forwarded_stays_octet_for_octet(road: Road) -> None:
    house = Forwarder(road)

    await house.take(SIGNED, recipients=[A("away@example.org")])

    assert house.content == SIGNED
    (claimed,) = house.queued
    assert claimed.message.envelope == Envelope(ANN)
    assert is_ann(claimed.recipients[0].sender)
    words = [one.message for one in house.events if isinstance(one, Notice)]
    assert len(words) == 1
    assert "instead of <ann@example.com> for 1 of its recipients: rewritten" in words[0]


async def test_a_loop_is_refused(road: Road) -> None:
    house = Forwarder(road)

    reply = await house.take(
        b"Delivered-To: away@example.org\r\n" + SIGNED, recipients=[A("away@example.org")]
    )

    assert reply == "554 5.4.6 mail forwarding loop for away@example.org"
    assert house.is_empty


async def test_without_a_key_it_waits(road: Road, tmp_path: Path) -> None:
    (tmp_path / "srs.keys").write_text("nonsense")
    house = Forwarder(road)

    assert (await house.take(SIGNED, recipients=[A("away@example.org")])).startswith("451 4.3.0")
    assert (await house.take(SIGNED, recipients=[JOHN])).startswith("250")


@pytest.mark.parametrize("disposition", [Disposition(redirect=LISA), Disposition(bcc=(LISA,))])
async def test_where_policy_sends_it_to_others_it_is_forwarded(
    road: Road, disposition: Disposition
) -> None:
    house = Forwarder(road)
    entry = house.door.open(MX, Envelope(ANN), [Recipient(JOHN)], NOW)
    entry.write(SIGNED)

    await entry.commit(disposition)

    senders = {one.address: one.sender for one in house.queued[0].recipients}
    assert is_ann(senders.pop(LISA))
    assert set(senders.values()) <= {SAME}


@pytest.mark.parametrize("to", ["team", "plain", "away", "kept", "outer"])
async def test_a_copy_for_who_gets_it_anyway_changes_no_reverse_path(road: Road, to: str) -> None:
    """The owner of a list hears of its members' failures, also where policy wants them a copy."""
    stored = []
    for bcc in ((), (JOHN, A("anna@example.org"), LISA)):
        house = Forwarder(road)
        entry = house.door.open(MX, Envelope(ANN), [Recipient(A(f"{to}@example.org"))], NOW)
        entry.write(SIGNED)
        await entry.commit(Disposition(bcc=bcc))
        found = house.queued[0].recipients
        stored.append({one.address: (one.original, one.sender, one.notify) for one in found})
    assert stored[1] == stored[1] | stored[0]
