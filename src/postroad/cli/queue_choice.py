"""Which messages an operator means: the words of the command line for it, and what they choose."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.refusal import Refusal

if TYPE_CHECKING:
    from postroad.config import Configuration
    from postroad.spool import Choice, Inventory

__all__ = ["Login", "QueueIds", "Sender", "chosen", "inventory"]

NULL_SENDERS = frozenset({"", "mailer-daemon"})
"""How the null reverse-path may be written; the second is how a listing shows it."""

QueueIds = Annotated[
    list[str] | None, typer.Argument(metavar="[ID...]", help="Queue IDs of messages.")
]
Login = Annotated[
    str | None,
    typer.Option("--login", metavar="USER", help="Only what this account's own login submitted."),
]
Sender = Annotated[
    str | None,
    typer.Option(
        "--sender", metavar="ADDRESS", help="Only mail from this reverse-path; <> is the null one."
    ),
]


def chosen(
    queue_ids: list[str] | None = None,
    *,
    login: str | None = None,
    sender: str | None = None,
    held: bool = False,
) -> Choice:
    """What the words choose.

    Raises:
        Refusal: the sender is no address.
    """
    from postroad.spool import Choice

    names = frozenset(queue_id.upper() for queue_id in queue_ids) if queue_ids else None
    return Choice(names, login, None if sender is None else _reverse_path(sender), held)


def inventory(configuration: Configuration) -> Inventory:
    """The queue as it is, beside the server."""
    from postroad.spool import Inventory, shard_directories

    return Inventory(shard_directories(configuration.spool_directory))


def _reverse_path(text: str) -> str:
    """The sender as the spool spells it."""
    from postroad.model import Address, AddressError

    bare = text.strip().removeprefix("<").removesuffix(">")
    if bare.lower() in NULL_SENDERS:
        return ""
    try:
        address = Address.parse(bare)
    except AddressError as error:
        raise Refusal(f"{text}: {error}", os.EX_DATAERR) from None
    return f"{address.local}@{address.domain}"
