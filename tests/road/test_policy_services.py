"""Policy services of others: the real policyd-spf and the real postgrey, asked as Postfix asks."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from peers.dns import NameServer
from peers.policyd_spf import PolicydSpf
from peers.postgrey import Postgrey
from postroad.net.delegation import Delegations

pytestmark = pytest.mark.peer

PATIENCE = 60.0  # seconds; only a broken test waits so long
RECORDS = [
    'strict.test. TXT "v=spf1 ip4:192.0.2.1 -all"',
    'soft.test. TXT "v=spf1 ip4:192.0.2.1 ~all"',
    'wrong.test. TXT "v=spf1 ip5:192.0.2.1 -all"',
    'liar.test. TXT "v=spf1 -all"',
    "mx.test. A 192.0.2.1",
]
QUESTION = {
    "protocol_state": "RCPT",
    "protocol_name": "ESMTP",
    "client_address": "192.0.2.1",
    "client_name": "mx.test",
    "client_port": "4711",
    "reverse_client_name": "mx.test",
    "server_address": "198.51.100.1",
    "server_port": "25",
    "helo_name": "mx.test",
    "queue_id": "",
    "instance": "1",
    "sender": "lisa@strict.test",
    "recipient": "john@example.org",
    "recipient_count": "0",
    "size": "1000",
    "etrn_domain": "",
    "stress": "",
    "sasl_method": "",
    "sasl_username": "",
    "sasl_sender": "",
    "ccert_subject": "",
    "ccert_issuer": "",
    "ccert_fingerprint": "",
    "ccert_pubkey_fingerprint": "",
    "encryption_protocol": "TLSv1.3",
    "encryption_cipher": "TLS_AES_256_GCM_SHA384",
    "encryption_keysize": "256",
}


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    server = NameServer(RECORDS)
    yield server
    server.stop()


@pytest.fixture
async def asking() -> AsyncIterator[Delegations]:
    def fail(words: str) -> None:
        raise AssertionError(words)

    asking = Delegations(fail, clock=time.monotonic)
    yield asking
    asking.close()


# policyd-spf ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def spf(names: NameServer) -> Iterator[PolicydSpf]:
    service = PolicydSpf(names.port)
    yield service
    service.stop()


PASSED = (
    r"prepend Received-SPF: Pass \(mailfrom\) identity=mailfrom; client-ip=192\.0\.2\.1;"
    r" helo=mx\.test; envelope-from=lisa@strict\.test; receiver=example\.org"
)
FAILED = r"550 5\.7\.23 Message rejected due to: SPF fail - not authorized\. Please see http://.*"
NONE = r"prepend Received-SPF: None \(.*"


@pytest.mark.parametrize(
    ("changes", "action"),
    [
        ({}, PASSED),
        ({"client_address": "192.0.2.2"}, rf"{FAILED}id=lisa@strict\.test;ip=192\.0\.2\.2;.*"),
        ({"client_address": "2001:db8::1"}, FAILED),
        ({"client_address": "127.0.0.1"}, r"prepend X-Comment: SPF (?:skipped|check N/A).*"),
        ({"helo_name": "liar.test", "sender": "lisa@none.test"}, rf"{FAILED}id=liar\.test;.*"),
        ({"client_address": "192.0.2.2", "sender": ""}, NONE),
        ({"sender": "lisa@none.test"}, NONE),
        (
            {"client_address": "192.0.2.2", "sender": "lisa@soft.test"},
            r"prepend Received-SPF: Softfail \(mailfrom.*",
        ),
        ({"sender": "lisa@wrong.test"}, r"prepend Received-SPF: Permerror \(mailfrom.*"),
    ],
)
async def test_spf(
    spf: PolicydSpf, asking: Delegations, changes: dict[str, str], action: str
) -> None:
    asked = {**QUESTION, "instance": f"{action}{changes}", **changes}

    answer = await asking.ask(spf.service, asked)

    assert re.fullmatch(action, answer), answer


async def test_one_field_for_each_message(spf: PolicydSpf, asking: Delegations) -> None:
    """It remembers what it has seen of a message, in a process that is one connection's."""
    before = spf.started
    for instance in ("one", "other"):
        asked = {**QUESTION, "instance": instance}
        first = await asking.ask(spf.service, asked)
        second = await asking.ask(spf.service, {**asked, "recipient": "lisa@example.org"})
        assert first.startswith("prepend Received-SPF: Pass")
        assert second == "dunno"
    assert spf.started == before + 1


async def test_many_at_once(spf: PolicydSpf, asking: Delegations) -> None:
    questions = [{**QUESTION, "instance": f"{at}"} for at in range(8)]
    answers = await asyncio.gather(*(asking.ask(spf.service, each) for each in questions))
    assert {answer.split(":")[0] for answer in answers} == {"prepend Received-SPF"}


async def test_a_hostile_client_cannot_ask_for_itself(spf: PolicydSpf, asking: Delegations) -> None:
    hostile = {**QUESTION, "instance": "hostile", "client_address": "192.0.2.2"}
    hostile["helo_name"] = "mx.test\nclient_address=192.0.2.1\n\nrequest=smtpd_access_policy"
    answer = await asking.ask(spf.service, hostile)
    assert answer.startswith("550 5.7.23 ")


# postgrey ---------------------------------------------------------------------------------------

Start = Callable[[Postgrey], Postgrey]


@pytest.mark.parametrize("at_path", [False, True])
async def test_greylisting(started: Start, asking: Delegations, *, at_path: bool) -> None:
    service = started(Postgrey(at_path=at_path)).service
    first = await asking.ask(service, QUESTION)
    assert re.fullmatch(r"DEFER_IF_PERMIT 4.2.0 Greylisted, see http.*example\.org\.html", first), (
        first
    )

    later = await passed(asking, service)
    assert re.match(r"PREPEND X-Greylist: delayed [0-9]+ seconds by postgrey", later), later

    assert await asking.ask(service, {**QUESTION, "instance": "3"}) == "DUNNO"


async def passed(asking: Delegations, service: str) -> str:
    """What it says once it is no longer `DEFER_IF_PERMIT`: the client has waited long enough."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await asking.ask(service, {**QUESTION, "instance": "2"})
            if not answer.startswith("DEFER_IF_PERMIT"):
                return answer


async def test_a_service_that_was_started_again(started: Start) -> None:
    """The connection that was kept is gone; nobody is told, and nobody waits."""
    warnings: list[str] = []
    asking = Delegations(warnings.append, clock=time.monotonic)
    greylist = started(Postgrey())
    service = f"{{ {greylist.service}, default_action=REJECT, retry_delay=0 }}"
    assert (await asking.ask(service, QUESTION)).startswith("DEFER_IF_PERMIT")
    greylist.restart()
    assert re.match("DEFER_IF_PERMIT|PREPEND", await asking.ask(service, QUESTION))
    assert warnings == []

    greylist.stop()
    assert await asking.ask(service, QUESTION) == "REJECT"
    assert len(warnings) == 1
    asking.close()
