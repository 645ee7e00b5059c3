"""The DNS records a configuration asks for."""

from __future__ import annotations

import pytest

from postroad.config import Configuration
from postroad.config.records import records_for
from postroad.reports.dmarc.settings import DmarcReportSettings
from postroad.reports.tls.settings import TlsReportSettings
from postroad.server.settings import ListenerSettings


def test_the_records_of_a_usual_server() -> None:
    configuration = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        listeners={name: ListenerSettings() for name in ("mx", "submission", "submissions")},  # type: ignore[misc]
    )
    said = [str(record) for record in records_for(configuration, ("203.0.113.5", "2001:db8::5"))]
    pointer = ".".join("5000000000000000000000008bd01002") + ".ip6.arpa."
    assert said == [
        "mail.example.org. A 203.0.113.5",
        "mail.example.org. AAAA 2001:db8::5",
        'mail.example.org. TXT "v=spf1 a -all"',
        "5.113.0.203.in-addr.arpa. PTR mail.example.org.",
        f"{pointer} PTR mail.example.org.",
        "example.org. MX 10 mail.example.org.",
        'example.org. TXT "v=spf1 mx -all"',
        '_dmarc.example.org. TXT "v=DMARC1; p=none; rua=mailto:postmaster@example.org"',
        '_smtp._tls.example.org. TXT "v=TLSRPTv1; rua=mailto:postmaster@example.org"',
        "_submission._tcp.example.org. SRV 0 1 587 mail.example.org.",
        "_submissions._tcp.example.org. SRV 0 1 465 mail.example.org.",
    ]


@pytest.mark.parametrize(
    ("receive", "told"),
    [
        (("tls@b.example", "tls@a.example"), ("tls@a.example", "tls@b.example")),
        (("50%!;@b.example",), ("50%25%21%3B@b.example", "50%25%21%3B@b.example")),
    ],
)
def test_reports_about_tls_go_where_they_are_received(receive, told) -> None:
    configuration = Configuration(
        hostname="mx.example.net",
        domains=("a.example", "b.example"),
        listeners={"mx": ListenerSettings()},
        tls_reports=TlsReportSettings(receive=receive),
    )
    found = [each for each in records_for(configuration) if each.name.startswith("_smtp._tls.")]
    assert [each.value for each in found] == [f'"v=TLSRPTv1; rua=mailto:{each}"' for each in told]


def test_reports_on_dmarc_go_where_they_are_received() -> None:
    configuration = Configuration(
        hostname="mx.example.net",
        domains=("a.example", "b.example"),
        listeners={"mx": ListenerSettings()},
        dmarc_reports=DmarcReportSettings(receive=("50%@b.example",)),
    )
    found = [str(each) for each in records_for(configuration) if "_dmarc" in each.name]
    assert found == [
        '_dmarc.a.example. TXT "v=DMARC1; p=none; rua=mailto:50%25@b.example"',
        'a.example._report._dmarc.b.example. TXT "v=DMARC1"',
        '_dmarc.b.example. TXT "v=DMARC1; p=none; rua=mailto:50%25@b.example"',
    ]


def test_reports_that_nobody_reads_are_said() -> None:
    configuration = Configuration(
        hostname="mx.example.net",
        domains=("a.example",),
        listeners={"mx": ListenerSettings()},
        dmarc_reports=DmarcReportSettings(receive=("dmarc@a.example",)),
    )
    why = {each.name: each.why for each in records_for(configuration)}
    assert why["_dmarc.a.example."] == "reports about mail in its name (DMARC)"
    words = "read only if [tls_reports] receive names the address"
    assert why["_smtp._tls.a.example."] == f"reports about TLS with it (TLS-RPT); {words}"
    configuration = Configuration(hostname="mx.example.net", domains=("a.example",))
    why = {each.name: each.why for each in records_for(configuration)}
    assert why["_dmarc.a.example."].endswith(
        "read only if [dmarc_reports] receive names the address"
    )


def test_a_server_without_logins_has_no_service_records() -> None:
    configuration = Configuration(
        hostname="mx.example.net",
        domains=("a.example", "b.example"),
        listeners={"mx": ListenerSettings()},
    )
    kinds = [record.kind for record in records_for(configuration)]
    assert "SRV" not in kinds
    assert kinds.count("MX") == 2
