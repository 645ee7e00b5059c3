"""What scheduling promises, as properties of simulated worlds.

The bounds are those that docs/scheduling.md states; `bench/simulation.py` has larger worlds.
"""

from __future__ import annotations

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroad.queue.settings import DestinationSettings, QueueSettings
from queue_mail import NOON
from queue_world import Dead, Flapping, Greylisting, Host, Limiting, World

HOUR = 3600.0
SMALL = QueueSettings(active_limit=1000, concurrency=20)


def test_a_newsletter_costs_a_single_message_one_delivery():
    """Bound: as many deliveries as there are senders with mail in memory, here two at once."""
    world, singles = World(SMALL), []
    world.send("hog@example.org", (f"d{number % 500}.example" for number in range(5000)))
    for number in range(20):
        world.at(
            NOON + number,
            lambda n=number: singles.extend(world.send(f"s{n}@example.org", [f"d{n}.example"])),
        )
    world.run()
    assert world.undone() == 0
    assert max(world.tales[each.id].waited for each in singles) <= 2
    places = 20 * 4 / 5  # that one sender may have
    assert world.now - NOON <= 1.1 * 5020 * 0.1 / places, "they are used all the time"
    assert world.idle_with_work == 0


def test_bulk_to_one_domain_leaves_others_their_turn_there():
    world, singles = World(SMALL, hosts={"big.example": Host(0.5)}), []
    for _ in range(200):
        world.send("bulk@example.org", ["big.example"] * 100)
    for number in range(20):
        world.at(
            NOON + number,
            lambda n=number: singles.extend(world.send(f"s{n}@example.org", ["big.example"])),
        )
    world.run()
    assert world.undone() == 0
    assert max(world.tales[each.id].waited for each in singles) <= 2
    assert world.longest_delay(singles) <= 1.0


def test_a_slow_destination_does_not_keep_due_mail_for_others_in_the_spool():
    """Memory would be full of it for an hour; mail for others that falls due begins at once."""
    some_places = QueueSettings(active_limit=1000, concurrency=30)
    world = World(some_places, hosts={"slow.example": Host(20.0)})
    for number in range(500):
        world.send(f"m{number % 50}@example.org", ["slow.example"] * 10)
    others = [
        world.send(f"s{number}@example.org", [f"d{number}.example"], due=NOON + 10 + number)[0]
        for number in range(100)
    ]
    world.run(NOON + HOUR)
    assert world.longest_delay(others) <= 1.0
    assert max(world.tales[each.id].waited for each in others) <= 50
    assert world.most_active <= 1000


def test_a_dead_destination_costs_seven_attempts_an_hour():
    """One probe for each pause, of ten minutes with up to a quarter more; less while it grows."""
    world = World(QueueSettings(), hosts={"dead.example": Dead()})
    for number in range(300):
        world.send(f"s{number % 20}@example.org", ["dead.example"])
    world.run(NOON + 12 * HOUR)
    assert world.begun_between("dead.example", NOON, NOON + 60) <= 5
    for hour in range(1, 12):
        start = NOON + hour * HOUR
        assert 3 <= world.begun_between("dead.example", start, start + HOUR) <= 7


def test_no_herd_after_an_outage():
    """Of thousands that waited, no more begin at once than a new destination is given."""
    back = NOON + 6 * HOUR
    world = World(QueueSettings(active_limit=2000), hosts={"[smart]": Dead(back)})
    for minute in range(0, 360, 10):
        world.at(
            NOON + minute * 60,
            lambda: [world.send(f"u{n % 50}@example.org", ["[smart]"]) for n in range(100)],
        )
    world.run(back + 2 * HOUR)
    assert world.undone() == 0
    after = [begin for begin in world.begins["[smart]"] if begin >= back]
    assert after[0] <= back + 750, "it is asked again within a pause and its spread"
    first = [sum(after[0] < each <= after[0] + 0.1 * turn for each in after) for turn in (1, 2, 3)]
    assert first[0] <= 5
    assert first[1] <= 15
    assert first[2] <= 35
    assert world.most_in("[smart]", 0.1) <= 40, "twenty at once, and each takes a tenth of a second"


