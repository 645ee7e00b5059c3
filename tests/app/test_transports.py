"""What a named transport does otherwise than `[delivery]` says."""

from __future__ import annotations

import pytest

from postroad.app.transports import delivery_of
from postroad.delivery.settings import DeliverySettings
from postroad.delivery.transport_settings import TransportSettings

GENERAL = DeliverySettings(greeting_timeout=90.0, mail_timeout=80.0, data_block_timeout=70.0)


@pytest.mark.parametrize(
    ("own", "times"),
    [
        ({}, (300.0, 90.0, 80.0, 70.0)),
        ({"data_timeout": 5.0}, (300.0, 90.0, 80.0, 70.0)),
        ({"command_timeout": 7.0}, (7.0, None, None, None)),
    ],
)
def test_its_time_for_a_command_is_for_every_command(own, times):
    found = delivery_of(TransportSettings(**own), GENERAL)
    assert times == (
        found.command_timeout,
        found.greeting_timeout,
        found.mail_timeout,
        found.data_block_timeout,
    )
    assert found.data_timeout == own.get("data_timeout", GENERAL.data_timeout)
