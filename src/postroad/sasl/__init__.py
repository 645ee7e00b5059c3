"""SASL mechanisms (RFC 4422) without I/O.

They read names and passwords and decide nothing. A mechanism is one class and one entry here.
"""

from collections.abc import Callable

from postroad.sasl.login import Login
from postroad.sasl.mechanism import Challenge, Credentials, Malformed, Mechanism, Step
from postroad.sasl.plain import Plain

__all__ = ["MECHANISMS", "Challenge", "Credentials", "Malformed", "Mechanism", "Step"]

MECHANISMS: dict[str, Callable[[], Mechanism]] = {
    "PLAIN": Plain,
    "LOGIN": Login,
}
"""Name -> what begins an exchange."""
