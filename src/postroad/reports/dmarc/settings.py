"""The section of the configuration that reports on DMARC read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from postroad.reports.settings import ReportSettings

__all__ = ["DmarcReportSettings", "ReportFormat"]

ReportFormat = Literal["rfc9990", "rfc7489"]


@dataclass(frozen=True, kw_only=True)
class DmarcReportSettings(ReportSettings):
    """`[dmarc_reports]`: daily aggregate reports on DMARC, beside the keys of all kinds of reports.

    Attributes:
        format: the standard whose schema reports follow. The older one is what everybody reads;
            programs in use cannot read the newer one yet, for its namespace.
        exclude: domains of others that are told nothing, each with the names below it.
        own_domains: whether domains of ours that ask for reports are told as well.
    """

    format: ReportFormat = "rfc7489"
    exclude: tuple[str, ...] = ()
    own_domains: bool = False
