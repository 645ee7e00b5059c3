"""Which messages a change means, as JSON on its way to a worker, and in words for the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from postroad.admin.control import Request
from postroad.spool import Choice, Standing

__all__ = ["read_choice", "request_of", "string", "whose"]

_TEXTS = {
    "login": "login",
    "sender": "sender",
    "held_for": "reason",
    "recipient": "recipient",
    "domain": "domain",
    "client": "client",
    "said": "said",
}
_NUMBERS = {"before": "before", "after": "after", "larger": "larger"}
"""The keys of a request, and the fields of a `Choice` that they become."""

_WORDS: Mapping[str, Callable[[Choice], str]] = {
    "login": lambda choice: f"submitted by {choice.login}",
    "sender": lambda choice: f"from <{choice.sender}>",
    "recipient": lambda choice: f"to <{choice.recipient}>",
    "domain": lambda choice: f"of {choice.domain}",
    "client": lambda choice: f"that came from {choice.client}",
    "standing": lambda choice: (
        f"that are {'' if choice.standing is None else choice.standing.value}"
    ),
    "said": lambda choice: f'with "{choice.said}" in the last reply',
    "larger": lambda choice: f"of more than {choice.larger} octets",
}


def request_of(choice: Choice) -> Request:
    """A choice as `read_choice` takes it."""
    names, standing = choice.queue_ids, choice.standing
    fields = (_TEXTS | _NUMBERS).items()
    return {
        "queue_ids": None if names is None else sorted(names),
        **{key: getattr(choice, field) for key, field in fields},
        "held": choice.held,
        "standing": None if standing is None else standing.value,
    }


def read_choice(request: Request) -> Choice:
    """The choice of a request.

    Raises:
        ValueError: it is none.
    """
    standing = string(request, "standing")
    larger = _number(request, "larger")
    return Choice(
        _names(request),
        held=request.get("held") is True,
        standing=None if standing is None else Standing(standing),
        before=_number(request, "before"),
        after=_number(request, "after"),
        larger=None if larger is None else int(larger),
        **{field: string(request, key) for key, field in _TEXTS.items()},
    )


def whose(choice: Choice) -> str:
    """Which messages, for the log; what only bounds them in time is left out."""
    said = [words(choice) for field, words in _WORDS.items() if getattr(choice, field) is not None]
    return "".join(f" {each}" for each in said)


def string(request: Request, key: str) -> str | None:
    """A text of a request.

    Raises:
        ValueError: it is something else.
    """
    value = request.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} must be a string")
    return value


def _names(request: Request) -> frozenset[str] | None:
    value = request.get("queue_ids")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("queue_ids must be a list of strings")
    return frozenset(value)


def _number(request: Request, key: str) -> float | None:
    value = request.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise ValueError(f"{key} must be a number")
    return value
