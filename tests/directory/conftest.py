"""An issuer of tokens for the tests of bearer tokens."""

from __future__ import annotations

import asyncio

import pytest

from fake_directory import FakeDirectory
from fake_issuer import JOHN, Clock, Issuer, checker_of, port_of


@pytest.fixture
async def issuer():
    issuer = Issuer()
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{port_of(server)}/keys"
    yield issuer
    server.close()
    await server.wait_closed()


@pytest.fixture
def issuer_clock():
    return Clock()


@pytest.fixture
def accounts():
    return FakeDirectory(
        users={JOHN: "summersun", "old@example.org": "x"}, disabled=["old@example.org"]
    )


@pytest.fixture
def checker(issuer, issuer_clock, accounts):
    return checker_of(issuer, issuer_clock, accounts)
