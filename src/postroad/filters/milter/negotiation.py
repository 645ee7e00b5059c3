"""What a mail server and a milter agree on before anything else (OPTNEG).

We offer what we can do; the milter answers with what it wants of that: the changes it may make, the
steps it does not want to hear of, and those it will not answer. It must not want more than it was
offered. Postfix offers the same.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag

from postroad.filters.milter.packets import Command, Garbage, long, packet

__all__ = ["NEWEST", "OLDEST", "STAGES", "Actions", "Agreement", "Steps", "agreed", "offer"]

OLDEST, NEWEST = 2, 6
"""Versions of the protocol. There has been no milter of the first for twenty years."""


class Actions(IntFlag):
    """What a milter may do to a message (SMFIF_)."""

    ADD_FIELDS = 0x01
    CHANGE_BODY = 0x02
    ADD_RECIPIENTS = 0x04
    REMOVE_RECIPIENTS = 0x08
    CHANGE_FIELDS = 0x10
    QUARANTINE = 0x20
    CHANGE_SENDER = 0x40
    ADD_RECIPIENTS_WITH_PARAMETERS = 0x80
    CHOOSE_MACROS = 0x100


class Steps(IntFlag):
    """What a milter is not told (`NO_`), what it will not answer (`NR_`), and how (SMFIP_).

    `REFUSED_RECIPIENTS` is the other way round: it wants to hear of those too.
    """

    NO_CONNECT = 0x01
    NO_HELO = 0x02
    NO_MAIL = 0x04
    NO_RCPT = 0x08
    NO_BODY = 0x10
    NO_HEADER = 0x20
    NO_END_OF_HEADER = 0x40
    NR_HEADER = 0x80
    NO_UNKNOWN = 0x100
    NO_DATA = 0x200
    SKIP = 0x400
    REFUSED_RECIPIENTS = 0x800
    NR_CONNECT = 0x1000
    NR_HELO = 0x2000
    NR_MAIL = 0x4000
    NR_RCPT = 0x8000
    NR_DATA = 0x10000
    NR_UNKNOWN = 0x20000
    NR_END_OF_HEADER = 0x40000
    NR_BODY = 0x80000
    LEADING_BLANK = 0x100000


_IN_2 = Steps(0x7F)
_IN_3 = _IN_2 | Steps.NO_UNKNOWN
_IN_4 = _IN_3 | Steps.NO_DATA | Steps.NR_HEADER
_STEPS = {2: _IN_2, 3: _IN_3, 4: _IN_4, 5: _IN_4, 6: Steps(0x1FFFFF)}

_ACTIONS_IN_2 = Actions(0x3F)
_ACTIONS = {2: _ACTIONS_IN_2, 3: _ACTIONS_IN_2, 4: _ACTIONS_IN_2, 5: _ACTIONS_IN_2}

STAGES = ("connect", "helo", "mail", "rcpt", "data", "end_of_message", "end_of_header")
"""Where macros are told, in the order of their numbers (SMFIM_)."""

_MOST_MACROS = 64  # names that a milter may choose for one stage; there are some thirty in all


@dataclass(frozen=True, slots=True)
class Agreement:
    """What holds for a connection.

    Attributes:
        version: of the protocol.
        actions: what the milter may do.
        steps: what it is not told, and will not answer.
        macros: the names that it wants to be told, for each stage that it said something of.
    """

    version: int
    actions: Actions
    steps: Steps
    macros: dict[str, tuple[str, ...]]

    def silent(self, step: Steps) -> bool:
        """Whether one of these bits was agreed on."""
        return int(self.steps) & int(step) != 0  # asked at every step: no third flag is made


def offer(version: int) -> bytes:
    """The packet that offers all that there is.

    Args:
        version: the newest one to offer, `OLDEST` to `NEWEST`.
    """
    actions, steps = _ACTIONS.get(version, Actions(0x1FF)), _STEPS[version]
    return packet(Command.NEGOTIATE, struct.pack("!III", version, actions, steps))


def agreed(data: bytes, version: int) -> Agreement:
    """What a milter's answer comes to.

    Args:
        data: of its packet.
        version: what was offered.

    Steps that were not offered are let pass, as Postfix does: old libraries set bits of their own.

    Raises:
        Garbage: it is no answer, or wants to do what was not offered.
    """
    chosen, rest = long(data)
    actions, rest = long(rest)
    steps, rest = long(rest)
    if not OLDEST <= chosen <= version:
        raise Garbage(f"version {chosen} of the protocol, where {version} was offered")
    offered = _ACTIONS.get(version, Actions(0x1FF))
    if unoffered := actions & ~int(offered):  # a Flag's complement would leave out unknown bits
        raise Garbage(f"it wants to do what it was not offered: {unoffered:#x}")
    wanted = Actions(actions)
    macros = _chosen(rest) if Actions.CHOOSE_MACROS & wanted else {}
    return Agreement(chosen, wanted, Steps(steps), macros)


def _chosen(data: bytes) -> dict[str, tuple[str, ...]]:
    """The lists of macros that follow an answer, each with the number of its stage (SETSYMLIST)."""
    macros: dict[str, tuple[str, ...]] = {}
    while data:
        stage, data = long(data)
        names, end, data = data.partition(b"\0")
        if not end:
            raise Garbage("a list of macros that is none")
        if stage >= len(STAGES):
            continue  # of a library that knows more than we offer; Postfix passes it over, too
        macros[STAGES[stage]] = tuple(names.decode("ascii", "replace").split()[:_MOST_MACROS])
    return macros
