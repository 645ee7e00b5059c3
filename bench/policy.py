"""What the restriction lists of the guides cost, beside all else that is done for a message.

One server relays messages by these lists; its processor time for each is the whole. Then the same
lists are run over such a message again and again, here, with all answers in memory, as in a server
that has asked once. Ends with status 1 when the lists without DNS rules take more of the processor
time than they may.

    python bench/policy.py [--messages N] [--rounds N] [--evaluations N]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from peers import postroad, sinks
from peers.waiting import until
from postroad.config import Configuration, load
from postroad.config.surroundings import surroundings_of
from postroad.directory import EmbeddedDirectory
from postroad.directory.chain import Chain
from postroad.model import Address, Client
from postroad.net.dns import Existence, Records, RecordType, Resolver
from postroad.policy import Facts, LookupUnavailable, Oracle, Policy, PolicySettings, build
from postroad.policy.facts import Verification
from postroad.server.inquiries import DnsInquiry, TablesInquiry
from postroad.server.oracle import DirectoryOracle
from postroad.tables import Tables

LIMIT = 10.0  # percent of a message's processor time, without DNS rules
_TIME_LIMIT = 300.0  # seconds for one round
_WARM_UP = 200  # messages and evaluations before the clock starts

Lists = Mapping[str, Sequence[str]]


def guides(blocklist: Path) -> Lists:
    """The lists of all guides in one; without DNS rules.

    The small server's blocked senders and its rules about recipients, the relaying server's rule
    about senders, the login server's relay list.
    """
    return {
        "sender": [
            f"check_sender_access hash:{blocklist}",
            "reject_sender_login_mismatch",
        ],
        "relay": ["permit_mynetworks", "permit_sasl_authenticated", "reject_unauth_destination"],
        "recipient": [
            "reject_unauth_pipelining",
            "reject_non_fqdn_recipient",
            "reject_unlisted_recipient",
        ],
        "data": ["reject_unauth_pipelining"],
    }


def with_dns(lists: Lists) -> Lists:
    """The same with the small server's DNS lists and domains that are looked up."""
    listed = [
        "reject_rbl_client zen.example=127.0.0.[2..11]",
        *(f"reject_rhsbl_{what} dbl.example=127.0.1.[2..99]" for what in _NAMED),
        *(f"reject_rhsbl_{what} zrd.example=127.0.2.[2..24]" for what in _NAMED),
    ]
    recipient = [*lists["recipient"], "reject_unknown_recipient_domain"]
    return {**lists, "client": listed, "recipient": recipient}


_NAMED = ("sender", "helo", "reverse_client")


def main() -> int:
    """Measure, print, and return the exit status."""
    options = _options()
    with ExitStack() as stack:
        sink = sinks.Sink()
        stack.callback(sink.stop)
        server, lists = _server(sink.port)
        stack.callback(server.stop)
        whole = _whole(server, sink, options.messages, options.rounds)
        configuration = load(server.configuration)
        costs = asyncio.run(_costs(configuration, lists, options.evaluations, options.rounds))
    print(f"{'a whole message, taken and relayed':44} {whole * 1e6:8.0f} µs of processor time")
    for name, cost in costs.items():
        print(f"{name:44} {cost * 1e6:8.1f} µs  {100 * cost / whole:5.1f} %")
    share = 100 * costs["the guides' lists without DNS rules"] / whole
    verdict = "ok" if share <= LIMIT else "TOO MUCH"
    print(f"the limit is {LIMIT:g} % without DNS rules: {verdict}")
    return 0 if share <= LIMIT else 1


# The whole message ------------------------------------------------------------------------------


def _server(sink_port: int) -> tuple[postroad.Postroad, Lists]:
    """One worker with the guides' lists; everything for other domains goes to the sink."""
    server = postroad.Postroad(
        {"workers": 1, "relay": {"smarthost": f"[127.0.0.1]:{sink_port}"}},
        listeners=("mx",),
        accounts={"john@example.org": "correct horse battery staple"},
    )
    blocklist = server.folder / "sender_blocklist"
    blocklist.write_text("".join(f"spam{n}@example.net REJECT\n" for n in range(1000)))
    lists = guides(blocklist)
    text = "".join(f"{stage} = {_toml(texts)}\n" for stage, texts in lists.items())
    with server.configuration.open("a") as file:
        file.write(f"\n[listeners.mx.policy]\n{text}")
    server.end()
    server.start()
    return server, lists


