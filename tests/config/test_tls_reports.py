"""What `[tls_reports]` must not say."""

from __future__ import annotations

import pytest

from postroad.config import Configuration
from postroad.config.tls_reports import report_faults
from postroad.reports.settings import TlsReportSettings


def faults(**said: object) -> list[str]:
    configuration = Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        tls_reports=TlsReportSettings(**said),  # type: ignore[arg-type]
    )
    return [str(each) for each in report_faults(configuration)]


def test_what_is_right() -> None:
    assert faults() == []
    assert faults(keep=0.0) == []
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


@pytest.mark.parametrize(
    "said", [{"keep": 100.0}, {"contact": "a\nb"}, {"organization": "x" * 201}]
)
def test_values_that_cannot_be(said: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"has to be one line|less than two days"):
        TlsReportSettings(**said)  # type: ignore[arg-type]
