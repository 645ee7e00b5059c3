"""Signatures a second, on one core, beside OpenDKIM and dkimpy.

    python bench/signing.py [--seconds 3] [--rounds 3]

Each signs, and verifies, the same message of 10 kB: RSA-2048, relaxed/relaxed, six fields. Ours is
the `Signer` and the `Verifier` as a worker calls them. OpenDKIM runs as a milter over a Unix-domain
socket, with a minimal client in this process, so what it needs includes the protocol, as it does
behind Postfix; both processes are bound to one core. dkimpy is called as a library. Rounds
alternate and the medians count. The goal is 1,000 messages a second for signing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import dkim

from dkim_signer import Octets, Zone
from peers.opendkim import OpenDkim
from postroad.mailauth.dkim.settings import DkimSettings
from postroad.mailauth.dkim.signing import Signer
from postroad.mailauth.dkim.signing_key import SigningKey, new_key
from postroad.mailauth.dkim.verification import Verifier
from postroad.model import Address, Envelope, Recipient
from postroad.model.fields import Fields
from postroad.model.letter import Letter, Origin

GOAL = 1000.0  # messages a second
SIZE = 10_000  # octets of a body

RSA = new_key("example.org", "rsa", "rsa", 2048)
ED25519 = new_key("example.org", "ed25519", "ed25519", 0)
HEADER = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: A message to be signed\r\n"
    b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@example.org>\r\n"
    b"Content-Type: text/plain; charset=us-ascii\r\n"
)
LINE = b"A line of text as people write it, with  a few blanks, and an end. \r\n"
BODY = LINE * (SIZE // len(LINE))
SIGNING = """\
Mode s
Domain example.org
Selector rsa
KeyFile {folder}/key
Canonicalization relaxed/relaxed
InternalHosts 192.0.2.0/24
RequireSafeKeys no
"""
VERIFYING = "Mode v\nTestPublicKeys {folder}/keys\n"


class Ring:
    """The same keys for everybody."""

    def __init__(self, *keys: SigningKey) -> None:
        self._keys = keys

    def keys_for(self, author: str) -> tuple[SigningKey, ...]:
        """See `Keys.keys_for`."""
        return self._keys if author == "example.org" else ()

    def lack(self, author: str) -> str:
        """See `Keys.lack`."""
        return f"{author} has none"


def letter() -> Letter:
    """The message."""
    return Letter(
        queue_id="BENCH",
        envelope=Envelope(Address.parse("ann@example.org")),
        recipients=(Recipient(Address.parse("bob@example.net")),),
        origin=Origin.OURS,
        fields=Fields.of(HEADER),
        body=Octets(BODY),
    )


def ours(seconds: float, *keys: SigningKey) -> float:
    """Messages that we sign in a second."""
    signer = Signer(DkimSettings(), Ring(*keys), clock=time.time, warn=print)

    async def run() -> float:
        async def once() -> None:
            await signer.examine(letter())

        return await _rate_of(once, seconds)

    return asyncio.run(run())


def ours_verified(seconds: float, *keys: SigningKey) -> float:
    """Messages that we verify in a second, with a signature of each key."""
    octets = signed(*keys)
    header, _, body = octets.partition(b"\r\n\r\n")
    verifier = Verifier(Zone.of(RSA, ED25519), time.time)

    async def run() -> float:
        async def once() -> None:
            found = await verifier.verify(Fields.of(header + b"\r\n"), Octets(body))
            assert all(each.counts for each in found)

        return await _rate_of(once, seconds)

    return asyncio.run(run())


def signed(*keys: SigningKey) -> bytes:
    """The message with our signatures."""
    signer = Signer(DkimSettings(), Ring(*keys), clock=time.time, warn=print)
    opinion = asyncio.run(signer.examine(letter()))
    assert opinion.fields is not None
    return opinion.fields.octets + b"\r\n" + BODY


def opendkim(seconds: float, settings: str, message: bytes) -> float:
    """Messages that OpenDKIM takes in a second."""
    files = {"key": RSA.pem, "keys": f"{RSA.name} {RSA.record}\n".encode()}
    peer = OpenDkim(settings, files)
    try:
        assert peer.show(message).fields
        return _rate(lambda: peer.show_all([message] * 50), seconds) * 50
    finally:
        peer.stop()


def dkimpy_signs(seconds: float) -> float:
    """Messages that dkimpy signs in a second."""
    message, pem = HEADER + b"\r\n" + BODY, RSA.pem
    ways = (b"relaxed", b"relaxed")
    return _rate(
        lambda: dkim.sign(message, b"rsa", b"example.org", pem, canonicalize=ways), seconds
    )


def dkimpy_verifies(seconds: float) -> float:
    """Messages that it verifies."""
    message = signed(RSA)
    record = RSA.record.encode()

    def once() -> None:
        assert dkim.verify(message, dnsfunc=lambda name, timeout=5: record)  # noqa: ARG005

    return _rate(once, seconds)


def _rate(once: Callable[[], object], seconds: float) -> float:
    once()
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        once()
        count += 1
    return count / passed


async def _rate_of(once: Callable[[], object], seconds: float) -> float:
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        await once()  # type: ignore[misc]
        count += 1
    return count / passed


def main() -> None:
    """Print the rates, and how they compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    seconds = given.seconds
    os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])  # one core, peers included
    plain, one = HEADER + b"\r\n" + BODY, signed(RSA)
    runs: dict[str, Callable[[], float]] = {
        "sign, RSA": lambda: ours(seconds, RSA),
        "sign, RSA and Ed25519": lambda: ours(seconds, RSA, ED25519),
        "sign, OpenDKIM": lambda: opendkim(seconds, SIGNING, plain),
        "sign, dkimpy": lambda: dkimpy_signs(seconds),
        "verify, RSA": lambda: ours_verified(seconds, RSA),
        "verify, RSA and Ed25519": lambda: ours_verified(seconds, RSA, ED25519),
        "verify, OpenDKIM": lambda: opendkim(seconds, VERIFYING, one),
        "verify, dkimpy": lambda: dkimpy_verifies(seconds),
    }
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(given.rounds):
        for name, run in runs.items():
            found[name].append(run())
    medians = {name: statistics.median(rates) for name, rates in found.items()}
    for name, rate in medians.items():
        base = medians[f"{name.partition(',')[0]}, RSA"]
        print(f"{name:26} {rate:8,.0f} messages/s   {base / rate:5.1f} times as many by us")
    reached = medians["sign, RSA"] >= GOAL
    print(
        f"goal of {GOAL:,.0f} signed messages/s on one core: {'reached' if reached else 'missed'}"
    )


if __name__ == "__main__":
    main()
