"""What a reload takes, what it leaves to a restart, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from postroad.app.proof import RelayHoleError
from postroad.app.running import RELOADED, Running
from postroad.config import Configuration
from postroad.delivery.settings import RelaySettings
from postroad.net.tls import TlsConfigurationError
from postroad.policy import PolicySettings
from postroad.server.login_settings import LoginSettings
from postroad.server.settings import ListenerSettings
from postroad.smtp import SessionLimits

MX = ListenerSettings(tls="none")
SUBMISSION = ListenerSettings(tls="none")
STARTED = Configuration(
    hostname="mail.example.org",
    domains=("example.org",),
    workers=2,
    listeners={"mx": MX, "submission": SUBMISSION},
)


def reloaded(fresh: Configuration) -> tuple[Configuration, tuple[str, ...]]:
    running = Running(STARTED, lambda: fresh)
    waiting = running.reload()
    return running.configuration, waiting


def test_nothing_changed() -> None:
    assert reloaded(STARTED) == (STARTED, ())


def test_limits_and_relay_are_taken() -> None:
    fresh = replace(
        STARTED, limits=SessionLimits(errors=3), relay=RelaySettings(smarthost="[127.0.0.1]:25")
    )

    assert reloaded(fresh) == (fresh, ())


def test_login_methods_are_taken() -> None:
    fresh = replace(STARTED, login=LoginSettings(mechanisms=("SCRAM-SHA-256",)))

    assert reloaded(fresh) == (fresh, ())


def test_policy_and_logins_of_a_listener_are_taken_and_its_address_is_not() -> None:
    changed = ListenerSettings(
        tls="none",
        bind=("127.0.0.1:26",),
        auth=True,
        policy=PolicySettings(helo=("reject_invalid_helo_hostname",)),
    )
    fresh = replace(STARTED, listeners=STARTED.listeners | {"mx": changed})

    configuration, waiting = reloaded(fresh)

    assert configuration.listeners["mx"] == replace(changed, bind=None)
    assert waiting == ("listeners.mx",)


def test_what_a_listener_offers_is_taken_and_how_it_was_opened_is_not() -> None:
    offered = ListenerSettings(
        tls="none",
        vrfy="always",
        future_release=60,
        discard_ehlo_keywords=("DSN",),
        xclient=(ip_network("192.0.2.1/32"),),
        xforward=(ip_network("192.0.2.1/32"),),
    )
    opened = replace(
        offered, plain_auth=True, unix_mode="0600", proxy=(ip_network("192.0.2.1/32"),)
    )

    assert reloaded(replace(STARTED, listeners=STARTED.listeners | {"mx": offered}))[1] == ()
    configuration, waiting = reloaded(
        replace(STARTED, listeners=STARTED.listeners | {"mx": opened})
    )

    assert configuration.listeners["mx"] == offered
    assert waiting == ("listeners.mx",)


@pytest.mark.parametrize("key", ["xclient", "proxy"])
def test_a_listener_that_believes_everybody_is_refused(key: str) -> None:
    everybody = ListenerSettings(tls="none", **{key: (ip_network("0.0.0.0/0"),)})

    with pytest.raises(RelayHoleError, match=f"listener mx: 0.0.0.0/0 in {key} hold too much"):
        Running(replace(STARTED, listeners={"mx": everybody}), lambda: STARTED)


def test_lmtp_that_relays_is_refused() -> None:
    policy = PolicySettings(relay=("permit_mynetworks", "reject"))
    relaying = ListenerSettings(preset="lmtp", policy=policy)

    with pytest.raises(RelayHoleError, match="listener lmtp: a client, trusted or logged in,"):
        Running(replace(STARTED, listeners={"lmtp": relaying}), lambda: STARTED)


def test_new_and_removed_listeners_wait_for_a_restart() -> None:
    listeners = {"submission": SUBMISSION, "other": ListenerSettings(preset="mx")}

    configuration, waiting = reloaded(replace(STARTED, listeners=listeners))

    assert configuration.listeners == STARTED.listeners
    assert waiting == ("listeners.mx", "listeners.other")


def test_another_preset_waits_with_everything_that_depends_on_it() -> None:
    changed = ListenerSettings(preset="submission", policy=PolicySettings(client=()))
    fresh = replace(STARTED, listeners=STARTED.listeners | {"mx": changed})

    configuration, waiting = reloaded(fresh)

    assert configuration == STARTED
    assert waiting == ("listeners.mx",)


def test_what_is_opened_once_waits() -> None:
    fresh = replace(
        STARTED, workers=1, domains=("example.org", "example.net"), hostname="mx.example.org"
    )

    configuration, waiting = reloaded(fresh)

    assert configuration == STARTED
    assert waiting == ("hostname", "domains", "workers")


@pytest.mark.parametrize(
    "fresh",
    [
        replace(STARTED, relay=RelaySettings(trusted_networks=(ip_network("0.0.0.0/0"),))),
        replace(
            STARTED,
            listeners=STARTED.listeners
            | {"mx": ListenerSettings(tls="none", policy=PolicySettings(relay=("permit",)))},
        ),
    ],
)
def test_an_open_relay_is_neither_reloaded_nor_started(fresh: Configuration) -> None:
    running = Running(STARTED, lambda: fresh)

    with pytest.raises(RelayHoleError, match="open relay"):
        running.reload()
    assert running.configuration == STARTED
    with pytest.raises(RelayHoleError):
        Running(fresh, lambda: fresh)


def test_every_reloaded_name_is_a_section() -> None:
    assert set(RELOADED) <= set(Configuration.__dataclass_fields__)


def test_a_certificate_that_is_not_there_is_neither_started_nor_reloaded(tmp_path: Path) -> None:
    fresh = replace(STARTED, listeners={"mx": ListenerSettings()}, state_directory=tmp_path)
    running = Running(STARTED, lambda: replace(fresh, relay=RelaySettings(smarthost="x")))

    with pytest.raises(TlsConfigurationError, match="no such file"):
        Running(fresh, lambda: fresh)
    running.reload()  # the TLS of a listener waits for a restart, so the file is not needed yet

    assert running.configuration.relay.smarthost == "x"
