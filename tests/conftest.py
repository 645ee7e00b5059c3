"""For all tests: coroutines run on the event loop that the server runs on, time proves nothing.

Those about time limits have a loop of their own: see `jumping_loop`.

Where several processes run the tests, the files begin in the order of `running_order`; one process
alone runs them as they were named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop
from hypothesis import HealthCheck, settings

from running_order import mixed

pytest_plugins = ["jumping_loop"]

# A busy machine is no fault: an example may take long, and so may making it.
settings.register_profile(
    "patient", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
)
settings.load_profile("patient")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not hasattr(config, "workerinput"):
        return
    files = [item.nodeid.partition("::")[0] for item in items]
    waits = [item.get_closest_marker("peer") is not None for item in items]
    places = {file: place for place, file in enumerate(mixed(zip(files, waits, strict=True)))}
    ordered = sorted(zip(files, items, strict=True), key=lambda each: places[each[0]])
    items[:] = [item for _, item in ordered]
