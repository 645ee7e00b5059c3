"""Logins as dialogues: every mechanism over the real core and session."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from fake_connection import TLS, FakeConnection
from fake_counters import MemoryCounters
from fake_directory import FakeDirectory
from fake_limits import UNLIMITED, FakeBans, FakeFamiliar, gate
from postroad.directory import DirectoryUnavailable
from postroad.limits.bans import Author, Ban
from postroad.limits.guessing import Guard as RealGuard
from postroad.limits.settings import GuessingSettings, Limits
from postroad.model import Client as Source
from postroad.model import ClientCertificate, TlsSession
from postroad.policy import PolicySettings, build
from postroad.sasl import MECHANISMS, CramSecret, Secret, SecretKind
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
        tail = "" if initial is None else f" {_base64(initial) or '='}"
        answer = await self.say(f"AUTH {mechanism}{tail}")
        for response in others:
            assert response is not None
            answer = await self.say(_base64(response))
        return answer

    async def scram(self, mechanism: str, scram: ScramClient) -> str:
        answer = await self.auth(mechanism, scram.first())
        if not answer.startswith("334 "):
            return answer
        answer = await self.say(_base64(scram.final(_challenge(answer))))
        if not answer.startswith("334 "):
            return answer
        assert scram.believes(_challenge(answer))
        return await self.say("")

    async def cram(self, name: str, password: str) -> str:
        challenge = _challenge(await self.auth("CRAM-MD5", None))
        digest = CramSecret.of(password.encode()).digest(challenge).hex()
        return await self.say(_base64(f"{name} {digest}".encode()))


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode()


def _challenge(answer: str) -> bytes:
    assert answer.startswith("334 "), answer
    return b64decode(answer[4:])


@pytest.fixture
async def world() -> AsyncIterator[LoginWorld]:
    world = LoginWorld()
    yield world
    for task in world.tasks:
        task.cancel()
    await asyncio.gather(*world.tasks, return_exceptions=True)


def failed(mechanism: str, user: str, reason: str = "authentication failure") -> str:
    return (
        f"warning: mua.example.net[192.0.2.7]: SASL {mechanism} authentication failed: "
        f"{reason}, sasl_username={user}"
    )


# What is offered


async def test_mechanisms_are_found_out_after_the_handshake(world: LoginWorld) -> None:
    automatic = replace(world.logins, mechanisms=())
    plain = await world.client(logins=automatic)
    certified = await world.client(replace(TLS, client_certificate=CERTIFICATE), logins=automatic)

    usual = "AUTH PLAIN LOGIN SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2"
    assert f"250-{usual}\r\n" in plain.features
    assert f"250-{usual} EXTERNAL\r\n" in certified.features


async def test_an_account_without_a_verifier_keeps_scram_from_all(world: LoginWorld) -> None:
    world.directory.without_secrets = {"john@example.org"}
    client = await world.client(logins=replace(world.logins, mechanisms=()))

    assert "250-AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2\r\n" in client.features
    assert await client.auth("SCRAM-SHA-256", ScramClient().first()) == (
        "535 5.7.8 Error: authentication failed: Invalid authentication mechanism\r\n"
    )


async def test_the_form_for_broken_clients(world: LoginWorld) -> None:
    client = await world.client(logins=replace(world.logins, broken_clients=True))
    assert "250-AUTH=LOGIN PLAIN\r\n" in client.features


# Each mechanism


@pytest.mark.parametrize("kind", [SecretKind.SCRAM_SHA_1, SecretKind.SCRAM_SHA_256])
@pytest.mark.parametrize("plus", [False, True])
async def test_scram(world: LoginWorld, kind: SecretKind, plus: bool) -> None:
    name = f"{kind.value}-PLUS" if plus else kind.value
    header, data = ("p=tls-server-end-point,,", b"the certificate's hash") if plus else ("n,,", b"")

    client = await world.client()
    scram = ScramClient("JOHN@example.org", kind=kind, header=header, binding=data)
    assert await client.scram(name, scram) == WELCOME

    await client.say("MAIL FROM:<john@example.org>")
    await client.say("RCPT TO:<lisa@example.com>")
    assert (await client.say("DATA")).startswith("354 ")
    assert world.log[-1].endswith(f"sasl_method={name}, sasl_username=john@example.org")


async def test_scram_without_an_initial_response(world: LoginWorld) -> None:
    client, scram = await world.client(), ScramClient()
    assert await client.say("AUTH SCRAM-SHA-256") == "334 \r\n"
    challenge = _challenge(await client.say(_base64(scram.first())))
    assert scram.believes(_challenge(await client.say(_base64(scram.final(challenge)))))
    assert await client.say("") == WELCOME


async def test_a_list_that_was_changed_on_the_way(world: LoginWorld) -> None:
    client = await world.client()
    assert await client.scram("SCRAM-SHA-256", ScramClient(header="y,,")) == WRONG
    reason = "the client was not shown that channel binding is offered"
    assert failed("SCRAM-SHA-256", "john@example.org", reason) in world.log


async def test_cram_md5(world: LoginWorld) -> None:
    client = await world.client()
    challenge = _challenge(await client.auth("CRAM-MD5", None))
    assert challenge.startswith(b"<")
    assert challenge.endswith(b"@mail.example.org>")
    assert await client.say("*") == "501 5.7.0 Authentication aborted\r\n"
    assert await client.cram("John@Example.org", "summersun") == WELCOME


async def test_cram_md5_with_an_initial_response(world: LoginWorld) -> None:
    client = await world.client()
    assert await client.auth("CRAM-MD5", b"john " + b"0" * 32) == (
        "501 5.7.0 Error: CRAM-MD5 takes no initial response\r\n"
    )


XOAUTH2 = b"user=john@example.org\1auth=Bearer %s\1\1"
OAUTHBEARER = b"n,a=john@example.org,\1host=mail.example.org\1auth=Bearer %s\1\1"


@pytest.mark.parametrize(
    ("mechanism", "message", "error"),
    [
        ("XOAUTH2", XOAUTH2, b'{"status": "401", "schemes": "bearer"}'),
        ("OAUTHBEARER", OAUTHBEARER, b'{"status": "invalid_token"}'),
    ],
)
async def test_tokens(world: LoginWorld, mechanism: str, message: bytes, error: bytes) -> None:
    client = await world.client()
    for token in (b"a.wrong.one", b"another"):
        assert _challenge(await client.auth(mechanism, message % token)) == error
        assert await client.say("AQ==") == WRONG
    assert failed(mechanism, "john@example.org", "the token was refused") in world.log
    assert await client.auth(mechanism, None, message % b"johns.token") == WELCOME
    assert not any("token" in line and "johns" in line for line in world.log)


async def test_a_refused_token_counts_before_it_is_acknowledged(world: LoginWorld) -> None:
    client = await world.client(logins=replace(world.logins, guard=world.guard))
    for _ in range(3):
        assert (await client.auth("XOAUTH2", XOAUTH2 % b"a.wrong.one")).startswith("334 ")
        assert (await client.say("*")).startswith("501 5.7.0 ")
    assert world.guard.told == [("failed", "192.0.2.7", "john@example.org")] * 3
    answer = await client.auth("PLAIN", b"\0john@example.org\0wrong")
    assert answer.startswith(WRONG + "421 4.7.0 ")


async def test_a_token_says_who_it_is(world: LoginWorld) -> None:
    client = await world.client()
    assert await client.auth("OAUTHBEARER", b"n,,\1auth=Bearer johns.token\1\1") == WELCOME
    other = await world.client()
    assert (
        await other.auth("XOAUTH2", b"user=admin@example.org\1auth=Bearer johns.token\1\1")
        == NOT_AS_OTHERS
    )


async def test_a_client_certificate(world: LoginWorld) -> None:
    agreed = replace(TLS, client_certificate=CERTIFICATE)
    for responses in ([b""], [None, b""], [b"john"], [b"John@Example.org"]):
        client = await world.client(agreed)
        assert await client.auth("EXTERNAL", *responses) == WELCOME
    client = await world.client(agreed)
    assert await client.auth("EXTERNAL", b"admin@example.org") == NOT_AS_OTHERS


async def test_the_certificate_of_nobody(world: LoginWorld) -> None:
    stranger = ClientCertificate("John", der=b"another")
    client = await world.client(replace(TLS, client_certificate=stranger))
    assert await client.auth("EXTERNAL", b"") == WRONG
    assert failed("EXTERNAL", "", "the certificate is nobody's") in world.log


@pytest.mark.parametrize(
    ("mechanism", "response"),
    [
        ("PLAIN", b"john"),
        ("SCRAM-SHA-256", b"n"),
        ("XOAUTH2", b"\1\1"),
        ("OAUTHBEARER", b"n,,"),
        ("LOGIN", b"\xff"),
    ],
)
async def test_what_is_malformed_is_told(
    world: LoginWorld, mechanism: str, response: bytes
) -> None:
    client = await world.client()
    assert (await client.auth(mechanism, response)).startswith("501 5.5.2 Error: ")
    assert world.pauses == []
    assert (await client.say("NOOP")).startswith("250 ")


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
async def test_every_exchange_can_be_cancelled(world: LoginWorld, mechanism: str) -> None:
    client = await world.client(replace(TLS, client_certificate=CERTIFICATE))
    assert (await client.auth(mechanism, None)).startswith("334 ")
    assert await client.say("*") == "501 5.7.0 Authentication aborted\r\n"
    assert await client.auth("PLAIN", b"\0john@example.org\0summersun") == WELCOME


# Failures that look alike


NAMES = ["john@example.org", "nobody@example.org", "disabled@example.org", "john@elsewhere.example"]


async def attempts(client: Client, name: str) -> list[str]:
    """Everything that is said to a wrong password, salts but for their length left out."""
    heard = [await client.auth("PLAIN", b"\0" + name.encode() + b"\0wrong")]
    scram = ScramClient(name, "wrong")
    challenge = await client.auth("SCRAM-SHA-256", scram.first())
    heard.append("".join(part[:2] for part in _challenge(challenge).decode().split(",")))
    heard.append(str(len(challenge)))
    heard.append(await client.say(_base64(scram.final(_challenge(challenge)))))
    return heard


@pytest.mark.parametrize("name", NAMES[1:])
async def test_nobody_learns_who_has_an_account(world: LoginWorld, name: str) -> None:
    world.directory.passwords["disabled@example.org"] = "summersun"
    world.directory.disabled.add("disabled@example.org")
    known, unknown = await world.client(), await world.client()
    world.logins = replace(world.logins, guard=world.guard)

    assert await attempts(known, NAMES[0]) == await attempts(unknown, name)
    assert world.pauses == [1, 2, 1, 2]


async def test_a_disabled_account_cannot_log_in(world: LoginWorld) -> None:
    world.directory.disabled.add("john@example.org")
    client = await world.client()
    assert await client.auth("PLAIN", b"\0john@example.org\0summersun") == WRONG
    assert await client.scram("SCRAM-SHA-256", ScramClient()) == WRONG


async def test_the_salt_stays_when_an_account_is_locked(world: LoginWorld) -> None:
    """The secret is looked up as ever, and then not believed."""
    logins = replace(world.logins, guard=world.guard)
    client = await world.client(logins=logins)
    free = _challenge(await client.auth("SCRAM-SHA-256", ScramClient().first()))
    await client.say("*")
    world.guard.locked = True
    locked = _challenge(await client.auth("SCRAM-SHA-256", ScramClient().first()))
    assert free.split(b",")[1:] == locked.split(b",")[1:]


LOCKED_WAYS = ["PLAIN", "SCRAM-SHA-256", "CRAM-MD5", "XOAUTH2", "EXTERNAL"]


@pytest.mark.parametrize("mechanism", LOCKED_WAYS)
@pytest.mark.parametrize("locked", [True, False])
async def test_a_locked_account_is_refused_with_the_right_password(
    world: LoginWorld, mechanism: str, locked: bool
) -> None:
    world.guard.locked = locked
    client = await world.client(
        replace(TLS, client_certificate=CERTIFICATE),
        logins=replace(world.logins, guard=world.guard),
    )
    match mechanism:
        case "PLAIN":
            answer = await client.auth("PLAIN", b"\0john@example.org\0summersun")
        case "SCRAM-SHA-256":
            answer = await client.scram(mechanism, ScramClient())
        case "CRAM-MD5":
            answer = await client.cram("john@example.org", "summersun")
        case "XOAUTH2":
            answer = await client.auth("XOAUTH2", XOAUTH2 % b"johns.token")
            answer = await client.say("") if locked else answer
        case _:
            answer = await client.auth("EXTERNAL", b"")
    assert answer == (WRONG if locked else WELCOME)
    outcome = "failed" if locked else "succeeded"
    assert world.guard.told == [(outcome, "192.0.2.7", "john@example.org")]
    assert world.pauses == ([7] if locked else [])


async def test_the_guard_knows_a_name_by_one_form(world: LoginWorld) -> None:
    client = await world.client(logins=replace(world.logins, guard=world.guard))
    await client.auth("PLAIN", b"\0JOHN@Example.org\0wrong")
    await client.auth("PLAIN", b"\0nobody\0wrong")
    await client.auth("PLAIN", b"\0JOHN@Example.org\0summersun")
    assert [(what, user) for what, _, user in world.guard.told] == [
        ("failed", "john@example.org"),
        ("failed", "nobody"),
        ("succeeded", "john@example.org"),
    ]


async def test_a_ban_ends_the_session(world: LoginWorld) -> None:
    world.guard.bans = True
    client = await world.client(logins=replace(world.logins, guard=world.guard))
    answer = await client.auth("PLAIN", b"\0john@example.org\0wrong")
    assert answer == WRONG + "421 4.7.0 mail.example.org Error: too many errors\r\n"
    assert client.connection.closed


async def test_too_many_attempts_and_too_many_sessions(world: LoginWorld) -> None:
    right = b"\0john@example.org\0summersun"
    narrow = gate(Limits(logins_per_address=2, sessions_per_user=1))
    first, second = await world.client(gate=narrow), await world.client(gate=narrow)
    assert await first.auth("PLAIN", right) == WELCOME
    assert (await second.auth("PLAIN", right)).startswith("421 4.7.0 ")
    third = await world.client(gate=narrow)
    assert (await third.auth("PLAIN", right)).startswith("450 4.7.1 ")
    await first.say("QUIT")
    await world.tasks[0]
    world.now += 120
    assert await third.auth("PLAIN", right) == WELCOME


# Whom to act as


async def log_in_as(client: Client, mechanism: str, authzid: str, name: str, password: str) -> str:
    if mechanism == "PLAIN":
        return await client.auth("PLAIN", f"{authzid}\0{name}\0{password}".encode())
    header = f"n,a={authzid}," if authzid else "n,,"
    return await client.scram(mechanism, ScramClient(name, password, header=header))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize(
    ("authzid", "answer"),
    [
        ("", WELCOME),
        ("john@example.org", WELCOME),
        ("John@Example.Org", WELCOME),
        ("john", WELCOME),
        ("admin@example.org", NOT_AS_OTHERS),
        ("john@example.com", NOT_AS_OTHERS),
    ],
)
async def test_authorization_identities(
    world: LoginWorld, mechanism: str, authzid: str, answer: str
) -> None:
    client = await world.client()
    name = "john@example.org"
    assert await log_in_as(client, mechanism, authzid, name, "summersun") == answer
    assert await log_in_as(await world.client(), mechanism, authzid, name, "wrong") == WRONG


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_an_administrator_acts_as_a_user(world: LoginWorld, mechanism: str) -> None:
    client = await world.client()
    admin = ("admin@example.org", "rootsecret")
    assert await log_in_as(client, mechanism, "JOHN@example.org", *admin) == WELCOME
    assert (
        "mua.example.net[192.0.2.7]: admin@example.org logged in by "
        f"{mechanism} to act as john@example.org"
    ) in world.log

    await client.say("MAIL FROM:<john@example.org>")
    await client.say("RCPT TO:<lisa@example.com>")
    await client.say("DATA")
    assert world.log[-1] == (
        f"Q1: client=mua.example.net[192.0.2.7], sasl_method={mechanism}, "
        "sasl_username=john@example.org, sasl_actor=admin@example.org"
    )


@pytest.mark.parametrize("per", ["messages_per_user", "sessions_per_user"])
async def test_who_acts_as_a_user_counts_as_himself(world: LoginWorld, per: str) -> None:
    it = gate(replace(UNLIMITED, **{per: 1}))
    admin, john = ("admin@example.org", "rootsecret"), ("john@example.org", "summersun")
    mail = "MAIL FROM:<john@example.org>"
    whose = (("john@example.org", *admin), ("", *john), ("john@example.org", *admin))
    answers = []
    for authzid, name, password in whose:
        client = await world.client(gate=it)
        answer = await log_in_as(client, "PLAIN", authzid, name, password)
        answers.append(await client.say(mail) if answer == WELCOME else answer)
    assert [answer[:3] for answer in answers[:2]] == ["250", "250"]
    assert answers[2][:3] in {"450", "421"}
    assert "admin@example.org" in answers[2]


@pytest.mark.parametrize("other", ["nobody@example.org", "info@example.org", "lisa@example.com"])
async def test_an_administrator_acts_as_accounts_only(world: LoginWorld, other: str) -> None:
    client = await world.client()
    assert (
        await log_in_as(client, "PLAIN", other, "admin@example.org", "rootsecret") == NOT_AS_OTHERS
    )
    assert failed("PLAIN", "admin@example.org", f"may not act as {other}") in world.log


async def test_a_name_cannot_write_lines_of_the_log(world: LoginWorld) -> None:
    client = await world.client()
    await client.auth("PLAIN", b"jane\nMay 1 mail postroad: x\0john@example.org\0summersun")
    await client.auth("PLAIN", b"\0jane\xc2\x85\rMay 1 mail postroad: x\0wrong")
    assert all(line.isprintable() for line in world.log)
    assert any("may not act as jane?May 1" in line for line in world.log)
    assert any("sasl_username=jane??May 1" in line for line in world.log)


async def test_the_tries_at_others_end_the_session(world: LoginWorld) -> None:
    client = await world.client()
    for _ in range(3):
        answer = await client.auth("PLAIN", b"admin@example.org\0john@example.org\0summersun")
    assert answer.startswith(NOT_AS_OTHERS + "421 4.7.0 ")


# The AUTH parameter of MAIL


@pytest.mark.parametrize(
    ("client_address", "logs_in", "said", "logged"),
    [
        ("192.0.2.7", True, "", ""),
        ("192.0.2.7", True, " AUTH=<>", ", sasl_sender=<>"),
        ("192.0.2.7", True, " AUTH=john+40example.org", ", sasl_sender=john@example.org"),
        ("192.0.2.7", True, " AUTH=info+40example.org", ", sasl_sender=info@example.org"),
        ("192.0.2.7", True, " AUTH=e+3Dmc2@example.com", ", sasl_sender=<>"),
        ("192.0.2.7", True, " AUTH=nonsense", ", sasl_sender=<>"),
        ("10.1.2.3", False, " AUTH=e+3Dmc2@example.com", ", sasl_sender=e=mc2@example.com"),
    ],
)
async def test_the_submitter(
    world: LoginWorld, client_address: str, logs_in: bool, said: str, logged: str
) -> None:
    who = Source(client_address, 4711)
    client = await world.client(who=who, policy=build("mx", PolicySettings()))
    if logs_in:
        await client.auth("PLAIN", b"\0john@example.org\0summersun")
    await client.say(f"MAIL FROM:<john@example.org>{said}")
    await client.say("RCPT TO:<john@example.org>")
    assert (await client.say("DATA")).startswith("354 ")
    assert world.log[-1].partition("]")[2] == (
        ", sasl_method=PLAIN, sasl_username=john@example.org" * logs_in + logged
    )


async def test_the_submitter_while_the_directory_is_away(world: LoginWorld) -> None:
    client = await world.client(policy=build("mx", PolicySettings()))
    await client.auth("PLAIN", b"\0john@example.org\0summersun")
    await client.say("MAIL FROM:<john@example.org> AUTH=john+40example.org")
    await client.say("RCPT TO:<john@example.org>")
    world.directory.unavailable = True
    assert (await client.say("DATA")).startswith("354 ")
    assert world.log[-1].endswith(", sasl_sender=<>")


# The directory is away


async def test_the_directory_is_away(world: LoginWorld) -> None:
    client = await world.client(replace(TLS, client_certificate=CERTIFICATE))
    world.directory.unavailable = world.issuer.away = True
    assert await client.auth("PLAIN", b"\0john@example.org\0summersun") == LATER
    assert await client.auth("LOGIN", b"john@example.org", b"summersun") == LATER
    assert await client.auth("SCRAM-SHA-256", ScramClient().first()) == LATER
    assert await client.auth("XOAUTH2", XOAUTH2 % b"johns.token") == LATER
    assert await client.auth("OAUTHBEARER", OAUTHBEARER % b"johns.token") == LATER
    assert world.pauses == []
    world.directory.unavailable = False
    assert await client.auth("PLAIN", b"\0john@example.org\0summersun") == WELCOME


async def test_the_directory_goes_away_in_the_middle(world: LoginWorld) -> None:
    client, scram = await world.client(), ScramClient()
    challenge = _challenge(await client.auth("SCRAM-SHA-256", scram.first()))
    world.directory.unavailable = True
    assert scram.believes(_challenge(await client.say(_base64(scram.final(challenge)))))
    assert await client.say("") == WELCOME


# A real guard


class SlowDirectory(FakeDirectory):
    """Wrong passwords take until `go`; right ones no time, as those that are remembered."""

    def __init__(self) -> None:
        super().__init__(users={"john@example.org": "summersun", "admin@example.org": "root"})
        self.go = asyncio.Event()
        self.checks = 0

    async def authenticate(
        self, name: str, password: str, *more: object, **named: bool
    ) -> str | None:
        self.checks += 1
        user = await super().authenticate(name, password)
        if user is None:
            await self.go.wait()
        return user


def real_guard() -> tuple[RealGuard, FakeBans]:
    bans = FakeBans()
    guard = RealGuard(
        settings=GuessingSettings(),
        counters=MemoryCounters(),
        bans=bans,
        familiar=FakeFamiliar(),  # type: ignore[arg-type]
        is_trusted=lambda address: False,
        journal=lambda event: None,
    )
    return guard, bans


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def burst(world: LoginWorld, wrong: int) -> tuple[list[str], str]:
    """Wrong passwords from one address at the same moment, and the right one after them."""
    guard, _ = real_guard()
    world.directory = directory = SlowDirectory()

    async def pause(seconds: float) -> None:
        world.pauses.append(seconds)
        if directory.checks > wrong and not directory.go.is_set():
            directory.go.set()
        await turns()

    logins = replace(world.logins, guard=guard, secrets=directory)
    clients = [await world.client(logins=logins, pause=pause) for _ in range(wrong + 1)]
    guesses = [
        asyncio.create_task(client.auth("PLAIN", b"\0john@example.org\0wrong"))
        for client in clients[:-1]
    ]
    await turns()
    right = await clients[-1].auth("PLAIN", b"\0john@example.org\0summersun")
    directory.go.set()
    return await asyncio.gather(*guesses), right


async def test_fifty_guesses_at_once_are_fifty_guesses(world: LoginWorld) -> None:
    guesses, right = await burst(world, 49)
    assert all(answer.startswith(WRONG) for answer in [*guesses, right])


async def test_who_is_right_beside_few_who_are_wrong_is_let_in_at_once(world: LoginWorld) -> None:
    guesses, right = await burst(world, 5)
    assert right == WELCOME
    assert all(answer == WRONG for answer in guesses)
    assert 0.05 not in world.pauses


async def test_many_who_are_right_at_once_are_all_let_in(world: LoginWorld) -> None:
    guard, _ = real_guard()
    logins = replace(world.logins, guard=guard)
    clients = [await world.client(logins=logins) for _ in range(40)]
    right = b"\0john@example.org\0summersun"
    answers = await asyncio.gather(*(client.auth("PLAIN", right) for client in clients))
    assert answers == [WELCOME] * 40
    assert world.pauses == []


async def test_who_is_banned_before_its_proof_is_not_told_that_it_was_right(
    world: LoginWorld,
) -> None:
    guard, bans = real_guard()
    client, scram = await world.client(logins=replace(world.logins, guard=guard)), ScramClient()
    challenge = _challenge(await client.auth("SCRAM-SHA-256", scram.first()))
    bans.put(Ban("192.0.2.7", "", Author.AUTOMATIC, 0.0, None), 0)
    assert (await client.say(_base64(scram.final(challenge)))).startswith(WRONG)


async def test_exchanges_without_a_proof_are_counted(world: LoginWorld) -> None:
    guard, bans = real_guard()
    logins = replace(world.logins, guard=guard)
    for _ in range(70):  # what ends well, or is counted as a failure, is no such exchange
        client = await world.client(logins=logins)
        assert await client.scram("SCRAM-SHA-256", ScramClient()) == WELCOME
    for number in range(59):
        client = await world.client(logins=logins)
        name = "john@example.org" if number % 2 else "nobody@example.org"
        assert (await client.auth("SCRAM-SHA-256", ScramClient(name).first())).startswith("334 ")
        answer = await client.say("*" if number % 3 else _base64(b"nonsense"))
        assert answer.startswith("501 ")
    assert bans.bans == {}
    client = await world.client(logins=logins)
    await client.auth("SCRAM-SHA-256", ScramClient().first())
    assert list(bans.bans) == ["192.0.2.7"]


# Users whom the operator has banned


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("other", ["john@example.org", "JOHN@Example.ORG"])
async def test_nobody_acts_as_a_banned_user(world: LoginWorld, mechanism: str, other: str) -> None:
    world.guard.banned.add("john@example.org")
    client = await world.client(logins=replace(world.logins, guard=world.guard))
    answer = await log_in_as(client, mechanism, other, "admin@example.org", "rootsecret")
    assert answer == WRONG
    assert world.pauses == [7]
    assert world.guard.told == [("failed", "192.0.2.7", "admin@example.org")]


class Nicknames(FakeDirectory):
    """Takes `john` for john@example.org."""

    async def authenticate(
        self, name: str, password: str, *more: object, **named: bool
    ) -> str | None:
        return await super().authenticate(f"{name}@example.org", password)

    async def secret(self, name: str, kind: SecretKind) -> tuple[str, Secret] | None:
        return await super().secret(f"{name}@example.org", kind)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "CRAM-MD5"])
@pytest.mark.parametrize("banned", ["john", "john@example.org", None])
async def test_a_banned_user_is_known_by_every_name(
    world: LoginWorld, mechanism: str, banned: str | None
) -> None:
    world.directory = directory = Nicknames()
    if banned:
        world.guard.banned.add(banned)
    logins = replace(world.logins, guard=world.guard, secrets=directory)
    client = await world.client(logins=logins)
    if mechanism == "CRAM-MD5":
        answer = await client.cram("john", "summersun")
    else:
        answer = await log_in_as(client, mechanism, "", "john", "summersun")
    assert answer == (WRONG if banned else WELCOME)
    assert world.pauses == ([7] if banned else [])


class Spellings:
    """Drops the domain, as a directory does with `username_format = "%n"`."""

    async def login_names(self, name: str) -> tuple[str, ...]:
        key = f"{name.partition('@')[0]}@example.org"
        return (key,) if key.startswith("john@") else (name, key)


@pytest.mark.parametrize("user", ["john", "nobody"])
async def test_a_guesser_is_delayed_whichever_spelling_it_takes(
    world: LoginWorld, user: str
) -> None:
    guard, _ = real_guard()
    logins = replace(world.logins, guard=guard, names=Spellings())
    for number in range(5):
        client = await world.client(logins=logins, who=Source(f"198.51.{number}.1", 1025))
        answer = await client.auth("PLAIN", f"\0{user}@a{number}.example\0wrong".encode())
        assert answer == WRONG
    assert world.pauses == [1.0, 2.0, 4.0, 8.0, 16.0]
    client = await world.client(logins=logins, who=Source("203.0.113.1", 1025))
    scram = ScramClient(f"{user}@b.example")
    challenge = _challenge(await client.auth("SCRAM-SHA-256", scram.first()))
    assert (await client.say(_base64(scram.final(challenge)))).startswith(WRONG)
    assert world.pauses[-1] == 16.0
