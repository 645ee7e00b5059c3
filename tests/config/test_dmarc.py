"""What `[dmarc]` and `[arc]` must not say."""

from __future__ import annotations

import pytest

from postroad.config.configuration import Configuration
from postroad.config.dmarc import dmarc_faults
from postroad.mailauth.arc.settings import ArcSettings
from postroad.mailauth.dmarc.settings import DmarcSettings


@pytest.mark.parametrize(
    ("dmarc", "arc", "path"),
    [
        (
            {"forwarders": ("192.0.2.0/24", "2001:db8::1", "fwd.example", "bücher.example")},
            {},
            None,
        ),
        ({"forwarders": ("192.0.2.300",)}, {}, ("dmarc", "forwarders", 0)),
        ({"lists": ("ok.example", "a b")}, {}, ("dmarc", "lists", 1)),
        ({"lists": ("192.0.2.0/33",)}, {}, ("dmarc", "lists", 0)),
        ({"exempt": ("x@y.example",)}, {}, ("dmarc", "exempt", 0)),
        ({}, {"trusted_sealers": ("",)}, ("arc", "trusted_sealers", 0)),
        ({}, {"domain": "no domain"}, ("arc", "domain")),
        ({}, {"domain": "example.org", "trusted_sealers": ("google.com",)}, None),
    ],
)
def test_faults(dmarc: dict, arc: dict, path: tuple[str, ...] | None) -> None:
    configuration = Configuration(
        hostname="mail.example.org",
        domains=(),
        dmarc=DmarcSettings(**dmarc),
        arc=ArcSettings(**arc),
    )
    assert [fault.path for fault in dmarc_faults(configuration)] == ([path] if path else [])
