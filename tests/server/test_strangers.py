"""What sessions do for address verification and greylisting."""

from __future__ import annotations

from base64 import b64encode

from postroad.model import Recipient
from session_world import World, talk

PLAIN = b64encode(b"\0john@example.org\0summersun").decode()
PROBE = "double-bounce@mail.example.org"
OK = "250 2.1.5 Ok\r\n"


async def test_the_sender_of_our_probes_is_always_taken(world: World) -> None:
    world.directory.unavailable = True  # nobody is asked
    client, _, _ = await world.connect(probe_sender=PROBE)
    await talk(client, "EHLO x", "MAIL FROM:<>")
    assert await talk(client, "RCPT TO:<Double-Bounce@Mail.Example.ORG>") == OK
    assert (await talk(client, "RCPT TO:<double-bounce@example.net>")).startswith("451 ")


async def test_nothing_is_always_taken_where_probes_have_the_null_sender(world: World) -> None:
    client, _, _ = await world.connect(probe_sender="")
    await talk(client, "EHLO x", "MAIL FROM:<>")
    assert (await talk(client, f"RCPT TO:<{PROBE}>")).startswith("554 5.7.1 ")


async def test_who_users_write_to_is_told_when_the_mail_was_taken(world: World) -> None:
    told: list[str] = []

    def wrote_to(recipients: list[Recipient]) -> None:
        told.extend(str(each.address) for each in recipients)

    client, _, _ = await world.connect("submission", wrote_to=wrote_to)
    await talk(client, "EHLO x", "STARTTLS", "EHLO x", f"AUTH PLAIN {PLAIN}")
    await talk(client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.com>")
    await talk(client, "RCPT TO:<nobody@example.org>", "RCPT TO:<bob@example.net>", "DATA")
    assert told == []
    assert (await client.say(b"Subject: x\r\n\r\n.\r\n")).startswith("250 ")
    assert told == ["lisa@example.com", "bob@example.net"]


async def test_who_strangers_write_to_is_nobodys_business(world: World) -> None:
    told: list[object] = []
    client, _, _ = await world.connect(wrote_to=told.append)
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
    assert (await client.say(b"Subject: x\r\n\r\n.\r\n")).startswith("250 ")
    assert told == []
