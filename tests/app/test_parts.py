"""A reload of the parts of a worker that fails: nothing has changed then."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from postroad.app import parts as module
from postroad.app.parts import Parts
from postroad.net.certificates import TlsConfigurationError


class Refusing:
    """Takes nothing, and remembers nothing."""

    def replace(self, _: object) -> None:
        raise TlsConfigurationError("ca_file", "is gone")


class Replaced:
    def __init__(self) -> None:
        self.taken: list[object] = []

    values_now = None

    def replace(self, what: object) -> None:
        self.taken.append(what)


def test_what_next_hops_need_is_read_before_anything_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "require_closed", lambda *_: None)
    monkeypatch.setattr(Parts, "_services", lambda *_: {})
    parts = object.__new__(Parts)
    tables, server = Replaced(), Replaced()
    for name, value in {
        "_running": SimpleNamespace(configuration="new"),
        "_served": "old",
        "_tables": tables,
        "_filtering": SimpleNamespace(renewed=lambda: None),
        "_outbound": Refusing(),
        "server": server,
    }.items():
        setattr(parts, name, value)
    with pytest.raises(TlsConfigurationError):
        parts.reload()
    assert (parts._served, tables.taken, server.taken) == ("old", [], [])
