"""What `relay.py` measures: how mail is sent in each scenario, and how far ahead we want to be.

The figures of two servers say something about each other only where both did the same work in the
same minutes, so a scenario is one load for all of them. `messages` is chosen so that a round of the
slowest takes some seconds: long enough for a figure, short enough that a noisy minute disturbs all.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LIGHT", "LOADS", "Light", "Load"]

_KIB = 1024


@dataclass(frozen=True, slots=True)
class Load:
    """As many messages as the server takes, until the last is delivered.

    Attributes:
        name: for `--scenario`.
        words: what it is, for people.
        sessions: how many clients send at a time.
        messages: how many in all, in a round.
        size: octets of each.
        kept: a client sends all its messages over one connection, instead of one for each.
        wanted: how many times Postfix's messages a second; 0: no aim of its own.
    """

    name: str
    words: str
    sessions: int
    messages: int
    size: int
    kept: bool
    wanted: float


@dataclass(frozen=True, slots=True)
class Light:
    """A few messages a second; how long each takes from the `250` to its delivery.

    Attributes:
        name: for `--scenario`.
        words: what it is, for people.
        messages: how many in a round.
        rate: how many a second.
        size: octets of each.
        wanted: the most that our p99 may be of Postfix's.
    """

    name: str
    words: str
    messages: int
    rate: float
    size: int
    wanted: float


LOADS = (
    Load("20", "20 sessions, a connection for each message", 20, 3000, 4 * _KIB, False, 5.0),
    Load("20-kept", "20 sessions, one connection each", 20, 3000, 4 * _KIB, True, 5.0),
    Load("1", "1 session, a connection for each message", 1, 600, 4 * _KIB, False, 1.5),
    Load("1-kept", "1 session, one connection", 1, 600, 4 * _KIB, True, 1.5),
    Load("100", "100 sessions, a connection for each message", 100, 3000, 4 * _KIB, False, 5.0),
    Load("100-kept", "100 sessions, one connection each", 100, 3000, 4 * _KIB, True, 5.0),
    Load("large", "20 sessions, messages of 1 MiB", 20, 200, 1024 * _KIB, False, 1.0),
)

LIGHT = Light("light", "10 messages a second", 100, 10.0, 4 * _KIB, 1.0)
