"""Names of addresses for a listing: those that lead back, and that are known in time."""

from __future__ import annotations

import pytest

from fake_dns import FakeDns
from postroad.app import reverse_names
from postroad.app.reverse_names import names_of
from postroad.net.settings import DnsSettings

ZONE = {
    "1.2.0.192.in-addr.arpa": {"PTR": ("mail.example.org.",)},
    "mail.example.org": {"A": ("192.0.2.1",)},
    "2.2.0.192.in-addr.arpa": {"PTR": ("mail.google.example.",)},
    "mail.google.example": {"A": ("198.51.100.1",)},
}


async def test_a_name_has_to_lead_back() -> None:
    query = FakeDns(ZONE, broken=frozenset({"4.2.0.192.in-addr.arpa"}))
    addresses = [f"192.0.2.{n}" for n in (1, 2, 3, 4, 1)]
    found = await names_of(DnsSettings(), addresses, query=query)
    assert found == {"192.0.2.1": "mail.example.org"}


@pytest.mark.jumps
async def test_nobody_waits_for_the_slow() -> None:
    query = FakeDns(ZONE, slow=frozenset({"2.2.0.192.in-addr.arpa"}))
    found = await names_of(DnsSettings(), ["192.0.2.1", "192.0.2.2"], query=query)
    assert found == {"192.0.2.1": "mail.example.org"}


async def test_only_so_many_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reverse_names, "MOST", 1)
    query = FakeDns(ZONE)
    await names_of(DnsSettings(), ["192.0.2.3", "192.0.2.1"], query=query)
    assert {name for name, _ in query.asked} == {"3.2.0.192.in-addr.arpa"}
