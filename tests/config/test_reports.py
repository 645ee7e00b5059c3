"""What `[tls_reports]` and `[dmarc_reports]` must not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import Configuration
from postroad.config.reports import report_faults, unsigned_reports
from postroad.mailauth.dkim.key_store import KeyState, KeyStore
from postroad.mailauth.dkim.settings import DkimSettings
from postroad.mailauth.dkim.signing_key import new_key
from postroad.reports.dmarc.settings import DmarcReportSettings
from postroad.reports.tls.settings import TlsReportSettings


def faults(**said: object) -> list[str]:
    configuration = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        tls_reports=TlsReportSettings(**said),  # type: ignore[arg-type]
    )
    return [str(each) for each in report_faults(configuration)]


def faults_on_dmarc(**said: object) -> list[str]:
    configuration = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        dmarc_reports=DmarcReportSettings(**said),  # type: ignore[arg-type]
    )
    return [str(each) for each in report_faults(configuration)]


def test_what_is_right() -> None:
    assert faults() == []
    assert faults(keep=0.0) == []
    assert faults_on_dmarc(receive=("dmarc@example.org",)) == []
    assert (
        faults(receive=("tls@EXAMPLE.org", "a@mail.example.org"), from_address="x@example.org")
        == []
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"receive": ("tls",)}, "expected an address"),
        ({"receive": ("a@example.org", "a@elsewhere.test")}, "in one of the domains"),
        ({"from_address": "a@elsewhere.test"}, "in one of the domains"),
        ({"from_address": "\u00e4@example.org"}, "of ASCII characters"),
        ({"from_address": "nobody"}, "expected an address"),
    ],
)
def test_what_is_wrong(said: dict[str, object], why: str) -> None:
    (fault,) = faults(**said)
    assert why in fault
    (fault,) = faults_on_dmarc(**said)
    assert why in fault


@pytest.mark.parametrize(
    "said", [{"keep": 100.0}, {"contact": "a\nb"}, {"organization": "x" * 201}]
)
def test_values_that_cannot_be(said: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"has to be one line|less than two days"):
        TlsReportSettings(**said)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "a@b.test", "[192.0.2.1]", "two words", "."])
def test_what_is_excluded_is_a_domain(name: str) -> None:
    (fault,) = faults_on_dmarc(exclude=("bank.example", name))
    assert "expected a domain" in fault
    assert faults_on_dmarc(exclude=("bank.example", "München.de")) == []


def unsigned(folder: Path, **sections: object) -> list[str]:
    configuration = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        state_directory=folder,
        **sections,  # type: ignore[arg-type]
    )
    return list(unsigned_reports(configuration))


def test_reports_that_nobody_signs_are_said(tmp_path: Path) -> None:
    both: dict[str, object] = {
        "tls_reports": TlsReportSettings(send=True),
        "dmarc_reports": DmarcReportSettings(send=True, from_address="x@mail.example.org"),
    }
    assert unsigned(tmp_path) == []
    tls, dmarc = unsigned(tmp_path, **both)
    assert tls.startswith("tls_reports.send: there is no active key for example.org")
    assert dmarc.startswith("dmarc_reports.send: there is no active key for mail.example.org")
    store = KeyStore(tmp_path / "dkim", lambda: 0.0)
    store.add([new_key("example.org", "one", "ed25519", 0)], KeyState.PENDING)
    assert len(unsigned(tmp_path, **both)) == 2
    store.add([new_key("example.org", "two", "ed25519", 0)], KeyState.ACTIVE)
    assert unsigned(tmp_path, **both) == []
    assert len(unsigned(tmp_path, dkim=DkimSettings(sign=False), **both)) == 2
