"""The keys that the sections of all kinds of reports have."""

from __future__ import annotations

from dataclasses import dataclass

from postroad.model.units import Duration

__all__ = ["ReportSettings"]


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """Daily reports to other domains and from them.

    Attributes:
        send: whether there is counting, and domains that ask for it are told. `None`, which is the
            default: where there is an active DKIM key for the domain of `from_address`, as
            receivers want to see who sent a report, and must ignore those about TLS that come by
            mail without a signature (RFC 8460 §3).
        from_address: the author of reports; empty: `postmaster@` and the first domain.
        contact: whom a receiver may ask, an address; empty: the author.
        organization: whose reports they are; empty: the first domain.
        keep: seconds for which reports, sent and received, are remembered; 0: without an end.
        receive: addresses of ours to which others send their reports. These are summarised; the
            mail goes to its mailbox all the same.
    """

    send: bool | None = None
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
