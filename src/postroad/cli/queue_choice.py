"""Which messages an operator means: the words of the command line for it, and what they choose.

Every command of the queue takes the same words, so they stand here once: `choosing` gives them to a
command's signature, where typer finds them, and hands them over as one value.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.refusal import Refusal, usage

if TYPE_CHECKING:
    from postroad.config import Configuration
    from postroad.spool import Choice, Inventory

__all__ = ["Status", "Words", "choosing", "inventory"]

NULL_SENDERS = frozenset({"", "mailer-daemon"})
"""How the null reverse-path may be written; the second is how a listing shows it."""

SIZES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}


class Status(Enum):
    """Where a message is; the words of `spool.Standing`, which is too dear to load for `--help`."""

    DEFERRED = "deferred"
    ACTIVE = "active"
    HELD = "held"
    WAITING = "waiting"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the command line says of the messages that are meant.

    Attributes:
        queue_ids: the words that are no option.
        login, sender, recipient, domain, client, older, younger, larger, status, reason: the
            options of these names; `None` where they were not used.
    """

    queue_ids: list[str] | None = None
    login: str | None = None
    sender: str | None = None
    recipient: str | None = None
    domain: str | None = None
    client: str | None = None
    older: str | None = None
    younger: str | None = None
    larger: str | None = None
    status: Status | None = None
    reason: str | None = None

    @property
    def filters(self) -> bool:
        """Whether an option narrows down what is meant."""
        names = (field.name for field in fields(self) if field.name != "queue_ids")
        return any(getattr(self, name) is not None for name in names)

    @property
    def means_all(self) -> bool:
        """Whether options were used, and all that they say is `*`."""
        names = (field.name for field in fields(self) if field.name != "queue_ids")
        said = [value for name in names if (value := getattr(self, name)) is not None]
        return bool(said) and all(map(_says_nothing, said))

    @property
    def choice(self) -> Choice:
        """What they choose.

        Raises:
            Refusal: a word is not what its option takes.
        """
        from postroad.spool import Choice, Standing
        from postroad.spool.choosing import condition

        now = time.time()
        names = frozenset(each.upper() for each in self.queue_ids) if self.queue_ids else None
        choice = Choice(
            names,
            self.login,
            None if self.sender is None else _address(self.sender),
            recipient=None if self.recipient is None else _address(self.recipient),
            domain=None if self.domain is None else self.domain.removeprefix("@"),
            client=None if self.client is None else _client(self.client),
            before=None if self.older is None else now - _age(self.older),
            after=None if self.younger is None else now - _age(self.younger),
            larger=None if self.larger is None else _size(self.larger),
            standing=None if self.status is None else Standing(self.status.value),
            said=self.reason,
        )
        try:
            condition(choice, now)
        except ValueError as error:
            raise usage(str(error)) from None
        return choice


OPTIONS: Mapping[str, object] = {
    "login": Annotated[
        str | None,
        typer.Option(
            "--login", "--user", metavar="USER", help="Only what this account's login submitted."
        ),
    ],
    "sender": Annotated[
        str | None,
        typer.Option(
            "--sender", metavar="ADDRESS", help="Only from this reverse-path; <> is the null one."
        ),
    ],
    "recipient": Annotated[
        str | None,
        typer.Option("--recipient", metavar="ADDRESS", help="Only for this recipient."),
    ],
    "domain": Annotated[
        str | None,
        typer.Option("--domain", metavar="DOMAIN", help="Only for recipients in this domain."),
    ],
    "client": Annotated[
        str | None,
        typer.Option("--client", metavar="ADDRESS", help="Only what came from this IP address."),
    ],
    "older": Annotated[
        str | None,
        typer.Option("--older", metavar="AGE", help="Only what came longer ago: 2d, 1h30m."),
    ],
    "younger": Annotated[
        str | None, typer.Option("--younger", metavar="AGE", help="Only what came since: 30m.")
    ],
    "larger": Annotated[
        str | None,
        typer.Option("--larger", metavar="SIZE", help="Only with more octets: 500k, 10m."),
    ],
    "status": Annotated[
        Status | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="Only what is deferred, active, held, waiting (its sender wants it later) or"
            " damaged.",
        ),
    ],
    "reason": Annotated[
        str | None,
        typer.Option("--reason", metavar="TEXT", help="Only where the last reply contains this."),
    ],
}
"""The options that narrow down what is meant. In a text `*` stands for anything."""

QUEUE_IDS = Annotated[
    list[str] | None, typer.Argument(metavar="[ID...]", help="Queue IDs of messages.")
]


def choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the words that choose messages.

    Args:
        command: takes the context, `words`, and keyword-only options of its own.
    """
    own = inspect.signature(command, eval_str=True).parameters
    keyword_only, by_name = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    context, *others = (each for each in own.values() if each.name != "words")
    parameters = [
        context,
        inspect.Parameter("queue_ids", by_name, default=None, annotation=QUEUE_IDS),
        *(
            inspect.Parameter(name, keyword_only, default=None, annotation=annotation)
            for name, annotation in OPTIONS.items()
        ),
        *others,
    ]

    def called(**given: object) -> None:
        said = {name: given.pop(name) for name in ("queue_ids", *OPTIONS)}
        words = Words(**said)  # type: ignore[arg-type]  # typer has read them by the same table
        command(words=words, **given)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called


def inventory(configuration: Configuration) -> Inventory:
    """The queue as it is, beside the server."""
    from postroad.spool import Inventory, shard_directories

    return Inventory(shard_directories(configuration.spool_directory))


def _says_nothing(value: object) -> bool:
    """Whether a text is nothing but wildcards; `*@*` and `*.*` are, the null sender is not."""
    return isinstance(value, str) and "*" in value and not value.strip("<*@.:>")


def _address(text: str) -> str:
    """An address as the spool spells it; one with wildcards as it is."""
    from postroad.model import Address, AddressError

    bare = text.strip().removeprefix("<").removesuffix(">")
    if bare.lower() in NULL_SENDERS:
        return ""
    if "*" in bare:
        return bare
    try:
        address = Address.parse(bare)
    except AddressError as error:
        raise Refusal(f"{text}: {error}", os.EX_DATAERR) from None
    return f"{address.local}@{address.domain}"


def _client(text: str) -> str:
    """An IP address as the spool spells it; one with wildcards as it is."""
    from ipaddress import ip_address

    if "*" in text:
        return text.lower()
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        raise Refusal(f"{text}: not an IP address, nor one with *", os.EX_DATAERR) from None


def _age(text: str) -> float:
    from postroad.model.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise Refusal(f"{text}: {error}", os.EX_DATAERR) from None


def _size(text: str) -> int:
    number = text.lower().removesuffix("b").rstrip("kmg")
    unit = text.lower().removesuffix("b")[len(number) :]
    if not (number.isascii() and number.isdecimal()) or unit not in SIZES or len(number) > 15:
        raise Refusal(
            f'{text}: a size is a number of octets, or text such as "500k" or "10m"', os.EX_DATAERR
        )
    return int(number) * SIZES[unit]