def test_thousands_of_hosts_come_back_together():
    """The network was away: each host gets one probe first, and all of them the usual places."""
    back, count = NOON + HOUR, 300
    hosts = {f"d{number}.example": Dead(back) for number in range(count)}
    world = World(SMALL, hosts=dict(hosts))
    for number in range(3 * count):
        world.send(f"s{number % 40}@example.org", [f"d{number % count}.example"])
    world.run(back + 2 * HOUR)
    assert world.undone() == 0
    assert world.idle_with_work == 0
    assert all(host.running == 0 for host in world.hosts.values())


def test_a_rate_is_evenly_spaced():
    sections = {"slow.example": DestinationSettings(rate="30/min")}
    world = World(SMALL, sections)
    for number in range(100):
        world.send(f"s{number % 9}@example.org", ["slow.example"])
    other = world.send("a@example.org", ["other.example"])
    world.run()
    assert world.undone() == 0
    begins = world.begins["slow.example"]
    gaps = [after - before for before, after in itertools.pairwise(begins)]
    assert min(gaps) >= 1.85
    assert max(gaps) <= 2.05
    assert world.most_in("slow.example", 60) <= 31
    assert world.longest_delay(other) == 0


def test_domains_of_one_site_share_its_limits():
    sections = {"site:big.test": DestinationSettings(concurrency=3)}
    domains = [f"d{number}.example" for number in range(40)]
    world = World(SMALL, sections, sites=dict.fromkeys(domains, "big.test"))
    running = []
    for domain in domains:
        world.hosts[domain] = Host(1.0)
        world.send("a@example.org", [domain])
        running.append(world.running)
    assert max(running) == 2, "no host of the site has answered for one of them"
    world.run()
    assert world.undone() == 0
    assert world.now - NOON <= 21


def test_a_host_with_a_limit_of_its_own_is_seldom_asked_too_much():
    world = World(SMALL, hosts={"big.example": Limiting(per_minute=10_000, at_once=10)})
    for number in range(1000):
        world.send(f"s{number % 30}@example.org", ["big.example"])
    world.run(NOON + HOUR)
    assert world.undone() == 0
    assert world.ends["big.example deferred"] <= 100


def test_a_host_that_greylists_takes_mail_at_the_second_attempt():
    world = World(SMALL, hosts={"grey.example": Greylisting()})
    world.send("a@example.org", ["grey.example"] * 20)
    world.run(NOON + 400)
    assert world.undone() == 0


KINDS = {
    "quick": Host,
    "slow": lambda: Host(60.0),
    "dead": Dead,
    "back": lambda: Dead(NOON + 2 * HOUR),
    "grey": Greylisting,
    "limited": Limiting,
    "flapping": Flapping,
}

MAIL = st.tuples(
    st.integers(0, 8),  # sender
    st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 3)), min_size=1, max_size=6),
    st.integers(1, 60),  # recipients each
    st.integers(0, 3600),  # when
    st.integers(-2, 2),  # priority
)


@given(
    st.lists(MAIL, min_size=1, max_size=25),
    st.integers(20, 300),
    st.integers(1, 12),
    st.booleans(),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
def test_any_world(mails, active_limit, concurrency, shares_sites):
    """Whatever happens: memory is bounded, no place is idle, everybody is tried, all leave."""
    limits = QueueSettings(active_limit=active_limit, concurrency=concurrency)
    world = World(limits, {"limited0.example": DestinationSettings(rate="20/min", concurrency=2)})
    for kind, make in KINDS.items():
        for number in range(4):
            world.hosts[f"{kind}{number}.example"] = make()
            if shares_sites:
                world.sites[f"{kind}{number}.example"] = f"site{number}.test"
    for sender, to, count, when, priority in mails:
        domains = [f"{kind}{number}.example" for kind, number in to for _ in range(count)]
        world.at(
            NOON + when,
            lambda s=sender, d=domains, p=priority: world.send(f"s{s}@example.org", d, priority=p),
        )
    world.run(NOON + 24 * HOUR)
    assert world.most_active <= active_limit
    assert world.idle_with_work == 0
    left = {recipient.address.domain for _, recipient in world.rows.values()}
    assert all(domain.startswith(("dead", "slow")) for domain in left)
    assert all(host.running == 0 or isinstance(host, Dead) for host in world.hosts.values())
    tried = {domain for domain, begins in world.begins.items() if begins}
    assert {domain for _, to, *_ in mails for domain in {f"{k}{n}.example" for k, n in to}} <= tried
