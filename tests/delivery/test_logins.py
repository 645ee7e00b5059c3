from __future__ import annotations

import pytest

from postroad.delivery.login import Credentials
from postroad.delivery.logins import Logins, Own, read_login
from postroad.model import Reply
from postroad.tables import TableUnavailable

NO = Reply.of(535, "5.7.8", "wrong")
RELAY = "[smtp.example.net]:587"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Written:
    def __init__(self, entries: dict[str, str] | None = None) -> None:
        self.entries = entries

    async def find(self, table: str, key: str) -> str | None:
        if self.entries is None:
            raise TableUnavailable(table)
        return self.entries.get(key)

    def takes_parts(self, table: str) -> bool:
        return True


class Tokens:
    def __init__(self, token: str | Reply | None) -> None:
        self.given = token
        self.rejected: list[str] = []

    async def token(self, name: str) -> str | Reply | None:
        return self.given

    def reject(self, name: str, token: str) -> None:
        self.rejected.append(token)


class World:
    def __init__(self, entries=None, *, own=None, tokens=None, pause=600.0) -> None:
        self.clock = Clock()
        self.said: list[str] = []
        self.logins = Logins(
            own=own,
            tables=Written(entries),
            names=() if entries is None and own else ("one",),
            tokens=tokens,
            pause=pause,
            report=self.said.append,
            now=self.clock,
        )

    async def at(self, host: str = "smtp.example.net", nexthop: str = RELAY):
        return await self.logins.credentials(host, nexthop)


JOHN = Credentials("john", "summersun")


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("john:summersun", JOHN),
        (" john:a:b c ", Credentials("john", "a:b c")),
        ("john:", Credentials("john", "")),
        ("john", Credentials("john", "")),
    ],
)
def test_lines(text, login):
    assert read_login(text) == login


@pytest.mark.parametrize(
    ("nexthop", "found"),
    [
        (RELAY, JOHN),
        ("[b]", JOHN),
        (f"x@example.org/{RELAY}", JOHN),
        ("smtp.example.net:587", None),
        ("[smtp.example.net]:25", None),
        ("example.com", None),
    ],
)
async def test_the_login_of_the_smarthosts_is_for_nobody_else(nexthop, found):
    world = World(own=Own(JOHN, f"{RELAY},[b]"))
    assert await world.at(nexthop=nexthop) == found


async def test_the_login_of_a_transport_is_for_all_its_next_hops():
    assert await World(own=Own(JOHN)).at("mx.example.com", "example.com") == JOHN


@pytest.mark.parametrize(
    ("entries", "user"),
    [
        ({RELAY: "a:p"}, "a"),
        ({"smtp.example.net": "b:p", RELAY: "a:p"}, "b"),
        ({"x@example.org": "c:p", "smtp.example.net": "b:p"}, "c"),
        ({"example.net": "d:p"}, None),
    ],
)
async def test_the_order_of_a_table(entries, user):
    """smtp_sasl_glue.c of Postfix: the sender, the host, the next hop."""
    found = await World(entries).at(nexthop=f"x@example.org/{RELAY}")
    assert (found and found.username) == user


async def test_only_a_hosts_own_name_vouches_for_it():
    assert (await World({"smtp.example.net": "b:p"}).at()).of_host
    assert not (await World({RELAY: "b:p"}).at()).of_host


async def test_a_table_that_cannot_answer_defers():
    found = await World().at()
    assert isinstance(found, Reply)
    assert found.code == 451


async def test_a_refused_login_rests_and_a_new_password_does_not():
    entries = {RELAY: "john:wrong"}
    world = World(entries)
    found = await world.at()
    world.logins.refused("smtp.example.net", found, NO)
    resting = await world.at()
    assert isinstance(resting, Reply)
    assert "not tried again for another 600 seconds" in resting.text
    assert await world.at("other.example.net") == Credentials("john", "wrong")
    assert len(world.said) == 1
    assert "wrong" not in world.said[0].replace("535 5.7.8 wrong", "")
    entries[RELAY] = "john:right"
    assert await world.at() == Credentials("john", "right")
    entries[RELAY] = "john:wrong"
    world.logins.refused("smtp.example.net", found, NO)
    world.clock.now = 601.0
    assert await world.at() == found


async def test_a_refusal_for_now_is_no_wrong_password():
    world = World({RELAY: "john:right"})
    found = await world.at()
    world.logins.refused("smtp.example.net", found, Reply.of(454, "4.7.0", "later"))
    assert await world.at() == found


async def test_a_login_without_a_password_gets_a_token():
    tokens = Tokens("ya29")
    world = World(own=Own(Credentials("john", ""), RELAY), tokens=tokens)
    found = await world.at()
    assert found == Credentials("john", "ya29", is_token=True)
    world.logins.refused("smtp.example.net", found, NO)
    assert tokens.rejected == ["ya29"]
    assert isinstance(await world.at(), Reply)
    tokens.given = "ya30"
    assert (await world.at()).password == "ya30"


@pytest.mark.parametrize("tokens", [None, Tokens(None)])
async def test_or_the_mail_waits(tokens):
    found = await World(own=Own(Credentials("john", "")), tokens=tokens).at()
    assert isinstance(found, Reply)
    assert "neither a password nor a section [tokens]" in found.text
    later = Reply.of(454, "4.7.0", "no token")
    assert await World(own=Own(Credentials("j", "")), tokens=Tokens(later)).at() is later
