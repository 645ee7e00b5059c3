"""The section of the configuration that reports about TLS read."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model.units import Duration

__all__ = ["TlsReportSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReportSettings:
    """`[tls_reports]`: daily reports about TLS, to other domains and from them.

    Attributes:
        send: whether sessions are counted, and domains that ask for it are told. Receivers must
            ignore mailed reports without a DKIM signature (RFC 8460 §3), which this server makes
            for domains that have keys; so it is off until the operator has published some.
        from_address: the author of reports; empty: `postmaster@` and the first domain.
        contact: whom a receiver may ask, an address; empty: the author.
        organization: whose reports they are; empty: the first domain.
        keep: seconds for which reports, sent and received, are remembered; 0: without an end.
        receive: addresses of ours to which others send their reports. These are summarised; the
            mail goes to its mailbox all the same.
    """

    send: bool = False
    from_address: str = ""
    contact: str = ""
    organization: str = ""
    keep: Duration = 2_592_000.0
    receive: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if 0 < self.keep < _LEAST:
            raise ValueError("keep cannot be less than two days: a report takes as long to be sent")
        for name in ("contact", "organization"):
            text = getattr(self, name)
            if not text.isprintable() or len(text) > _MOST_TEXT:
                raise ValueError(f"{name} has to be one line of {_MOST_TEXT} characters at most")


_LEAST = 172_800.0  # seconds
_MOST_TEXT = 200
