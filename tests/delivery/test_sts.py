"""Which MTA-STS policy is in force: what is kept, what is fetched again, what failed (RFC 8461)."""

from __future__ import annotations

import asyncio

import pytest

from fake_sts import FakeFetching, FakeTexts, MemoryFile
from postroad.delivery.sts import AT_ONCE, FRESH, RETRY, UNUSED, FetchFailed, MtaSts
from postroad.delivery.sts_file import StsFile
from postroad.delivery.tls_policy import TlsResult
from postroad.model.journal import Event

DAY = 86_400.0
ENFORCE = "version: STSv1\nmode: enforce\nmx: mx.example.net\nmax_age: 604800\n"
TESTING = ENFORCE.replace("enforce", "testing")
NONE = "version: STSv1\nmode: none\nmax_age: 86400\n"
FAILED = FetchFailed(TlsResult.STS_WEBPKI_INVALID, "the certificate is not trusted")


class World:
    """One domain, its record, its policy, and workers that share a file."""

    def __init__(self) -> None:
        self.texts = FakeTexts(**{"example.net": "1"})
        self.fetching = FakeFetching()
        self.fetching.policies["example.net"] = ENFORCE
        self.file = MemoryFile()
        self.time = 1_000_000.0
        self.logged: list[Event] = []
        self.sts = self.worker()

    def worker(self) -> MtaSts:
        return MtaSts(
            self.texts,
            self.fetching,
            StsFile(self.file),
            now=lambda: self.time,
            journal=self.logged.append,
            refresh=DAY,
        )

    async def mode(self, sts: MtaSts | None = None) -> str:
        """The mode in force, after what it made begin is done."""
        found = await (sts or self.sts).find("example.net")
        await asyncio.gather(*self.sts._fetches.values())
        if found.failure is not None:
            return found.failure.value
        return found.policy.mode if found.policy else "-"

    @property
    def fetches(self) -> int:
        return len(self.fetching.fetched)


@pytest.fixture
def world() -> World:
    return World()


async def test_the_first_mail_waits_for_the_policy_and_others_use_it(world):
    assert [await world.mode() for _ in range(3)] == ["enforce"] * 3
    assert world.fetches == 1
    assert "MTA-STS policy of example.net: enforce" in world.logged[0].text


async def test_without_a_record_nothing_is_fetched(world):
    world.texts.ids.clear()
    assert await world.mode() == "-"
    assert world.fetches == 0


async def test_who_takes_the_record_away_does_not_take_the_policy(world):
    """RFC 8461 §10.2; neither by a denial nor by silence, and a restart does not help him."""
    await world.mode()
    world.fetching.policies["example.net"] = FAILED
    for take_away in (world.texts.ids.clear, lambda: world.texts.broken.add("example.net")):
        take_away()
        world.time += DAY
        assert await world.mode() == "enforce"
        assert await world.mode(world.worker()) == "enforce"


async def test_it_holds_for_as_long_as_it_says(world):
    await world.mode()
    world.texts.ids.clear()
    world.time += 604_799
    assert await world.mode() == "enforce"
    world.time += 2
    assert await world.mode() == "-"


async def test_another_worker_and_the_next_start_know_it(world):
    await world.mode()
    assert await world.mode(world.worker()) == "enforce"
    assert world.fetches == 1


async def test_a_new_id_fetches_the_new_policy(world):
    await world.mode()
    world.fetching.policies["example.net"] = TESTING
    world.texts.ids["example.net"] = "2"
    world.time += RETRY
    assert await world.mode() == "testing"
    assert world.fetches == 2


async def test_a_new_id_whose_policy_cannot_be_had_leaves_the_old_one(world):
    await world.mode()
    world.fetching.policies["example.net"] = FAILED
    world.texts.ids["example.net"] = "2"
    for _ in range(5):
        world.time += RETRY / 4
        assert await world.mode() == "enforce"
    assert world.fetches == 2  # and it is not tried for every message
    world.time += RETRY
    await world.mode()
    assert world.fetches == 3


