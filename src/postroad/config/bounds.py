"""How small and how large a number may be: a slip of the hand is a mistake, not a silent server.

The bounds are wide. They are to find a size in kilobytes where octets are meant, or a zero too
many, and are no advice. 0 is within them wherever it switches a limit off; that a duration has an
end is `model.units`' business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from postroad.config.configuration import Configuration
from postroad.config.mistake import Fault
from postroad.config.schema import settings
from postroad.mailauth.dkim.settings import LEAST_BITS, MOST_BITS

__all__ = ["BOUNDS", "MOST", "Bounds", "numbers_out_of_bounds"]

MOST = 1_000_000_000
"""Of what is counted; four octets hold it, wherever it is kept."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The numbers that a setting may have.

    Attributes:
        least: the smallest, in the setting's unit.
        most: the largest.
        zero: whether 0 is allowed as well.
    """

    least: int
    most: int = MOST
    zero: bool = True

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most or (self.zero and value == 0)

    def __str__(self) -> str:
        zero = ", or 0" if self.zero and self.least > 0 else ""
        return f"a number from {self.least:_} to {self.most:_}{zero}"


ANY = Bounds(0)

_YEARS = 315_360_000  # ten, as for any duration
_REFUSAL = Bounds(400, 599, zero=False)  # RFC 5321 §4.2.1

BOUNDS: Mapping[str, Bounds] = {
    "workers": Bounds(1, 256),  # processes; `Configuration` says why more than four gain nothing
    "limits.message_size": Bounds(65_536, 100 * MOST),  # RFC 5321 §4.5.3.1.7: at least 64K octets
    "limits.bytes_per_network": Bounds(65_536, 100 * MOST),
    "limits.bytes_per_user": Bounds(65_536, 100 * MOST),
    "limits.command_line": Bounds(512, 65_536),  # RFC 5321 §4.5.3.1.4, and what 0 stands for
    "limits.text_line": Bounds(1000),  # RFC 5321 §4.5.3.1.6
    # Less than a second ends what is on its way from another continent.
    "limits.timeout": Bounds(1, _YEARS),
    "limits.transaction": Bounds(1, _YEARS),
    "containment.bounce_share": Bounds(0, 100),  # percent
    "tls.handshake_timeout": Bounds(1, _YEARS),
    "outbound_tls.mta_sts_timeout": Bounds(1, _YEARS),
    "outbound_tls.mta_sts_refresh": Bounds(600, _YEARS),
    "delivery.connect_timeout": Bounds(1, _YEARS),
    "delivery.command_timeout": Bounds(1, _YEARS),
    "delivery.data_timeout": Bounds(1, _YEARS),
    "delivery.greeting_timeout": Bounds(1, _YEARS),
    "delivery.mail_timeout": Bounds(1, _YEARS),
    "delivery.rcpt_timeout": Bounds(1, _YEARS),
    "delivery.data_init_timeout": Bounds(1, _YEARS),
    "delivery.data_block_timeout": Bounds(1, _YEARS),
    "delivery.transaction_timeout": Bounds(1, _YEARS),
    "delivery.mx_port": Bounds(1, 65_535, zero=False),
    "history.size": Bounds(1_048_576, 1000 * MOST),  # 1 MiB; less holds no history worth the name
    "directory.password_threads": Bounds(1, 64, zero=False),  # and so many processes, per worker
    "policy.unknown_address_reject_code": _REFUSAL,
    "policy.unknown_client_reject_code": _REFUSAL,
    "policy.unknown_hostname_reject_code": _REFUSAL,
    "policy.unverified_recipient_reject_code": _REFUSAL,
    "policy.unverified_sender_reject_code": _REFUSAL,
    "intake.header_size": Bounds(1000),  # our own Received fields have some hundred octets
    "intake.examination_timeout": Bounds(1, 540, zero=False),  # RFC 5321 §4.5.3.2.6: in 10 minutes
    "forwarding.maximum_age": Bounds(86_400, 500 * 86_400, zero=False),  # days count to 1,024
    "forwarding.key_lifetime": Bounds(86_400, _YEARS),
    "dkim.bits": Bounds(LEAST_BITS, MOST_BITS, zero=False),  # RFC 8301 §3.2
    "dkim.check_every": Bounds(10, _YEARS, zero=False),
    "authentication.timeout": Bounds(1, 240, zero=False),  # of an examination's five minutes
    "spf.timeout": Bounds(1, 240, zero=False),
    "spool.inline_limit": Bounds(0, 100_000_000),  # a row of SQLite holds 1 GB
    "spool.min_free": Bounds(0, 1000 * MOST),
}
"""By table and key; for all others, `ANY` for whole numbers and nothing more for durations."""


def numbers_out_of_bounds(configuration: Configuration) -> Iterator[Fault]:
    """Numbers that are senseless, each with what there may be."""
    for setting in settings(Configuration):
        value: object = configuration
        for name in setting.path:
            value = getattr(value, name, None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        bounds = BOUNDS.get(".".join(setting.path))
        if bounds is None and isinstance(value, int):
            bounds = ANY
        if bounds is not None and value not in bounds:
            yield Fault(setting.path, f"expected {bounds}, not {value:_}")
