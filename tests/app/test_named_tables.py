"""What the configuration's tables may say, judged by what is served then."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.app.named_tables import table_names, tables_of
from postroad.config import Configuration
from postroad.policy import PolicySettings
from postroad.server.settings import ListenerSettings
from postroad.tables import TableUnavailable


def configured(relay: str) -> Configuration:
    mx = ListenerSettings(tls="none", policy=PolicySettings(relay=(relay,)))
    return Configuration(
        hostname="mail.example.org", domains=("example.org",), listeners={"mx": mx}
    )


def test_the_names_are_the_configuration_s() -> None:
    relay = "check_sender_access hash:/a, check_client_access cidr:/b, reject_unauth_destination"
    assert set(table_names(configured(relay))) == {"hash:/a", "cidr:/b"}


async def test_what_may_be_said_goes_by_what_is_served_then(tmp_path: Path) -> None:
    file = tmp_path / "senders"
    file.write_text("a@elsewhere.test OK\n")
    name = f"hash:{file}"
    open_relay = configured(f"check_sender_access {name}, reject_unauth_destination")
    closed = configured(f"reject_unauth_destination, check_sender_access {name}")
    served, said = [open_relay], list[str]()
    tables = tables_of(lambda: served[-1], report=said.append, inform=said.append)

    with pytest.raises(TableUnavailable, match="open relay"):
        await tables.find(name, "a@elsewhere.test")
    served.append(closed)
    tables.replace(table_names(closed))
    assert await tables.find(name, "a@elsewhere.test") == "OK"

    await tables.close()
