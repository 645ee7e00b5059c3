"""The relay proof where things run: what files hold at start, and what tables would answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from postroad.app.proof import RelayHoleError, objection, require_closed
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.policy import PolicySettings
from postroad.server.settings import ListenerSettings

BEFORE = "check_sender_access {}, reject_unauth_destination"
BEHIND = "reject_unauth_destination, check_sender_access {}"


def configured(relay: str) -> Configuration:
    mx = ListenerSettings(tls="none", policy=PolicySettings(relay=(relay,)))
    return Configuration(
        hostname="mail.example.org", domains=("example.org",), listeners={"mx": mx}
    )


def says(*values: str) -> dict[str, frozenset[str]]:
    return {"hash:/t": frozenset(values)}


def test_tables_are_read_at_start_and_at_a_reload(tmp_path: Path) -> None:
    file = tmp_path / "senders"
    file.write_text("a@elsewhere.test REJECT\n")
    configuration = configured(BEFORE.format(f"hash:{file}"))
    running = Running(configuration, lambda: configuration)
    running.reload()

    file.write_text("a@elsewhere.test OK\n")
    with pytest.raises(RelayHoleError, match="can answer OK"):
        running.reload()
    with pytest.raises(RelayHoleError) as caught:
        Running(configuration, lambda: configuration)
    assert str(caught.value).splitlines() == [
        "this configuration is an open relay:",
        (
            "listener mx: anybody, without a login, can send to any domain: "
            f"check_sender_access hash:{file}: can answer OK (entry values: OK), which permits"
        ),
    ]
    Running(configured(BEHIND.format(f"hash:{file}")), lambda: configuration)


def test_what_a_table_would_open_is_an_objection() -> None:
    configuration = configured(BEFORE.format("hash:/t"))
    assert objection(configuration, says("REJECT", "DUNNO").get) == ""
    assert objection(configuration, says("RELAY").get) == (
        "this would be an open relay: listener mx: anybody, without a login, can send to any "
        "domain: check_sender_access hash:/t: can answer OK (entry values: RELAY), which permits"
    )
    assert objection(configured(BEHIND.format("hash:/t")), says("RELAY").get) == ""


def test_what_is_in_memory_counts_where_it_is_given() -> None:
    configuration = configured(BEFORE.format("hash:/t"))
    require_closed(configuration, says("REJECT").get)
    with pytest.raises(RelayHoleError):
        require_closed(configuration, says("OK").get)


def test_every_listener_is_proved() -> None:
    configuration = configured("reject_unauth_destination")
    other = replace(configured("permit").listeners["mx"], preset="mx")
    configuration = replace(configuration, listeners={**configuration.listeners, "other": other})
    with pytest.raises(RelayHoleError, match="listener other: anybody"):
        require_closed(configuration)
