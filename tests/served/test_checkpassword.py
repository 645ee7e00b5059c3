"""The program that a Dovecot starts for each login: descriptor 3 in, a program or a status out."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from fake_directory import FakeDirectory
from served_world import ServedWorld

JOHN = "john@example.org"
PROGRAM = (sys.executable, "-m", "postroad.served.checkpassword")
SHOW = (sys.executable, "-c", "import os; print(os.environ['USER'], end='')")


@pytest.fixture
async def world(tmp_path):
    directory = FakeDirectory(users={JOHN: "summersun", "mary@example.org": "pässword"})
    async with ServedWorld(tmp_path, "dovecot-auth", directory) as made:
        yield made


async def started(path, said, *, program=SHOW, **environment):
    """Status and output of a run with these octets on descriptor 3."""
    (path.parent / "said").write_bytes(said)
    run = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        'exec "$@" 3<"$0"',
        str(path.parent / "said"),
        *PROGRAM,
        str(path),
        *program,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    async with asyncio.timeout(30):
        output, complaint = await run.communicate()
    assert b"summersun" not in output + complaint
    return run.returncode, output.decode()


@pytest.mark.parametrize(
    ("said", "status", "output"),
    [
        (b"John@example.org\0summersun\0", 0, JOHN),
        ("mary@example.org\0pässword\0".encode(), 0, "mary@example.org"),
        (b"john@example.org\0wrong\0", 1, ""),
        (b"nobody@example.org\0summersun\0", 1, ""),
        (b"john@example.org\0\0", 1, ""),
        (b"john@example.org\tsecured\0summersun\0", 1, ""),
        (b"", 1, ""),
    ],
)
async def test_a_login(world, said, status, output):
    assert await started(world.path, said, SERVICE="imap") == (status, output)


async def test_the_clients_address_is_told(world):
    said = b"john@example.org\0wrong\0"
    assert await started(world.path, said, TCPREMOTEIP="192.0.2.7", SERVICE="imap") == (1, "")
    assert "unknown[192.0.2.7]: SASL PLAIN authentication failed" in world.log


async def test_what_cannot_be_said_now_is_no_wrong_password(world, tmp_path):
    said = b"john@example.org\0summersun\0"
    assert (await started(tmp_path / "nothing", said))[0] == 111
    world.directory.unavailable = True
    assert (await started(world.path, said))[0] == 111
    assert (await started(world.path, said, SERVICE="imap\tuser=x"))[0] == 111


async def test_a_look_up_without_a_password_is_none(world):
    assert (await started(world.path, b"john@example.org\0", AUTHORIZED="1"))[0] == 1


async def test_it_wants_a_program_to_become(world):
    assert (await started(world.path, b"x\0y\0", program=()))[0] == 111
