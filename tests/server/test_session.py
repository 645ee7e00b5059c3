"""Whole sessions as dialogues: the real core, policy and door; fakes where the world begins."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest

from fake_connection import FakeConnection
from postroad.model import Client
from postroad.model.session_events import Disconnected
from postroad.policy import PolicySettings, build
from postroad.smtp import SessionLimits
from session_world import World, talk

PLAIN = b64encode(b"\0john@example.org\0summersun").decode()
MESSAGE = "From: a@b.example\r\nSubject: hello\r\n\r\nbody\r\n"


async def test_mail_from_the_world_to_a_user(world: World) -> None:
    client, _, banner = await world.connect()

    assert banner == "220 mail.example.org ESMTP Postroad\r\n"
    assert await talk(client, "EHLO mx.example.net") == (
        "250-mail.example.org\r\n250-PIPELINING\r\n250-SIZE 52428800\r\n250-STARTTLS\r\n"
        "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
        "250-BINARYMIME\r\n250 LIMITS RCPTMAX=1000\r\n"
    )
    assert await talk(client, "MAIL FROM:<a@b.example>") == "250 2.1.0 Ok\r\n"
    assert await talk(client, "RCPT TO:<info@example.org>") == "250 2.1.5 Ok\r\n"
    assert await talk(client, "DATA") == "354 End data with <CR><LF>.<CR><LF>\r\n"
    assert await client.say(f"{MESSAGE}.\r\n".encode()) == "250 2.0.0 Ok: queued as Q1\r\n"
    assert await talk(client, "QUIT") == "221 2.0.0 Bye\r\n"

    (claimed,) = world.queued
    assert [str(each.address) for each in claimed.recipients] == ["john@example.org"]
    assert [str(each.original) for each in claimed.recipients] == ["info@example.org"]
    received, _, rest = world.spool.drafts[0].octets.decode().partition("From: ")
    assert received.startswith("Received: from mx.example.net (mua.example.net [192.0.2.7])")
    assert "with ESMTP id Q1" in received
    assert "From: " + rest == MESSAGE
    await world.tasks[0]
    assert world.log == [
        "connect from mua.example.net[192.0.2.7]",
        "Q1: client=mua.example.net[192.0.2.7]",
        "Q1: message-id=<>",
        f"Q1: from=<a@b.example>, size={len(world.spool.drafts[0].octets)}, nrcpt=1 (queue active)",
        "disconnect from mua.example.net[192.0.2.7] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5",
    ]


async def test_one_segment_with_everything_is_answered_in_order(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO mx.example.net")

    answers = await client.say(
        b"MAIL FROM:<a@b.example>\r\nRCPT TO:<lisa@example.com>\r\nRCPT TO:<nobody@example.org>\r\n"
        b"RCPT TO:<john@example.org>\r\nDATA\r\n"
    )

    assert answers.splitlines() == [
        "250 2.1.0 Ok",
        "554 5.7.1 <lisa@example.com>: Relay access denied",
        (
            "550 5.1.1 <nobody@example.org>: Recipient address rejected: "
            "User unknown in virtual mailbox table"
        ),
        "250 2.1.5 Ok",
        "354 End data with <CR><LF>.<CR><LF>",
    ]
    assert (
        "NOQUEUE: reject: RCPT from mua.example.net[192.0.2.7]: 554 5.7.1 <lisa@example.com>: "
        "Relay access denied; from=<a@b.example> to=<lisa@example.com> proto=ESMTP "
        "helo=<mx.example.net>"
    ) in world.log


async def test_a_trusted_network_may_relay(world: World) -> None:
    client, _, _ = await world.connect(client=Client("10.1.2.3", 1))

    answer = await talk(client, "EHLO app", "MAIL FROM:<a@b.example>", "RCPT TO:<lisa@example.com>")

    assert answer == "250 2.1.5 Ok\r\n"


async def secure(world: World, preset: str = "submission", **changes: object) -> FakeConnection:
    client, _, _ = await world.connect(preset, **changes)
    await talk(client, "EHLO laptop", "STARTTLS", "EHLO laptop")
    return client


async def test_submission_before_tls(world: World) -> None:
    client, _, _ = await world.connect("submission")

    for command in ("MAIL FROM:<john@example.org>", f"AUTH PLAIN {PLAIN}", "VRFY john"):
        answer = await talk(client, command)
        assert answer == "530 5.7.0 Must issue a STARTTLS command first\r\n"
    for command in ("NOOP", "RSET", "HELP", "EHLO laptop"):
        assert (await talk(client, command)).startswith("2")
    assert "AUTH" not in await talk(client, "EHLO laptop")


async def test_starttls_login_and_relay(world: World) -> None:
    client = await secure(world)

    assert await talk(client, f"AUTH PLAIN {PLAIN}") == "235 2.7.0 Authentication successful\r\n"
    answer = await talk(
        client, "MAIL FROM:<john@example.org>", "RCPT TO:<lisa@example.com>", "DATA"
    )
    assert answer.startswith("354 ")
    assert (await client.say(b"Subject: x\r\n\r\n.\r\n")).startswith("250 2.0.0 Ok: queued as Q1")

    content = world.spool.drafts[0].octets
    assert b"with ESMTPSA id Q1\r\n" in content
    assert b"\r\nMessage-ID: <" in content
    assert b"\r\nDate: " in content
    assert (
        "Q1: client=mua.example.net[192.0.2.7], sasl_method=PLAIN, sasl_username=john@example.org"
    ) in world.log


async def test_what_was_learnt_before_tls_is_forgotten(world: World) -> None:
    client, _, _ = await world.connect("mx", auth=True)
    await talk(client, "EHLO x", "STARTTLS")

    assert (await talk(client, "MAIL FROM:<a@b.example>")).startswith("503 5.5.1 ")


async def test_login_in_steps(world: World) -> None:
    client = await secure(world)

    assert await talk(client, "AUTH LOGIN") == "334 VXNlcm5hbWU6\r\n"
    assert await talk(client, b64encode(b"JOHN@example.org").decode()) == "334 UGFzc3dvcmQ6\r\n"
    answer = await talk(client, b64encode(b"summersun").decode())

    assert answer == "235 2.7.0 Authentication successful\r\n"


@pytest.mark.parametrize("user", ["john@example.org", "nobody@example.org", "john"])
async def test_wrong_passwords_and_unknown_users_look_the_same(world: World, user: str) -> None:
    client = await secure(world)
    wrong = b64encode(f"\0{user}\0wrong".encode()).decode()

    answer = await talk(client, f"AUTH PLAIN {wrong}")

    assert answer == "535 5.7.8 Error: authentication failed: wrong name or password\r\n"
    assert (
        "warning: mua.example.net[192.0.2.7]: SASL PLAIN authentication failed: "
        f"authentication failure, sasl_username={user}"
    ) in world.log
    assert "wrong" not in "".join(line for line in world.log if "sasl_username" in line)


async def test_a_login_while_the_directory_is_away(world: World) -> None:
    client = await secure(world)
    world.directory.unavailable = True

    assert await talk(client, f"AUTH PLAIN {PLAIN}") == (
        "454 4.7.0 Temporary authentication failure\r\n"
    )


async def test_a_recipient_while_the_directory_is_away(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>")
    world.directory.unavailable = True

    assert await talk(client, "RCPT TO:<john@example.org>") == (
        "451 4.3.0 <john@example.org>: Temporary lookup failure\r\n"
    )


async def test_content_while_the_directory_is_away(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
    world.directory.unavailable = True

    answer = await client.say(f"{MESSAGE}.\r\n".encode())

    assert answer == "451 4.3.0 Error: temporary lookup failure\r\n"
    assert world.spool.drafts[0].ended == "discarded"


async def test_without_login_nothing_passes_submission(world: World) -> None:
    client = await secure(world)

    for recipient in ("lisa@example.com", "john@example.org"):
        answer = await talk(client, "MAIL FROM:<john@example.org>", f"RCPT TO:<{recipient}>")
        assert answer == (
            "554 5.7.1 <mua.example.net[192.0.2.7]>: Client host rejected: Access denied\r\n"
        )
        await talk(client, "RSET")


async def test_sending_as_somebody_else(world: World) -> None:
    client = await secure(world)
    await talk(client, f"AUTH PLAIN {PLAIN}", "MAIL FROM:<someoneelse@example.com>")

    assert await talk(client, "RCPT TO:<lisa@example.com>") == (
        "553 5.7.1 <someoneelse@example.com>: Sender address rejected: "
        "not owned by user john@example.org\r\n"
    )


@pytest.mark.parametrize("behind", [b"EHLO x\r\n", b"RSET\r\nMAIL FROM:<evil@example.net>\r\n"])
async def test_plain_text_behind_starttls_ends_the_session(world: World, behind: bytes) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x")

    answer = await client.say(b"STARTTLS\r\n" + behind)

    assert answer.startswith("554 5.5.0 ")
    assert client.closed
    assert client.tls is None


async def test_a_failed_handshake_is_one_clear_line(world: World) -> None:
    client, _, _ = await world.connect(broken_tls="wrong version number (advice)")

    await talk(client, "EHLO x", "STARTTLS")

    await world.tasks[0]
    assert client.closed
    assert (
        "SSL_accept error from mua.example.net[192.0.2.7]: wrong version number (advice)"
        in world.log
    )
    assert "lost connection after STARTTLS from mua.example.net[192.0.2.7]" in world.log


async def test_implicit_tls_comes_before_the_greeting(world: World) -> None:
    client, _, banner = await world.connect("submissions")

    assert banner.startswith("220 ")
    assert client.tls is not None
    ehlo = await talk(client, "EHLO laptop")
    assert "AUTH PLAIN LOGIN" in ehlo
    assert "STARTTLS" not in ehlo


async def test_smuggling_is_refused_and_leaves_nothing(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")

    answer = await client.say(
        b"Subject: x\r\n\r\none\n.\r\nMAIL FROM:<evil@example.net>\r\n\r\n.\r\n"
    )

    assert answer == "550 5.5.2 Error: bare <LF> received\r\n"
    assert world.queued == []
    assert world.spool.drafts[0].ended == "discarded"
    assert any("reject: END-OF-MESSAGE" in line for line in world.log)


async def test_a_full_disk_is_a_452_and_the_session_goes_on(world: World) -> None:
    client, _, _ = await world.connect()
    world.spool.breaks = True
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")

    answer = await client.say(f"{MESSAGE}.\r\n".encode())

    assert answer == "452 4.3.1 Insufficient system storage\r\n"
    assert (await talk(client, "NOOP")).startswith("250 ")
    assert any("no space left on device" in line for line in world.log)


async def test_a_mail_loop_is_refused(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")

    answer = await client.say(b"Received: again\r\n" * 51 + b"\r\n.\r\n")

    assert answer == "554 5.4.6 Error: too many hops\r\n"


async def test_a_second_transaction_starts_clean(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x")
    for _ in range(2):
        await talk(client, "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
        await client.say(f"{MESSAGE}.\r\n".encode())

    assert [len(each.recipients) for each in world.queued] == [1, 1]
    assert world.spool.drafts[0].octets != world.spool.drafts[1].octets


async def test_silence_is_answered_with_421(world: World) -> None:
    client, _, _ = await world.connect()

    answer = await client.say(TimeoutError())

    assert answer == "421 4.4.2 mail.example.org Error: timeout exceeded\r\n"
    await world.tasks[0]
    assert "timeout after CONNECT from mua.example.net[192.0.2.7]" in world.log
    assert client.patience == [300]


@pytest.mark.parametrize("loss", [b"", ConnectionResetError("reset")])
async def test_a_client_that_vanishes_in_the_content_leaves_nothing(
    world: World, loss: bytes | Exception
) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
    await client.say(b"Subject: half\r\n\r\nof a mess")

    await client.say(loss)

    await world.tasks[0]
    assert world.spool.drafts[0].ended == "discarded"
    assert world.queued == []
    assert "lost connection after DATA from mua.example.net[192.0.2.7]" in world.log
    assert isinstance(world.events[-1], Disconnected)


async def test_stopping_an_idle_session_says_goodbye(world: World) -> None:
    client, session, _ = await world.connect()
    await talk(client, "EHLO x")

    session.stop()

    assert await client.heard() == "421 4.3.2 mail.example.org Service shutting down\r\n"
    assert client.closed


async def test_stopping_lets_a_transaction_end(world: World) -> None:
    client, session, _ = await world.connect()
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")

    session.stop()
    answer = await client.say(f"{MESSAGE}.\r\n".encode())

    assert answer.splitlines() == [
        "250 2.0.0 Ok: queued as Q1",
        "421 4.3.2 mail.example.org Service shutting down",
    ]
    await world.tasks[0]
    assert len(world.queued) == 1


async def test_warnings_are_logged_and_let_pass(world: World) -> None:
    settings = PolicySettings(recipient=("warn_if_reject reject_unlisted_recipient",))
    client, _, _ = await world.connect(policy=build("mx", settings))

    answer = await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<nobody@example.org>")

    assert answer == "250 2.1.5 Ok\r\n"
    assert any(line.startswith("NOQUEUE: reject_warning: RCPT from") for line in world.log)


async def wrong_login(client: FakeConnection) -> str:
    return await talk(client, "AUTH PLAIN " + b64encode(b"\0john@example.org\0wrong").decode())


async def test_guessing_passwords_gets_slower_and_ends(world: World) -> None:
    client = await secure(world)

    answers = [await wrong_login(client) for _ in range(3)]

    failed = "535 5.7.8 Error: authentication failed: wrong name or password\r\n"
    assert answers == [
        failed,
        failed,
        failed + "421 4.7.0 mail.example.org Error: too many errors\r\n",
    ]
    assert world.pauses == [1, 2, 4]
    assert client.closed
    await world.tasks[0]
    assert "too many errors after AUTH from mua.example.net[192.0.2.7]" in world.log


async def test_only_the_guesser_waits(world: World) -> None:
    guesser, other = await secure(world), await secure(world)
    world.may_go_on.clear()

    guess = asyncio.create_task(wrong_login(guesser))
    await world.pausing.wait()

    assert await talk(other, "NOOP") == "250 2.0.0 Ok\r\n"
    assert await talk(other, f"AUTH PLAIN {PLAIN}") == "235 2.7.0 Authentication successful\r\n"
    assert not guess.done()
    world.may_go_on.set()
    assert (await guess).startswith("535 ")


async def test_a_right_password_after_a_wrong_one(world: World) -> None:
    client = await secure(world)
    await wrong_login(client)

    assert await talk(client, f"AUTH PLAIN {PLAIN}") == "235 2.7.0 Authentication successful\r\n"


async def test_a_message_that_takes_too_long_is_cut_off(world: World) -> None:
    client, _, _ = await world.connect(limits=SessionLimits(timeout=0))
    await talk(client, "EHLO x")
    world.now += 10_000  # without a transaction nothing runs out
    await talk(client, "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
    world.now += 3500
    await client.say(b"S")
    assert client.patience[-1] == 100

    world.now += 100

    assert await client.say(b"u") == "421 4.4.2 mail.example.org Error: timeout exceeded\r\n"
    assert client.closed
    await world.tasks[0]
    assert world.spool.drafts[0].ended == "discarded"
    assert "timeout after DATA from mua.example.net[192.0.2.7]" in world.log


async def test_a_transaction_without_a_limit(world: World) -> None:
    client, _, _ = await world.connect(limits=SessionLimits(transaction=0))
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>")
    world.now += 1e9

    assert await talk(client, "NOOP") == "250 2.0.0 Ok\r\n"
    assert client.patience[-1] == 300


async def test_a_spool_that_is_behind_holds_the_client_back(world: World) -> None:
    client, _, _ = await world.connect()
    await talk(client, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<john@example.org>", "DATA")
    world.spool.behind = asyncio.get_running_loop().create_future()

    said = asyncio.create_task(client.say(b"Subject: x\r\n\r\nbody"))
    for _ in range(10):
        await asyncio.sleep(0)

    assert not said.done()
    world.spool.behind.set_result(None)
    assert await said == ""