async def test_mode_none_takes_the_policy_back(world):
    """§8.3."""
    await world.mode()
    world.fetching.policies["example.net"] = NONE
    world.texts.ids["example.net"] = "2"
    world.time += RETRY
    assert await world.mode() == "-"


async def test_an_old_one_is_fetched_again_while_nobody_waits(world):
    await world.mode()
    world.time += DAY + 1
    world.fetching.gate.clear()
    found = await world.sts.find("example.net")
    assert found.policy is not None
    await asyncio.sleep(0)
    assert world.fetches == 2
    world.fetching.gate.set()
    assert await world.mode() == "enforce"
    world.time += 604_000  # beyond the first one's end
    assert await world.mode() == "enforce"


async def test_a_first_fetch_that_fails_is_no_policy_and_is_told(world):
    """§3.3: mail goes on, and reports hear of it."""
    world.fetching.policies["example.net"] = FAILED
    assert await world.mode() == "sts-webpki-invalid"
    assert await world.mode() == "sts-webpki-invalid"
    assert await world.mode(world.worker()) == "sts-webpki-invalid"
    assert world.fetches == 1
    world.time += RETRY
    world.fetching.policies["example.net"] = ENFORCE
    assert await world.mode() == "enforce"
    assert any("certificate is not trusted" in each.text for each in world.logged)


async def test_a_failure_is_not_remembered_for_another_id(world):
    world.fetching.policies["example.net"] = FAILED
    await world.mode()
    world.texts.ids["example.net"] = "2"
    world.fetching.policies["example.net"] = ENFORCE
    assert await world.mode() == "enforce"


async def test_many_who_wait_fetch_once(world):
    world.fetching.gate.clear()
    waiting = [asyncio.ensure_future(world.sts.find("example.net")) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    waiting[0].cancel()  # and who gives up takes it from nobody
    world.fetching.gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(each.policy for each in found[1:])
    assert world.fetches == 1


async def test_the_daily_round(world):
    await world.mode()
    world.time += DAY / 2
    await world.sts.look_after()
    assert world.fetches == 1
    world.time += DAY
    other = world.worker()
    await world.sts.look_after()
    await other.look_after()  # one of them has claimed it
    assert world.fetches == 2
    world.time += FRESH + 1
    assert (await other.find("example.net")).policy is not None
    world.time += UNUSED
    await world.sts.look_after()
    assert world.fetches == 2  # nobody writes there any more


async def test_the_round_leaves_what_is_not_announced_any_more_to_its_end(world):
    await world.mode()
    world.texts.ids.clear()
    world.time += DAY + 1
    await world.sts.look_after()
    assert world.fetches == 1


async def test_without_the_file_a_worker_goes_by_what_it_knows(world):
    assert await world.mode() == "enforce"
    world.file.broken = True
    assert await world.mode() == "enforce"
    world.time += FRESH + 1
    assert await world.mode() == "enforce"
    await world.sts.look_after()
    assert any("disk I/O error" in each.text for each in world.logged)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_file_that_cannot_be_read_now_is_not_forgotten(world, announced):
    await world.mode()
    world.fetching.policies["example.net"] = FAILED
    if not announced:
        world.texts.ids.clear()
    other = world.worker()
    world.file.broken = True
    assert not (await other.find("example.net")).known
    world.file.broken = False
    assert await world.mode(other) == "enforce"
    world.file.broken = True  # and now this worker knows it
    world.time += FRESH + 1
    assert await world.mode(other) == "enforce"


async def test_the_daily_round_leaves_nobody_out(world):
    domains = [f"d{at}.example" for at in range(3 * AT_ONCE)]
    for domain in domains:
        world.texts.ids[domain] = "1"
        world.fetching.policies[domain] = ENFORCE
        await world.sts.find(domain)
    world.fetching.fetched.clear()
    world.time += DAY + 1
    await world.sts.look_after()
    assert sorted(world.fetching.fetched) == sorted(domains)


async def test_a_row_of_another_release_is_no_policy(world):
    await world.mode()
    world.file.connection.execute("UPDATE policies SET text = 'version: STSv2'")
    world.texts.ids.clear()
    assert await world.mode(world.worker()) == "-"
