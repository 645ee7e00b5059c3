"""The planner alone: what it costs, and how fair it is in large worlds. No network, no disk.

    python bench/simulation.py [cost|newsletter|bulk|slow|outage|mixed|limits]...

The worlds are those of `tests/queue_world.py`, a discrete-event simulation around the real planner;
`tests/queue/test_simulation.py` has small ones with bounds. A run is deterministic but for its
processor time. `outage` takes some minutes, all others some seconds.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from postroad.model import Outcome, Reply, Report, Status, StoredRecipient
from postroad.queue.attempt import Attempt, Destination
from postroad.queue.planner import Planner
from postroad.queue.settings import DestinationSettings, QueueSettings
from queue_mail import NOON, crowd, message
from queue_world import Dead, Flapping, Greylisting, Host, Limiting, Tale, World

HOUR = 3600.0
SENT = Reply.of(250, "2.0.0", "Ok")


def cost() -> None:
    """Microseconds of processor time for each message: admit, add, next, finished."""
    for destinations, senders in ((1, 1), (1, 50), (1000, 1), (1000, 1000)):
        rounds = [_cost(destinations, senders) for _ in range(5)]
        print(
            f"planner: {statistics.median(rounds):5.1f} µs a message"
            f" ({destinations} destinations, {senders} senders)"
        )


def _cost(destinations: int, senders: int, count: int = 40_000) -> float:
    planner = Planner(QueueSettings(active_limit=0))
    mails = [message(f"s{number % senders}@example.org") for number in range(count)]
    crowds = [crowd(1) for _ in range(count)]
    places = [Destination("smtp", f"d{number % destinations}.example") for number in range(count)]
    reports = {
        each[0].id: Report((Outcome(each[0].id, Status.SENT, SENT, True),), "mx") for each in crowds
    }
    running: list[Attempt] = []

    def finish(attempt: Attempt) -> None:
        planner.finished(attempt, reports[attempt.recipients[0].id], NOON)

    began = time.process_time()
    for mail, to, place in zip(mails, crowds, places, strict=True):
        admission = planner.admit(mail, to, NOON, fresh=True)
        assert admission is not None
        planner.add(admission, to, place, NOON)
        attempt = planner.next(NOON)
        if attempt is not None:
            running.append(attempt)
        if len(running) > 20:
            finish(running.pop(0))
    while running:
        finish(running.pop())
        attempt = planner.next(NOON)
        if attempt is not None:
            running.append(attempt)
    assert planner.active == 0
    return (time.process_time() - began) / count * 1e6


def newsletter() -> None:
    """One sender with 50,000 recipients in 5,000 domains; others with single messages."""
    world = World()
    singles: list[StoredRecipient] = []

    def write(sender: str, domain: str) -> None:
        singles.extend(world.send(sender, [domain]))

    world.send("hog@example.org", (f"d{number % 5000}.example" for number in range(50_000)))
    for number in range(100):
        one = partial(write, f"s{number}@example.org", f"d{number * 7}.example")
        world.at(NOON + number * 0.37, one)
    world.run()
    _fairness(world, singles)
    _throughput(world, 0.1)


def bulk() -> None:
    """100,000 recipients of one sender at one domain, to which others write as well."""
    world = World(hosts={"big.example": Host(0.2)})
    singles: list[StoredRecipient] = []

    def write(sender: str) -> None:
        singles.extend(world.send(sender, ["big.example"]))

    for _ in range(1000):
        world.send("bulk@example.org", ["big.example"] * 100)
    for number in range(190):
        world.at(NOON + number, partial(write, f"s{number}@example.org"))
    world.run()
    _fairness(world, singles)
    print(f"  all done after {world.now - NOON:.0f} s; at 20 deliveries at once of 0.2 s: 20 s")


def slow() -> None:
    """200,000 recipients at a slow domain; deferred single messages elsewhere fall due."""
    world = World(hosts={"slow.example": Host(2.0)})
    for number in range(20_000):
        world.send(f"m{number % 50}@example.org", ["slow.example"] * 10)
    singles = [
        world.send(f"s{number}@example.org", [f"d{number}.example"], due=NOON + 5 * number + 9)[0]
        for number in range(200)
    ]
    world.run(NOON + HOUR)
    _fairness(world, singles)
    print(f"  slow domain: {len(world.begins['slow.example'])} of at most 36,000 deliveries")


def outage() -> None:
    """The smarthost is away for six hours, in which 200,000 messages come."""
    back = NOON + 6 * HOUR
    world = World(hosts={"[smart]": Dead(back)})
    for minute in range(360):
        world.at(
            NOON + minute * 60,
            lambda: [world.send(f"u{n % 500}@example.org", ["[smart]"]) for n in range(556)],
        )
    world.run(back)
    print(f"  attempts in an hour of the outage: {world.begun / 6:.1f}")
    print(f"  at its end: {world.undone()} queued, {world.written} written back so far")
    world.run()
    after = [begin for begin in world.begins["[smart]"] if begin >= back]
    first = after[0]
    seconds = [sum(first + s <= each < first + s + 1 for each in after) for s in range(5)]
    print(f"  found back after {first - back:.0f} s; begun in the seconds after: {seconds}")
    late = sorted(tale.done or 0.0 for tale in world.tales.values())
    print(f"  all but ten delivered {late[-11] - first:.0f} s later,")
    print(f"  the last one {late[-1] - first:.0f} s;", end="")
    print(f" at 200 a second: {len(after) / 200:.0f} s")


def mixed() -> None:
    """3,000 domains of all kinds for a day; every sender of 200 writes to all kinds."""
    world, hosts = World(), {}
    kinds: list[Callable[[], Host]] = [
        Host,
        lambda: Host(5.0),
        Dead,
        lambda: Dead(NOON + 3 * HOUR),
        Greylisting,
        Limiting,
        Flapping,
    ]
    for number in range(3000):
        hosts[f"d{number}.example"] = kinds[number % len(kinds)]()
    world.hosts = hosts
    for number in range(30_000):
        to = [f"d{number * 31 % 3000}.example"]
        world.at(NOON + number * 0.7, partial(world.send, f"s{number % 200}@example.org", to))
    world.run(NOON + 24 * HOUR)
    quick = [t for n, t in _tales(world) if isinstance(world.hosts[n], Host) and t.done]
    print(f"  undelivered: {world.undone()}, all for dead domains: {_only_dead(world)}")
    print(f"  longest wait of a due message: {max(t.delay for t in quick):.1f} s")
    dead = [name for name, host in hosts.items() if isinstance(host, Dead) and host.until > 1e18]
    asked = max(len(world.begins[name]) for name in dead)
    print(f"  most attempts at a dead domain: {asked} in 24 h; in memory: {world.most_active}")
    print(f"  places idle while there was work: {world.idle_with_work}")


def limits() -> None:
    """A host that bears ten at once, and 600 in a minute: how often it is asked too much."""
    for name, sections in (
        ("learnt", {}),
        ("said", {"big.example": DestinationSettings(concurrency=10, rate="600/min")}),
    ):
        world = World(sections=sections, hosts={"big.example": Limiting(600, 10)})
        for number in range(20_000):
            world.send(f"s{number % 30}@example.org", ["big.example"])
        world.run(NOON + 6 * HOUR)
        took = max(world.begins["big.example"]) - NOON
        put_off = world.ends["big.example deferred"]
        print(f"  {name}: {put_off} put off of 20,000, all delivered after {took / 60:.0f} min")


def _tales(world: World) -> list[tuple[str, Tale]]:
    return [(each.address.domain, world.tales[each.id]) for each in world.everybody]


def _only_dead(world: World) -> bool:
    return all(isinstance(world.hosts[to.address.domain], Dead) for _, to in world.rows.values())


def _fairness(world: World, singles: Sequence[StoredRecipient]) -> None:
    waited = max(world.tales[each.id].waited for each in singles)
    print(f"  single messages: at most {waited} deliveries before one's own,")
    print(f"  {world.longest_delay(singles):.2f} s from due to begun at the most")
    print(f"  in memory: {world.most_active} at the most; written back: {world.written}")
    print(f"  places idle while there was work: {world.idle_with_work}")


def _throughput(world: World, latency: float) -> None:
    ideal = world.begun * latency / QueueSettings().concurrency
    print(f"  all places used: {ideal / (world.now - NOON):.1%} of the time")


SCENES = {each.__name__: each for each in (cost, newsletter, bulk, slow, mixed, limits, outage)}


def main() -> None:
    """Run the scenes that are named, or all."""
    for name in sys.argv[1:] or SCENES:
        scene = SCENES[name]
        print(f"{name}: {scene.__doc__}")
        began = time.perf_counter()
        scene()
        print(f"  ({time.perf_counter() - began:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
