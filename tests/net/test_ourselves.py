from __future__ import annotations

import pytest

from postroad.net import ourselves
from postroad.net.ourselves import Ourselves

ANY = [("", 25)]


@pytest.mark.parametrize(
    ("binds", "address", "port", "expected"),
    [
        ([], "127.0.0.1", 25, False),
        (ANY, "127.0.0.1", 25, True),
        (ANY, "127.0.0.1", 2525, False),
        (ANY, "127.9.9.9", 25, True),
        (ANY, "::1", 25, True),
        (ANY, "::ffff:127.0.0.1", 25, True),
        (ANY, "0.0.0.0", 25, True),
        (ANY, "::", 25, True),
        (ANY, "192.0.2.1", 25, False),
        (ANY, "2001:db8::1", 25, False),
        ([("0.0.0.0", 25)], "127.0.0.1", 25, True),
        ([("::", 25)], "::1", 25, True),
        ([("127.0.0.1", 25)], "127.0.0.1", 25, True),
        ([("127.0.0.1", 25)], "127.0.0.2", 25, False),
        ([("127.0.0.1", 25)], "0.0.0.0", 25, True),
        ([("192.0.2.1", 25)], "192.0.2.1", 25, True),
        ([("192.0.2.1", 25)], "127.0.0.1", 25, False),
        ([("192.0.2.1", 25)], "0.0.0.0", 25, False),
        ([("2001:db8::1", 25)], "2001:0db8:0::1", 25, True),
        ([("127.0.0.1", 25), ("", 587)], "127.0.0.2", 587, True),
    ],
)
def test_is_ourselves(binds, address, port, expected):
    assert Ourselves(binds).is_ourselves(address, port) is expected


@pytest.mark.parametrize(
    ("bindable", "expected"),
    [
        ({"198.51.100.7"}, True),
        (set(), False),
        ({"198.51.100.7", "240.0.0.1"}, False),  # ip_nonlocal_bind: every address can be bound
    ],
)
def test_the_machines_own_addresses(monkeypatch, bindable, expected):
    monkeypatch.setattr(ourselves, "_can_bind", lambda address, version: address in bindable)
    assert Ourselves(ANY).is_ourselves("198.51.100.7", 25) is expected


def test_a_host_has_to_be_an_address():
    with pytest.raises(ValueError, match="does not appear to be"):
        Ourselves([("mail.example.org", 25)])
