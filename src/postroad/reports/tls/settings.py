"""The section of the configuration that reports about TLS read."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.reports.settings import ReportSettings

__all__ = ["TlsReportSettings"]


@dataclass(frozen=True, kw_only=True)
class TlsReportSettings(ReportSettings):
    """`[tls_reports]`: daily reports about TLS; the keys are those of all kinds of reports."""
