"""What a large directory costs: 50,000 accounts and 100,000 aliases in the embedded one.

Imported from a file with ready hashes, by the command; then looked up, each address once and
nothing remembered, with the file in the system's cache and without; then a server is started on an
empty directory and on the full one. Ends with status 1 when a limit is passed.

    python bench/directory.py [--users 50000] [--aliases 100000] [--rounds 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha512
from pathlib import Path
from typing import TypeVar

from peers.postroad import Postroad
from postroad.directory import DirectorySettings, EmbeddedDirectory, Unknown
from postroad.model import Address

_DOMAINS = 100
_SAMPLE = 5_000
_PASSWORD = "summersun"
_LOOKUP_LIMIT = 1.0  # ms, of 99 in 100 warm look-ups
_IMPORT_LIMIT = 30.0  # seconds
_START_LIMIT = 0.1  # seconds that a start may take longer

_Question = TypeVar("_Question")


def main() -> int:
    """Measure, print, and return the exit status."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="postroad-directory-") as name:
        folder = Path(name)
        file = folder / "accounts.json"
        file.write_text(json.dumps(_contents(options.users, options.aliases)))
        (folder / "postroad.toml").write_text(
            'hostname = "mail.example.org"\ndomains = ["example.org"]\n'
            f'state_directory = "{folder}"\n[listeners.mx]\n'
        )
        spent = _import(folder, file)
        print(f"import of {options.users} accounts and {options.aliases} aliases: {spent:.1f} s")
        database = folder / "directory.db"
        print(f"the file has {database.stat().st_size / 1_000_000:.1f} MB")
        worst = asyncio.run(_look_up(database, options.users, options.aliases))
        later = _starts(database, options.rounds)
    passed = spent < _IMPORT_LIMIT and worst < _LOOKUP_LIMIT and later < _START_LIMIT
    print("within the limits" if passed else "A LIMIT IS PASSED")
    return not passed


def _contents(users: int, aliases: int) -> dict[str, object]:
    """Accounts over many domains; each alias leads to an account, one in ten to two."""
    salt = b"saltsalt"
    digest = sha512(_PASSWORD.encode() + salt).digest()
    stored = "{SSHA512}" + b64encode(digest + salt).decode()
    return {
        "domains": [{"name": f"d{number}.example"} for number in range(_DOMAINS)],
        "users": [{"name": _user(number), "hash": stored} for number in range(users)],
        "aliases": [
            {
                "source": _alias(number),
                "targets": [_user(number % users), "away@elsewhere.test"][: 1 + (number % 10 == 0)],
            }
            for number in range(aliases)
        ],
    }


def _user(number: int) -> str:
    return f"user{number}@d{number % _DOMAINS}.example"


def _alias(number: int) -> str:
    return f"alias{number}@d{number % _DOMAINS}.example"


def _import(folder: Path, file: Path) -> float:
    """Seconds that the command takes, with its start."""
    words = ["--config", str(folder / "postroad.toml"), "directory", "import", str(file)]
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "postroad", *words], check=True)
    return time.perf_counter() - begun


async def _look_up(database: Path, users: int, aliases: int) -> float:
    """Print how long look-ups take; return the 99th percentile of the warm ones, in ms."""
    names = random.Random(1)
    sample = [_user(names.randrange(users)) for _ in range(_SAMPLE)]
    others = [_alias(names.randrange(aliases)) for _ in range(_SAMPLE)]
    nobody = [f"nobody{number}@d1.example" for number in range(_SAMPLE)]
    addresses = [Address.parse(each) for each in [*sample, *others, *nobody]]
    names.shuffle(addresses)
    _forget(database)
    directory = _open(database)
    try:
        cold = [await _timed(directory.resolve, each) for each in addresses[:200]]
        _told("look-ups, the file not in memory", cold)
        unknown = 0
        for each in addresses:  # so that every page was read once
            unknown += isinstance(await directory.resolve(each), Unknown)
        assert unknown == _SAMPLE
    finally:
        directory.close()
    directory = _open(database)
    try:
        warm = [await _timed(directory.resolve, each) for each in dict.fromkeys(addresses)]
        worst = _told("look-ups, each for the first time", warm)
        again = [await _timed(directory.resolve, each) for each in dict.fromkeys(addresses)]
        _told("look-ups, remembered", again)
        logins = [await _timed(directory.login_name, each) for each in sample]
        _told("look-ups of a login", logins)
        checked = [
            await _timed(lambda name: directory.authenticate(name, _PASSWORD), each)
            for each in sample[:1000]
        ]
        _told("logins with {SSHA512}", checked)
    finally:
        directory.close()
    return worst


def _open(database: Path) -> EmbeddedDirectory:
    return EmbeddedDirectory.open(
        database,
        domains=["example.org"],
        settings=DirectorySettings(rehash=False),
        clock=time.monotonic,
    )


async def _timed(ask: Callable[[_Question], Awaitable[object]], of: _Question) -> float:
    begun = time.perf_counter()
    await ask(of)
    return (time.perf_counter() - begun) * 1000


def _told(words: str, times: list[float]) -> float:
    p99 = statistics.quantiles(times, n=100)[98]
    print(f"{words:34} median {statistics.median(times):7.3f} ms  p99 {p99:7.3f} ms", flush=True)
    return p99


def _forget(path: Path) -> None:
    """Drop the file's pages from the system's cache."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _starts(database: Path, rounds: int) -> float:
    """Print how long a server takes to answer; return how much longer with the full directory."""
    times: dict[str, list[float]] = {"empty": [], "full": []}
    for _ in range(rounds):
        for kind, file in (("empty", None), ("full", database)):
            begun = time.perf_counter()
            server = Postroad({"directory": {"file": str(file)}} if file else {}, listeners=("mx",))
            times[kind].append(time.perf_counter() - begun)
            server.stop()
    empty, full = (min(times[kind]) for kind in ("empty", "full"))
    print(f"start of a server: {empty:.2f} s with few accounts, {full:.2f} s with all of these")
    return full - empty


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--aliases", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
