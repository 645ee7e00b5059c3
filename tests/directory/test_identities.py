"""Names of users and groups: asked beside the event loop, once, and remembered while they hold."""

from __future__ import annotations

import asyncio
import threading

import pytest

from postroad.directory.identities import REMEMBERED, Identities
from postroad.directory.userdb import UserdbMistake

NUMBERS = {"vmail": 5000, "john": 1001}


class System:
    """Has users, and knows who asked for them."""

    def __init__(self) -> None:
        self.numbers = dict(NUMBERS)
        self.asked: list[str] = []
        self.now = 0.0
        self.identities = Identities(self.number, self.number, lambda: self.now)

    def number(self, name: str) -> int:
        assert threading.current_thread() is not threading.main_thread()
        self.asked.append(name)
        return self.numbers[name]


async def test_a_name_is_asked_for_once() -> None:
    system = System()
    fields = {"uid": "john", "gid": "vmail", "home": "/srv/john"}
    places = await asyncio.gather(*(system.identities.place(fields) for _ in range(20)))
    assert {(each.uid, each.gid, each.home) for each in places} == {(1001, 5000, "/srv/john")}
    assert sorted(system.asked) == ["john", "vmail"]


async def test_a_number_that_changed_is_found_after_a_while() -> None:
    system = System()
    assert (await system.identities.place({"uid": "john"})).uid == 1001
    system.numbers["john"] = 1002
    system.now = REMEMBERED - 1
    assert (await system.identities.place({"uid": "john"})).uid == 1001
    system.now = REMEMBERED
    assert (await system.identities.place({"uid": "john"})).uid == 1002


async def test_numbers_need_nobody() -> None:
    system = System()
    place = await system.identities.place({"uid": "1001", "gid": "1002"})
    assert (place.uid, place.gid) == (1001, 1002)
    assert await system.identities.place({}) == await Identities().place({})
    assert system.asked == []


async def test_who_is_not_there_is_asked_for_again() -> None:
    system = System()
    for _ in range(2):
        with pytest.raises(UserdbMistake, match='no user or group "ann"'):
            await system.identities.place({"gid": "ann"})
    assert system.asked == ["ann", "ann"]
    system.numbers["ann"] = 7
    assert (await system.identities.place({"gid": "ann"})).gid == 7
