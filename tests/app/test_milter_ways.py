"""What milters are told of where mail goes, and that nothing waits or fails for it."""

from __future__ import annotations

import asyncio

import pytest

from postroad.app.milters import way_by
from postroad.delivery import Route
from postroad.delivery.routing import RouteMistake
from postroad.directory import DirectoryUnavailable
from postroad.model import Address
from postroad.tables import TableUnavailable


class Routing:
    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault
        self.hangs = False

    async def route(self, address: Address) -> Route:
        if self.hangs:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        return Route("smtp", f"[mx.{address.domain}]:25")


JOHN = Address("john", "example.org")


async def test_transport_and_next_hop() -> None:
    assert await way_by(Routing())(JOHN) == ("smtp", "[mx.example.org]:25")


@pytest.mark.parametrize(
    "fault", [DirectoryUnavailable("away"), TableUnavailable("away"), RouteMistake("none")]
)
async def test_what_is_not_known_now_is_not_told(fault: Exception) -> None:
    assert await way_by(Routing(fault))(JOHN) == ("", "")


@pytest.mark.jumps
async def test_nobody_waits_for_ever() -> None:
    routing = Routing()
    routing.hangs = True

    assert await way_by(routing)(JOHN) == ("", "")
