"""A submission listener where every mechanism can be had, a guard that remembers, and a client."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Sequence

from fake_connection import TLS, FakeConnection
from postroad.directory import DirectoryUnavailable
from postroad.model import Client as Source
from postroad.model import ClientCertificate, TlsSession
from postroad.sasl import MECHANISMS, CramSecret
from postroad.server.authorization import ActAs
from postroad.server.logins import Logins
from postroad.server.session import Session
from scram_client import ScramClient
from session_world import World

WELCOME = "235 2.7.0 Authentication successful\r\n"
WRONG = "535 5.7.8 Error: authentication failed: wrong name or password\r\n"
NOT_AS_OTHERS = "535 5.7.8 Error: authentication failed: acting as another user is not allowed\r\n"
LATER = "454 4.7.0 Temporary authentication failure\r\n"
BINDINGS = {
    "tls-server-end-point": frozenset({b"the certificate's hash"}),
    "tls-unique": frozenset({b"the first Finished"}),
}
CERTIFICATE = ClientCertificate("John", der=b"john's certificate")


class Issuer:
    """Knows one token; while it is away, none."""

    def __init__(self) -> None:
        self.away = False

    async def user_of(self, token: str) -> str | None:
        if self.away:
            raise DirectoryUnavailable("the issuer does not answer")
        return "john@example.org" if token == "johns.token" else None


class Certificates:
    async def user_of_certificate(self, certificate: bytes) -> str | None:
        return "john@example.org" if certificate == b"john's certificate" else None


class Attempts:
    """Nothing is under way."""

    def __init__(self) -> None:
        self.unproved = 0

    def begin(self, address: str, user: str) -> None: ...

    def end(self, address: str, user: str) -> None: ...

    def must_wait(self, address: str, user: str, now: float) -> bool:
        return False

    def asked(self, address: str, now: float, exchanges: int = 1) -> bool:
        self.unproved += exchanges
        return False


class Guard:
    """A guard that is told what to say, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.locked = False
        self.bans = False
        self.banned: set[str] = set()
        self.attempts = Attempts()

    def is_banned(self, user: str, now: float) -> bool:
        return user in self.banned

    def is_locked(self, address: str, user: str, now: float) -> bool:
        return self.locked or self.is_banned(user, now)

    def failed(self, address: str, names: Sequence[str], now: float) -> object | None:
        self.told.append(("failed", address, " ".join(names)))
        return "a ban" if self.bans else None

    def delay(self, address: str, names: Sequence[str], now: float) -> float:
        return 7.0

    def succeeded(self, address: str, names: Sequence[str], now: float) -> None:
        self.told.append(("succeeded", address, " ".join(names)))


class LoginWorld(World):
    """A submission listener where every mechanism can be had."""

    def __init__(self) -> None:
        super().__init__()
        self.issuer = Issuer()
        self.guard = Guard()
        self.directory.passwords["admin@example.org"] = "rootsecret"
        self.logins = Logins(
            mechanisms=tuple(MECHANISMS),
            act_as=ActAs.of({"admin@example.org": ("*@example.org",)}),
            secrets=self.directory,
            tokens=self.issuer,
            certificates=Certificates(),
            fake_key=b"this server's",
            iterations=16,
        )

    async def client(
        self, agreed: TlsSession = TLS, who: Source | None = None, **changes: object
    ) -> Client:
        connection = FakeConnection(who)
        connection.agreed, connection.channel_bindings = agreed, dict(BINDINGS)
        values = {"logins": self.logins} | changes
        session = Session(connection, self.service("submission", **values))  # type: ignore[arg-type]
        self.tasks.append(asyncio.create_task(session.run()))
        await connection.heard()
        client = Client(connection)
        await client.say("EHLO laptop")
        await client.say("STARTTLS")
        client.features = await client.say("EHLO laptop")
        return client


class Client:
    """A client that has STARTTLS behind it."""

    def __init__(self, connection: FakeConnection) -> None:
        self.connection = connection
        self.features = ""

    async def say(self, line: str) -> str:
        return await self.connection.say(line.encode() + b"\r\n")

    async def auth(self, mechanism: str, *responses: bytes | None) -> str:
        """Log in with an initial response (`None` for none) and the responses that follow."""
        initial, *others = responses
        tail = "" if initial is None else f" {in_base64(initial) or '='}"
        answer = await self.say(f"AUTH {mechanism}{tail}")
        for response in others:
            assert response is not None
            answer = await self.say(in_base64(response))
        return answer

    async def scram(self, mechanism: str, scram: ScramClient) -> str:
        answer = await self.auth(mechanism, scram.first())
        if not answer.startswith("334 "):
            return answer
        answer = await self.say(in_base64(scram.final(challenge_of(answer))))
        if not answer.startswith("334 "):
            return answer
        assert scram.believes(challenge_of(answer))
        return await self.say("")

    async def cram(self, name: str, password: str) -> str:
        challenge = challenge_of(await self.auth("CRAM-MD5", None))
        digest = CramSecret.of(password.encode()).digest(challenge).hex()
        return await self.say(in_base64(f"{name} {digest}".encode()))


def in_base64(octets: bytes) -> str:
    return b64encode(octets).decode()


def challenge_of(answer: str) -> bytes:
    assert answer.startswith("334 "), answer
    return b64decode(answer[4:])


def failed(mechanism: str, user: str, reason: str = "authentication failure") -> str:
    return (
        f"warning: mua.example.net[192.0.2.7]: SASL {mechanism} authentication failed: "
        f"{reason}, sasl_username={user}"
    )


# Whom to act as


async def log_in_as(client: Client, mechanism: str, authzid: str, name: str, password: str) -> str:
    if mechanism == "PLAIN":
        return await client.auth("PLAIN", f"{authzid}\0{name}\0{password}".encode())
    header = f"n,a={authzid}," if authzid else "n,,"
    return await client.scram(mechanism, ScramClient(name, password, header=header))
