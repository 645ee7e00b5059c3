"""Addresses to listen on, and presets."""

from __future__ import annotations

import pytest

from postroad.policy import PRESET_LISTS
from postroad.server.binds import Bind
from postroad.server.settings import PRESETS, ListenerSettings, ResolvedListener


@pytest.mark.parametrize(
    ("text", "host", "port", "shown"),
    [
        (":25", "", 25, ":25"),
        ("*:25", "", 25, ":25"),
        ("127.0.0.1:2525", "127.0.0.1", 2525, "127.0.0.1:2525"),
        ("[::1]:2525", "::1", 2525, "[::1]:2525"),
        ("[::]:1", "::", 1, "[::]:1"),
        ("[2001:DB8:0::1]:65535", "2001:db8::1", 65_535, "[2001:db8::1]:65535"),
        ("0.0.0.0:25", "0.0.0.0", 25, "0.0.0.0:25"),
    ],
)
def test_addresses(text: str, host: str, port: int, shown: str) -> None:
    assert Bind.parse(text) == Bind(host, port)
    assert str(Bind.parse(text)) == shown


@pytest.mark.parametrize(
    "text",
    ["", "25", ":", ":0", ":65536", ":-1", ":٢٥", "::1:25", "[127.0.0.1]:25", "[]:25", "[::1]",
     "localhost:25", "127.0.0.1:25 ", "1.2.3:25", "[fe80::1%eth0]:25:1"],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Bind.parse(text)


@pytest.mark.parametrize("text", ["unix:/run/lmtp", "unix:/run//./lmtp", "unix:/run/x/../lmtp"])
def test_paths(text: str) -> None:
    assert Bind.parse(text) == Bind("", 0, "/run/lmtp")
    assert str(Bind.parse(text)) == "unix:/run/lmtp"


@pytest.mark.parametrize(
    ("text", "local"),
    [
        (":25", False),
        ("0.0.0.0:25", False),
        ("[::]:25", False),
        ("192.0.2.1:25", False),
        ("127.0.0.1:25", True),
        ("127.9.9.9:25", True),
        ("[::1]:25", True),
        ("unix:/run/lmtp", True),
    ],
)
def test_what_only_this_machine_can_reach(text: str, local: bool) -> None:
    assert Bind.parse(text).is_local is local


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (":25", ":25", True),
        (":25", ":26", False),
        (":25", "127.0.0.1:25", True),
        (":25", "[::1]:25", True),
        ("0.0.0.0:25", "127.0.0.1:25", True),
        ("0.0.0.0:25", "[::1]:25", False),
        ("0.0.0.0:25", "[::]:25", False),
        ("[::]:25", "[::1]:25", True),
        ("127.0.0.1:25", "127.0.0.2:25", False),
        ("unix:/run/a", "unix:/run/a", True),
        ("unix:/run/a", "unix:/run/b", False),
        ("unix:/run/a", ":25", False),
    ],
)
def test_which_addresses_exclude_each_other(one: str, other: str, overlap: bool) -> None:
    assert Bind.parse(one).overlaps(Bind.parse(other)) is overlap
    assert Bind.parse(other).overlaps(Bind.parse(one)) is overlap


def test_a_name_is_enough() -> None:
    listener = ResolvedListener.of("submissions", ListenerSettings())
    assert listener.binds == (Bind("", 465),)
    assert (listener.tls, listener.require_tls, listener.auth) == ("implicit", True, True)


def test_single_properties_change() -> None:
    settings = ListenerSettings(preset="submission", bind=(":443",), tls="implicit", auth=False)
    listener = ResolvedListener.of("firewall", settings)
    assert listener.preset == "submission"
    assert listener.binds == (Bind("", 443),)
    assert (listener.tls, listener.require_tls, listener.auth) == ("implicit", True, False)


@pytest.mark.parametrize(
    "text", ["unix:", "unix:lmtp", "unix:/", "unix:/run/", "unix:/a\nb", "unix"]
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Bind.parse(text)


def test_lmtp_is_for_neighbours() -> None:
    listener = ResolvedListener.of("lmtp", ListenerSettings())
    assert listener.binds == (Bind("127.0.0.1", 24),)
    assert (listener.lmtp, listener.tls, listener.auth) == (True, "none", False)
    assert listener.is_local


@pytest.mark.parametrize(("text", "mode"), [("0660", 0o660), ("666", 0o666), ("0700", 0o700)])
def test_modes(text: str, mode: int) -> None:
    settings = ListenerSettings(preset="lmtp", bind=("unix:/run/lmtp",), unix_mode=text)
    assert ResolvedListener.of("x", settings).binds[0].mode == mode


@pytest.mark.parametrize(
    "text", ["", "0", "68", "0o660", "1660", "00660", "rw-", "-660", "\u0666660"]
)
def test_what_is_no_mode(text: str) -> None:
    with pytest.raises(ValueError, match="as chmod takes them"):
        ResolvedListener.of("lmtp", ListenerSettings(bind=("unix:/a",), unix_mode=text))


def test_no_preset() -> None:
    with pytest.raises(ValueError, match="firewall"):
        ResolvedListener.of("firewall", ListenerSettings(bind=(":443",)))


def test_every_preset_has_its_restrictions() -> None:
    assert set(PRESETS) == set(PRESET_LISTS)


def test_where_users_log_in_tls_is_a_must() -> None:
    for preset in PRESETS.values():
        assert preset.require_tls or not preset.auth
