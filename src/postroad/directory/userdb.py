"""What Dovecot's userdb fields say of where an account's mail lies, read into a `Place`.

`home`, `mail`, `uid`, `gid` and `quota_rule` have the same meaning wherever they come from: a line
of a passwd-file, a row of a query, an answer over a socket. What is said of other folders than the
whole mailbox has no counterpart here. Numbers come as text, names of users and groups are looked
up by a function that is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from postroad.directory.interface import Place

__all__ = ["UserdbMistake", "place_of", "quota_of"]

_SIZE = re.compile(r"([0-9]{1,18})\s*([bBkKmMgGtT]?)[bB]?\Z")
_UNITS = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_NUMBER = re.compile(r"[0-9]{1,10}\Z")
MAX_ID = 2**32 - 2  # of a user or a group; the next number means "no change" to chown(2)


class UserdbMistake(ValueError):
    """A field that cannot be used; the message is for the operator."""


def _no_names(name: str) -> int:
    raise KeyError(name)


def place_of(
    fields: Mapping[str, str],
    *,
    user: Callable[[str], int] = _no_names,
    group: Callable[[str], int] = _no_names,
) -> Place:
    """The place that fields say.

    Args:
        fields: by their names in Dovecot, without `userdb_`; others than those are not looked at.
        user: the number of a user's name; raises `KeyError`.
        group: the same of a group's.

    Raises:
        UserdbMistake: one cannot be read.
    """
    octets, messages = quota_of(
        value
        for key, value in fields.items()
        if key == "quota_rule" or (key.startswith("quota_rule") and key[10:].isdigit())
    )
    if fields.get("quota_storage_size"):  # as Dovecot 2.4 has it
        octets = _size(fields["quota_storage_size"], 1)
    return Place(
        home=fields.get("home", ""),
        mail=fields.get("mail", ""),
        uid=_identity("uid", fields.get("uid", ""), user),
        gid=_identity("gid", fields.get("gid", ""), group),
        quota_bytes=octets,
        quota_messages=messages,
    )


def quota_of(rules: object) -> tuple[int | None, int | None]:
    """Octets and messages that Dovecot's quota rules allow; `None`: they say nothing, or no limit.

    Args:
        rules: texts such as `*:storage=1G:messages=1000`; those of single folders do not count.

    Raises:
        UserdbMistake: one cannot be read.
    """
    octets: int | None = None
    messages: int | None = None
    for rule in rules if not isinstance(rules, str) else (rules,):  # type: ignore[attr-defined]
        folder, *limits = str(rule).split(":")
        if folder.strip() not in {"*", "?"}:
            continue
        for limit in limits:
            key, equals, value = limit.partition("=")
            if key == "ignore" or not limit:
                continue
            if not equals or key not in {"storage", "bytes", "messages"}:
                raise UserdbMistake(
                    f'quota_rule: expected "*:storage=1G" or "*:messages=1000", not "{rule}"'
                )
            # A number alone is kilobytes for `storage` and octets for `bytes`.
            if key == "messages":
                messages = _size(value, 1) or None
            else:
                octets = _size(value, 1024 if key == "storage" else 1) or None
    return octets, messages


def _size(text: str, unit: int) -> int:
    found = _SIZE.match(text.strip())
    if found is None:
        raise UserdbMistake(f'a quota is a number with B, K, M, G or T behind it, not "{text}"')
    number, suffix = int(found[1]), found[2].lower()
    return number * (_UNITS[suffix] if suffix else unit)


def _identity(key: str, text: str, number_of: Callable[[str], int]) -> int | None:
    """A number, or the number of a name; root's is nobody's who gets mail."""
    if not text:
        return None
    try:
        number = int(text) if _NUMBER.match(text) else number_of(text)
    except KeyError:
        raise UserdbMistake(f'{key}: there is no user or group "{text[:40]}" here') from None
    if not 0 < number <= MAX_ID:
        raise UserdbMistake(f"{key}: {number} is root's or out of range; no mail is kept as that")
    return number
