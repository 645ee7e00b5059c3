"""What a reload exchanges of outgoing mail, and what it leaves as it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from fake_directory import FakeDirectory
from postroad.app.outbound import Outbound
from postroad.app.outbound_tls import OutboundTls
from postroad.app.running import Running
from postroad.config import Configuration
from postroad.delivery.settings import RelaySettings
from postroad.delivery.tls_settings import OutboundTlsSettings
from postroad.delivery.transport_settings import TransportSettings
from postroad.mailbox import MaildirWriter
from postroad.net.certificates import TlsConfigurationError
from postroad.net.dns import Resolver
from postroad.net.settings import DnsSettings


@pytest.mark.parametrize("where", ["relay", "transports"])
async def test_authorities_that_cannot_be_read_change_nothing(tmp_path: Path, where: str) -> None:
    missing = tmp_path / "missing.pem"
    configuration = Configuration(
        hostname="mail.example.org", domains=("example.org",), state_directory=tmp_path
    )
    running = Running(configuration, lambda: configuration)
    resolver = Resolver(DnsSettings(), lambda: 0.0)
    writer = MaildirWriter("mail.example.org")
    journal = list[object]().append
    tls = OutboundTls(configuration, resolver, None, journal)  # type: ignore[arg-type]
    outbound = Outbound(FakeDirectory(), resolver, writer, journal, tls=tls)
    try:
        outbound.replace(running)
        before = tls.contexts, outbound.transports["smtp"], tls.policies()._settings
        broken = {
            "relay": {"relay": RelaySettings(ca_file=missing)},
            "transports": {
                "transports": {"partner": TransportSettings(kind="smtp", ca_file=missing)}
            },
        }[where]
        running.configuration = dataclasses.replace(
            configuration,
            outbound_tls=OutboundTlsSettings(security_level="encrypt", mta_sts=False),
            **broken,
        )
        with pytest.raises(TlsConfigurationError):
            outbound.replace(running)
        assert (tls.contexts, outbound.transports["smtp"], tls.policies()._settings) == before
    finally:
        await outbound.close()
        await tls.close()
        writer.close()
