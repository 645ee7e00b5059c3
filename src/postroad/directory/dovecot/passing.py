"""Logins that Dovecot judges by mechanisms which it speaks itself, as it does for Postfix.

Postfix knows no mechanism: what the client says goes to Dovecot (`AUTH`, `CONT`), and what Dovecot
says goes back, until it says whose it is (`OK`, `user=`) or that it is nobody's (`FAIL`). So
mechanisms work here that Dovecot has and we have not, and those that need a secret which only
Dovecot keeps (Dovecot's wiki, "Authentication Protocol"; Postfix's `xsasl_dovecot_server.c`).

The last words of some mechanisms tell the client that its proof was right (SCRAM, DIGEST-MD5).
Dovecot is asked (`final-resp-ok`) to say them together with whose it is, so that somebody can still
decide not to send them on. One that does not know this sends them as any other challenge.

What is in the octets is not looked at, and appears in no error text.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable, Mapping

from postroad.directory.dovecot.connection import Answer, DovecotSocket, Talk
from postroad.directory.interface import DirectoryUnavailable, Origin
from postroad.model.ip_address import is_ip_address
from postroad.net.dovecot_lines import named
from postroad.sasl import Challenge, Malformed, Proved, Refuted, Step

__all__ = ["PENALTY", "DovecotLogin", "is_barred", "is_temporary", "told_of"]

PENALTY = 20.0
"""Seconds beyond the usual that an answer may take where Dovecot knows the client's address: it
lets an address that guesses wait up to 15 (`AUTH_PENALTY_MAX_SECS`), and tells of a failure after
another 2 (`auth_failure_delay`)."""

_TEMPORARY = frozenset({"temp", "temp_fail"})
"""What Dovecot calls a failure that is its own: up to 2.2, and since (its wiki, "Authentication
Protocol"); the first as a field, the second as the value of `code`."""


class DovecotLogin:
    """Implements `PassedLogin`.

    Args:
        socket: for logins.
        mechanism: one that Dovecot has.
        origin: where the login comes from.
        canonical: the account's name, of Dovecot's.
    """

    def __init__(
        self,
        socket: DovecotSocket,
        mechanism: str,
        origin: Origin,
        canonical: Callable[[str], str],
    ) -> None:
        self._socket = socket
        self._mechanism = mechanism
        self._origin = origin
        self._canonical = canonical
        self._talk: Talk | None = None
        self._user = ""

    @property
    def user(self) -> str:
        """See `PassedLogin.user`."""
        return self._user

    async def step(self, data: bytes | None) -> Step:
        """See `PassedLogin.step`."""
        if self._user:  # the client was told that it is right, and has nothing to add
            return Malformed("nothing was left to say") if data else Proved(self._user, "")
        if self._talk is None:
            return self._heard(await self._begin(data))
        return self._heard(await self._talk.ask("CONT", _base64(data or b"")))

    def abandon(self) -> None:
        """See `PassedLogin.abandon`: Dovecot would wait for its end."""
        if self._talk is not None:
            self._talk.tell("CANCEL")
            self._talk = None

    async def _begin(self, data: bytes | None) -> Answer:
        if self._mechanism not in await self._socket.mechanisms():
            raise DirectoryUnavailable(f"Dovecot does not offer {self._mechanism}: auth_mechanisms")
        told = [*told_of(self._origin), "final-resp-ok"]
        if self._origin.secured:
            told.append("secured")
        if data is not None:
            told.append(f"resp={_base64(data)}")  # the last: Dovecot reads no further
        longer = PENALTY if self._origin.address else 0.0
        answer, self._talk = await self._socket.talk("AUTH", self._mechanism, *told, longer=longer)
        return answer

    def _heard(self, answer: Answer) -> Step:
        verb, texts = answer
        if verb == "CONT":
            return Challenge(_octets("".join(texts[:1])))
        self._talk = None
        said = named(texts)
        if verb == "OK" and is_barred(said):
            return Refuted(said.get("user", ""))
        if verb == "OK" and said.get("user"):
            self._user = self._canonical(said["user"])
            if "resp" in said:
                return Challenge(_octets(said["resp"]), proved=True)
            return Proved(self._user, "")
        if verb != "FAIL" or is_temporary(said):
            raise DirectoryUnavailable(f"Dovecot cannot judge {self._mechanism}: {verb} temp")
        return Refuted(said.get("user", ""))


def told_of(origin: Origin) -> list[str]:
    """What Dovecot is told of where a login comes from, as Postfix tells it.

    Who is counted and slowed down by his address has one; for others Dovecot's own penalty would
    let everybody wait for one who guesses.
    """
    told = ["service=smtp", "nologin"]
    if not is_ip_address(origin.address):
        return [*told, "no-penalty"]
    told.append(f"rip={origin.address}")
    if origin.port:
        told.append(f"rport={origin.port}")
    if is_ip_address(origin.server_address):
        told += [f"lip={origin.server_address}", f"lport={origin.server_port}"]
    if origin.session:
        told.append(f"session={origin.session}")
    return told


def is_barred(said: Mapping[str, str]) -> bool:
    """Whether somebody may not log in although his proof is right (Dovecot's `nologin`).

    With `proxy` or `host` beside it he may, at another server than that of his mail: these come
    first ("Nologin extra field" in Dovecot's documentation).

    Args:
        said: the fields of OK, by name.
    """
    return "nologin" in said and said.keys().isdisjoint({"proxy", "host"})


def is_temporary(said: Mapping[str, str]) -> bool:
    """Whether a failure is Dovecot's own.

    Args:
        said: the fields of FAIL, by name.
    """
    return "temp" in said or said.get("code") in _TEMPORARY


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")


def _octets(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Error, ValueError) as error:
        raise DirectoryUnavailable("Dovecot's challenge is not base64") from error
