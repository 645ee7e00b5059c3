"""A milter as configured: what its sessions need of it and of the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from postroad.filters.milter.allowance import Allowance
from postroad.filters.place import Place
from postroad.filters.settings import FilterSettings
from postroad.model import Address
from postroad.model.journal import Journal
from postroad.spool import Aside

__all__ = ["Setup", "Way"]

Way = Callable[[Address], Awaitable[tuple[str, str]]]
"""Finds transport and next hop of mail for an address; empty texts where they are not known now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A milter as configured.

    Attributes:
        name: how configuration and log name it.
        place: where it listens.
        settings: its keys.
        hostname: our name.
        version: what we are called, with our version.
        origin: the domain of addresses that it names without one.
        largest_body: octets of a body that it may put in place of another.
        journal: where events go.
        way: finds where mail for an address goes; `None`: nobody does.
        aside: makes room for a large new body; `None`: there is none.
        allowance: memory that it may have us keep for all messages.
    """

    name: str
    place: Place
    settings: FilterSettings
    hostname: str
    version: str
    origin: str
    largest_body: int
    journal: Journal
    way: Way | None = None
    aside: Callable[[], Aside] | None = None
    allowance: Allowance = field(default_factory=Allowance)
