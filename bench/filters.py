"""What it costs to look at mail: a message from outside with nobody who looks, and with several.

Postfix's `smtp-source` sends one message of 4 KiB, signed by RSA-2048, again and again; it is a
stranger for the servers, and they pass it on to `smtp-sink` for a domain of somebody else's. A DNS
server on this machine has the sender's records. Each line is a server of its own; rounds alternate,
so that a noisy machine disturbs all alike, and the medians count. OpenDKIM verifies as a milter,
for Postfix and for us. spamd is asked with `--spamd`; it is slow, so it gets a tenth of the mail.

    python bench/filters.py [--rounds N] [--messages N] [--workers N] [--spamd]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import dkim

from figures import Figure
from peers import sinks
from peers.dns import NameServer
from peers.milters import opened
from peers.opendkim import OpenDkim
from peers.postfix import Postfix
from peers.postroad import Postroad, Table
from peers.spamd import Spamd
from peers.waiting import until
from postroad.mailauth.dkim.signing_key import new_key
from processor_time import usage_of

_TIME_LIMIT = 600.0  # seconds for one round
_SESSIONS = 20
_SLOWER = 10  # times fewer messages for spamd
_SIZE = 4096
_SENDER, _SINK = "source.test", "sink.test"
_PROGRAM = """\
from postroad.filter import Answer, Message


