"""Somebody of whom almost nothing is known, for the relay proof to ask restrictions about.

A restriction is a function of `Facts` and an `Oracle`. Here are facts that hold what is known of a
stranger, and nothing else: whatever he chooses raises `Unknown` when it is looked at. A restriction
that looks at none of it says what it says to every stranger; of one that looks, this module tells
that it looked. Nothing here knows what restrictions there are, nor what follows from an answer.

The unknown is no text and no address that could stand for others by mistake: an opaque value has
its identity, which says that it is not `None`, and nothing more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from dataclasses import dataclass, fields
from typing import NoReturn, cast

from postroad.mailauth.spf.result import SpfVerdict
from postroad.model import Address, Client, ClientCertificate, Login, TlsSession
from postroad.policy.answer import Answer
from postroad.policy.facts import Elsewhere, Facts, LookupUnavailable, Oracle, Verification
from postroad.policy.restriction import Check

__all__ = [
    "ANYBODY",
    "STRANGER",
    "TRUSTED",
    "Party",
    "Unknown",
    "Value",
    "answer_to",
    "answer_with",
]


class Unknown(Exception):
    """A restriction looked at something that the stranger chooses: neither yes nor no."""


class _Opaque:
    """Something that is there, and that is all that is known.

    It is no `str` and no `Address`: nothing, not even code in C, can read a value from it. What
    it equals, hashes to, is formatted as or is an instance of is unknown too; only its identity
    is known, and that it is not `None`.
    """

    __slots__ = ()

    def _refuse(self, *_args: object) -> NoReturn:
        raise Unknown

    __class__ = property(_refuse)  # what isinstance asks for
    __getattr__ = __getitem__ = __contains__ = __iter__ = __len__ = __bool__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __str__ = __repr__ = __format__ = _refuse


class _ForeignAddress(_Opaque):
    """The stranger's recipient: only that its domain is not ours is known."""

    __slots__ = ("domain",)

    def __init__(self) -> None:
        self.domain = _Opaque()


class _Encryption(_Opaque):
    """The TLS of somebody who shows no certificate that we could trust."""

    __slots__ = ("client_certificate",)

    def __init__(self) -> None:
        self.client_certificate = None


_FOREIGN = _ForeignAddress()
_ENCRYPTION = _Encryption()
_FIELDS = frozenset(field.name for field in fields(Facts))


class _Known(Facts):
    """Facts of which some are known; to look at any other raises `Unknown`."""

    __slots__ = ("_known",)

    def __init__(self, **known: object) -> None:
        given = {"recipient": _FOREIGN, "mail": True, "etrn": "", "state": "RCPT", **known}
        object.__setattr__(self, "_known", given)

    def __getattribute__(self, name: str) -> object:
        if name not in _FIELDS:
            return object.__getattribute__(self, name)
        known: dict[str, object] = object.__getattribute__(self, "_known")
        if name not in known:
            raise Unknown
        return known[name]


_SAMPLE = Facts(
    Client("::1", 40_000, "x", "x"),
    helo="x",
    login=Login("x", "PLAIN"),
    tls=TlsSession(
        "", "", 0, client_certificate=ClientCertificate(fingerprint="0", key_fingerprint="0")
    ),
    mail=True,
    sender=Address("x", "x"),
    recipient=Address("x", "x"),
)
"""Somebody who has everything that a table could be asked for, under few keys."""


@dataclass(frozen=True, slots=True)
class Party:
    """Whom the proof asks for.

    Attributes:
        cases: the facts, one for each case that is told apart; together all that there are.
        is_stranger: whether it is somebody without a login and a certificate who is not at one of
            our own addresses; otherwise it may be anybody at all.
    """

    cases: tuple[Facts, ...]
    is_stranger: bool


def _stranger(*, trusted: bool) -> Party:
    plain = _Known(login=None, trusted=trusted, tls=None)
    encrypted = _Known(login=None, trusted=trusted, tls=_ENCRYPTION)
    return Party((plain, encrypted), is_stranger=True)


STRANGER = _stranger(trusted=False)
TRUSTED = _stranger(trusted=True)
"""A stranger but for his network."""
ANYBODY = Party((_Known(),), is_stranger=False)


# Whom restrictions may ask ----------------------------------------------------------------------


class _Accounts:
    """Knows that the recipient's domain is not ours; of everything else, nothing."""

    async def is_local(self, domain: str) -> bool:
        if cast("object", domain) is _FOREIGN.domain:
            return False
        raise Unknown

    async def is_listed(self, _address: Address) -> bool | Elsewhere:
        raise Unknown

    async def owns(self, _user: str, _address: Address) -> bool:
        raise Unknown

    async def has_owner(self, _address: Address) -> bool:
        raise Unknown


class _Nobody:
    """Knows nothing that a stranger could not choose."""

    async def records(self, _name: str, _kind: str) -> tuple[str, ...]:
        raise Unknown

    async def find(self, _table: str, _key: str) -> str | None:
        raise Unknown

    def takes_parts(self, _table: str) -> bool:
        raise Unknown

    async def ask(self, _service: str, _attributes: object) -> str:
        raise Unknown

    async def verify(self, _address: Address, *, sender: bool) -> Verification:  # noqa: ARG002
        raise Unknown

    async def greylist(self, _client_address: str, _sender: str, _recipient: str) -> float:
        raise Unknown

    async def pause(self, _seconds: float) -> None:
        pass

    async def spf(self, _address: str, _sender: str, _helo: str) -> SpfVerdict:
        raise Unknown


@dataclass(frozen=True, slots=True)
class Value:
    """A table that has one value for every key.

    Attributes:
        text: the value; `None` where it has nothing.
        is_away: whether it cannot be asked.
    """

    text: str | None = None
    is_away: bool = False

    async def find(self, _table: str, _key: str) -> str | None:
        """The value."""
        if self.is_away:
            raise LookupUnavailable
        return self.text

    def takes_parts(self, _table: str) -> bool:
        """Whatever is asked."""
        return True


_ACCOUNTS = _Accounts()
_NOBODY = _Nobody()
_ORACLE = Oracle(_ACCOUNTS, _NOBODY, _NOBODY, _NOBODY, _NOBODY)


def answer_to(check: Check, facts: Facts) -> Answer:
    """What a restriction says.

    Raises:
        Unknown: that depends on what is not known.
    """
    return _outcome(check(facts, _ORACLE))


def answer_with(check: Check, table: Value) -> Answer:
    """What a restriction that asks a table says to what the table says.

    Raises:
        Unknown: that depends on something else too.
    """
    return _outcome(check(_SAMPLE, Oracle(_ACCOUNTS, _NOBODY, table, _NOBODY, _NOBODY)))


def _outcome(asked: Awaitable[Answer]) -> Answer:
    """The result of a coroutine that never has to wait, because the oracle never does.

    Raises:
        Unknown: it looked at what is not known, or waits for somebody else.
    """
    coroutine = cast("Coroutine[object, None, Answer]", asked)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("Answer", stop.value)
    except TypeError as error:  # code that insists on a real text was given none
        raise Unknown from error
    coroutine.close()
    raise Unknown