def _toml(texts: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"


def _whole(server: postroad.Postroad, sink: sinks.Sink, messages: int, rounds: int) -> float:
    """Seconds of processor time for each message: the least of the rounds, the most undisturbed."""
    _relay(server, sink, _WARM_UP)
    found = []
    for _ in range(rounds):
        before = _used(server)
        _relay(server, sink, messages)
        found.append((_used(server) - before) / messages)
    return min(found)


def _relay(server: postroad.Postroad, sink: sinks.Sink, messages: int) -> None:
    target = sink.messages() + messages
    sinks.send(server.port("mx"), messages, sessions=10, size=4096, within=_TIME_LIMIT)
    until(lambda: sink.messages() >= target, within=_TIME_LIMIT, what="delivery of every message")


def _used(server: postroad.Postroad) -> float:
    """Seconds of processor time that the server's processes have used, theirs and the kernel's."""
    ticks = 0
    for pid in (server.supervisor, *server.workers()):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime, proc(5)
    return ticks / os.sysconf("SC_CLK_TCK")


# The lists --------------------------------------------------------------------------------------


class _Nobody:
    """The agents of lists that ask none."""

    async def ask(self, service: str, attributes: Mapping[str, str]) -> str:  # noqa: ARG002
        raise LookupUnavailable(service)

    async def verify(self, address: Address, *, sender: bool) -> Verification:  # noqa: ARG002
        raise LookupUnavailable(str(address))

    async def greylist(self, client_address: str, sender: str, recipient: str) -> float:
        raise LookupUnavailable(f"{client_address} {sender} {recipient}")

    async def pause(self, seconds: float) -> None:
        """No list here pauses."""


async def _nothing(name: str, kind: RecordType) -> Records:  # noqa: ARG001
    """A DNS in which nobody is listed."""
    return Records(Existence.NO_DOMAIN, (), 3600.0)


async def _costs(
    configuration: Configuration, lists: Lists, evaluations: int, rounds: int
) -> dict[str, float]:
    """Seconds of processor time for one message, by the lists."""
    directory = EmbeddedDirectory.open(
        configuration.directory_file,
        domains=configuration.domains,
        settings=configuration.directory,
        clock=time.monotonic,
    )
    resolver = Resolver(configuration.dns, time.monotonic, query=_nothing)
    tables = Tables(report=print)
    oracle = Oracle(
        DirectoryOracle(Chain(directory)), DnsInquiry(resolver), TablesInquiry(tables), _Nobody()
    )
    surroundings = surroundings_of(configuration)
    facts = Facts(
        Client("192.0.2.1", 40_000, "mx.example.net", "mx.example.net"),
        helo="mx.example.net",
        mail=True,
        sender=Address("lisa", "example.net"),
        recipient=Address("john", "example.org"),
    )
    policies = {
        "the preset's lists": PolicySettings(),
        "the guides' lists without DNS rules": _settings(lists),
        "the guides' lists with DNS rules": _settings(with_dns(lists)),
    }
    try:
        return {
            name: min(
                [
                    await _cost(build("mx", each, surroundings), facts, oracle, evaluations)
                    for _ in range(rounds)
                ]
            )
            for name, each in policies.items()
        }
    finally:
        await resolver.close()
        await tables.close()
        directory.close()


def _settings(lists: Lists) -> PolicySettings:
    return PolicySettings(
        client=tuple(lists.get("client", ())),
        sender=tuple(lists["sender"]),
        relay=tuple(lists["relay"]),
        recipient=tuple(lists["recipient"]),
        data=tuple(lists["data"]),
    )


async def _cost(policy: Policy, facts: Facts, oracle: Oracle, evaluations: int) -> float:
    """Seconds of processor time for the questions of one message."""
    at_data = replace(facts, recipients=1, state="DATA")
    for _ in range(_WARM_UP):
        await policy.recipient(facts, oracle)
    started = time.process_time()
    for _ in range(evaluations):
        await policy.recipient(facts, oracle)
        await policy.data(at_data, oracle)
    used = time.process_time() - started
    reply = (await policy.recipient(facts, oracle)).reply
    if reply is not None:
        raise RuntimeError(f"the message was to pass, and got {reply}")
    return used / evaluations


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--evaluations", type=int, default=5000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