{kind} on_message(message: Message) -> Answer | None:
    if "nothing" in message.header("Subject"):
        message.add_header("X-Seen", "yes")
    return None
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Somebody who takes the mail.

    Attributes:
        port: on 127.0.0.1.
        root: the process that began the others.
        share: which part of the messages it gets.
    """

    port: int
    root: int
    share: float = 1.0


def main() -> None:
    """Run the rounds and print the figures."""
    options = _options()
    with ExitStack() as exits:
        folder = Path(exits.enter_context(TemporaryDirectory()))
        folder.chmod(0o755)
        message, record = _message(folder)
        sink = sinks.Sink()
        exits.callback(sink.stop)
        servers = _servers(exits, folder, sink.port, record, options)
        figures: dict[str, list[Figure]] = {name: [] for name in servers}
        for _ in range(options.rounds):
            for name, server in servers.items():
                count = max(int(options.messages * server.share), _SESSIONS)
                figure = _round(server, sink, message, count)
                figures[name].append(figure)
                print(f"{name:36} {figure}", flush=True)
    print(_told(figures))


def _message(folder: Path) -> tuple[Path, str]:
    """A file with a signed message, and the record of its key."""
    key = new_key(_SENDER, "one", "rsa", 2048)
    line = b"A line of text as people write it, with  a few blanks, and an end. \r\n"
    text = (
        f"From: Ann <ann@{_SENDER}>\r\nTo: bob@{_SINK}\r\nSubject: a message of nothing\r\n"
        f"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@{_SENDER}>\r\n\r\n"
    ).encode() + line * (_SIZE // len(line))
    signature = dkim.sign(text, b"one", _SENDER.encode(), key.pem)
    path = folder / "message"
    path.write_bytes((signature + text).replace(b"\r\n", b"\n"))
    return path, key.record


def _servers(
    exits: ExitStack, folder: Path, sink: int, record: str, options: argparse.Namespace
) -> Mapping[str, Server]:
    pieces = " ".join(f'"{record[at : at + 200]}"' for at in range(0, len(record), 200))
    dns = NameServer(
        [
            f'{_SENDER}. TXT "v=spf1 ip4:127.0.0.1 -all"',
            f"one._domainkey.{_SENDER}. TXT {pieces}",
            f'_dmarc.{_SENDER}. TXT "v=DMARC1; p=reject"',
        ],
        ["test."],
    )
    exits.callback(dns.stop)
    milter = OpenDkim(
        "Mode v\nTestPublicKeys {folder}/keys\nInternalHosts {folder}/hosts\n",
        {"keys": f"one._domainkey.{_SENDER} {record}\n".encode(), "hosts": b"192.0.2.99\n"},
    )
    exits.callback(milter.stop)
    place = opened(milter.socket)
    base: Table = {
        "workers": options.workers,
        "relay": {"trusted_networks": []},
        "dns": {"servers": [dns.address], "reverse": False},
        "rates": {},
        "domain": {_SINK: {"kind": "relay", "recipients": "any", "nexthop": f"[127.0.0.1]:{sink}"}},
    }
    unverified: Table = {**base, "authentication": {"verify": False}}
    chosen: dict[str, Table] = {
        "Postroad": unverified,
        "Postroad, border": base,
        "Postroad, border, async def": {**base, "filters": _program(folder, "async def")},
        "Postroad, border, def": {**base, "filters": _program(folder, "def")},
        "Postroad, OpenDKIM": {
            **unverified,
            "filters": {"opendkim": {"kind": "milter", "socket": place}},
        },
    }
    if options.spamd:
        spamd = Spamd()
        exits.callback(spamd.stop)
        socket = f"inet:127.0.0.1:{spamd.port}"
        chosen["Postroad, spamd"] = {
            **unverified,
            "filters": {"spamd": {"kind": "spamassassin", "socket": socket}},
        }
    servers = {
        "Postfix": _postfix(exits, sink, ""),
        "Postfix, OpenDKIM": _postfix(exits, sink, place),
    }
    for name, settings in chosen.items():
        server = Postroad(settings, listeners=("mx",))
        exits.callback(server.stop)
        share = 1 / _SLOWER if "spamd" in name else 1.0
        servers[name] = Server(server.port("mx"), server.supervisor, share)
    return servers


def _program(folder: Path, kind: str) -> Table:
    path = folder / f"{kind.replace(' ', '-')}.py"
    path.write_text(_PROGRAM.format(kind=kind))
    return {"mine": {"kind": "python", "file": str(path)}}


def _postfix(exits: ExitStack, sink: int, milter: str) -> Server:
    server = Postfix(
        {
            "mynetworks": "192.0.2.1/32",
            "relay_domains": _SINK,
            "relayhost": f"[127.0.0.1]:{sink}",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "smtpd_milters": milter,
        }
    )
    exits.callback(server.stop)
    return Server(server.port, server.master)


def _round(server: Server, sink: sinks.Sink, message: Path, count: int) -> Figure:
    """From the first connection to the last delivery, after a warm-up.

    Raises:
        subprocess.CalledProcessError: the server refused a message.
        TimeoutError: the sink did not get them all in time.
    """
    _deliver(server.port, sink, message, max(count // 10, _SESSIONS))
    before, started = usage_of(server.root), time.perf_counter()
    _deliver(server.port, sink, message, count)
    elapsed = time.perf_counter() - started
    used = usage_of(server.root).since(before)
    return Figure(count / elapsed, used.seconds / count * 1e6, used.waits / count)


def _deliver(port: int, sink: sinks.Sink, message: Path, count: int) -> None:
    target = sink.messages() + count
    sinks.send(
        port,
        count,
        sessions=_SESSIONS,
        within=_TIME_LIMIT,
        kept=True,
        message=message,
    )
    until(lambda: sink.messages() >= target, within=_TIME_LIMIT, what="delivery of every message")


def _told(figures: Mapping[str, list[Figure]]) -> str:
    """A line for each: medians, and what they are of the server without anybody who looks."""
    usual = {
        name: statistics.median(each.rate for each in figures[name])
        for name in ("Postfix", "Postroad")
    }
    lines = ["", "medians: messages/s, us of processor time of the server for each, of its own"]
    for name, found in figures.items():
        rate = statistics.median(each.rate for each in found)
        processor = statistics.median(each.processor for each in found)
        share = rate / usual[name.partition(",")[0]]
        lines.append(f"{name:36} {rate:8.0f} {processor:8.0f} {share:6.0%}")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=2000, help="of a round")
    parser.add_argument("--workers", type=int, default=0, help="of Postroad; 0: one per core")
    parser.add_argument("--spamd", action="store_true", help="ask SpamAssassin too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
