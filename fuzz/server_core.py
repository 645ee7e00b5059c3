"""The fuzzer of the SMTP server core: any octets, from every state, against the invariants.

What must hold is in `tests/smtp_invariants.py`, where the tests use it too. This adds the engine
(atheris) and mutations that know SMTP: lines are moved, doubled, dropped and drawn from commands
that lead somewhere, and the count of a BDAT is set right again, so that inputs get deep.

    python fuzz/server_core.py fuzz/corpus -dict=fuzz/smtp.dict -max_total_time=600
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

with atheris.instrument_imports(include=["postroad.smtp"]):
    from smtp_invariants import BEGINNINGS, BOUNDS, check

COMMANDS = (
    b"EHLO x\r\n",
    b"HELO x\r\n",
    b"LHLO x\r\n",
    b"MAIL FROM:<a@example.net>\r\n",
    b"MAIL FROM:<later@example.net>\r\n",
    b"MAIL FROM:<gone@example.net> SIZE=9\r\n",
    b"MAIL FROM:<> BODY=BINARYMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb\r\n",
    b"MAIL FROM:<> HOLDFOR=5 BY=9;RT MT-PRIORITY=-3 AUTH=<>\r\n",
    b"MAIL FROM:<> HOLDUNTIL=2027-01-15T08:00:00Z REQUIRETLS\r\n",
    b"RCPT TO:<john@example.org>\r\n",
    b"RCPT TO:<john@example.org> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\\x{FC}@x\r\n",
    b"RCPT TO:<john@example.com>\r\n",
    b'RCPT TO:<"a b"@example.org>\r\n',
    b"DATA\r\n",
    b"BDAT 5\r\nhell\r",
    b"BDAT 3 LAST\r\n\nab",
    b"BDAT 0 LAST\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"VRFY a@example.org SMTPUTF8\r\n",
    b"ETRN @example.org\r\n",
    b"XCLIENT NAME=a.b ADDR=IPV6:::1 LOGIN=john+40x\r\n",
    b"XFORWARD NAME=[UNAVAILABLE] SOURCE=LOCAL\r\n",
    b"AUTH LOGIN am9obkBleGFtcGxlLm9yZw==\r\n",
    b"AUTH PLAIN AGpvaG5AZXhhbXBsZS5vcmcAc3VtbWVyc3Vu\r\n",
    b"c3VtbWVyc3Vu\r\n",
    b"*\r\n",
    b"STARTTLS\r\n",
    b"HELP\r\n",
    b"QUIT\r\n",
    b".\r\n",
    b"..\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n.\r",
    b"spam\r\n",
    b"x" * 90 + b"\r\n",
)

Lines = list[bytes]


def _insert(lines: Lines, chance: random.Random) -> None:
    lines.insert(chance.randint(0, len(lines)), chance.choice(COMMANDS))


def _drop(lines: Lines, chance: random.Random) -> None:
    if lines:
        del lines[chance.randrange(len(lines))]


def _double(lines: Lines, chance: random.Random) -> None:
    if lines:
        at = chance.randrange(len(lines))
        lines[at:at] = [lines[at]] * chance.randint(1, 4)


def _swap(lines: Lines, chance: random.Random) -> None:
    if len(lines) > 1:
        one, other = chance.sample(range(len(lines)), 2)
        lines[one], lines[other] = lines[other], lines[one]


def _recount(lines: Lines, chance: random.Random) -> None:
    """Give a BDAT a count that ends with a line behind it, or next to it."""
    counts = [at for at, line in enumerate(lines) if line[:5].upper() == b"BDAT "]
    if not counts:
        return
    at = chance.choice(counts)
    size = len(b"".join(lines[at + 1 : at + 1 + chance.randint(0, 4)])) + chance.choice(
        (0, 0, 1, -1)
    )
    lines[at] = re.sub(rb"\d+", b"%d" % max(size, 0), lines[at], count=1)


def _break_end(lines: Lines, chance: random.Random) -> None:
    if lines:
        at = chance.randrange(len(lines))
        end = chance.choice((b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n.\r\n", b""))
        lines[at] = lines[at].rstrip(b"\r\n") + end


MUTATIONS: tuple[Callable[[Lines, random.Random], None], ...] = (
    _insert,
    _insert,
    _insert,
    _drop,
    _double,
    _swap,
    _recount,
    _recount,
    _break_end,
)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change the input: as the engine does, or line by line."""
    chance = random.Random(seed)  # noqa: S311 (a fuzzer's dice)
    if chance.random() < 0.4:
        return atheris.Mutate(data, max_size)
    head = bytearray(data[:2].ljust(2, b"\0"))
    if chance.random() < 0.1:
        head[0], head[1] = chance.randrange(len(BEGINNINGS)), chance.randrange(len(BOUNDS))
    lines = re.findall(rb"[^\n]*\n|[^\n]+", data[2:])
    for _ in range(chance.randint(1, 4)):
        chance.choice(MUTATIONS)(lines, chance)
    return (bytes(head) + b"".join(lines))[:max_size]


def main() -> None:
    """Fuzz until told otherwise; the arguments are libFuzzer's."""
    atheris.Setup(sys.argv, check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
