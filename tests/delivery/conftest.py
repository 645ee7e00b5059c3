"""What the tests of outgoing SMTP share: a world for each test, an authority for each module."""

from __future__ import annotations

import pytest

from fake_mx import FakeMx
from peers.certificates import Authority
from smtp_world import World


@pytest.fixture
async def world():
    worlds = []

    async def make(server: FakeMx | None = None, **options: object) -> World:
        made = World(await (server or FakeMx()).start()).build(**options)
        worlds.append(made)
        return made

    yield make
    for each in worlds:
        await each.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))
