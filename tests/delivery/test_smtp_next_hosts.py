"""What one host defers is offered to the next one, in the same attempt."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from deliveries import broken_delivery, delivery, told
from fake_mx import DROP, HANG, FakeMx
from postroad.model.journal import Notice

TAKEN = "sent 250 2.0.0 Ok: queued as 0"


def hosts(report) -> list[str]:
    """The relay of each outcome: its host's number."""
    return [(each.relay or report.relay).partition(".")[0] for each in report.outcomes]


@pytest.mark.parametrize(
    "said",
    [
        {"MAIL": ["451 4.3.0 Later"]},
        {"MAIL": ["421 4.3.2 Shutting down"]},
        {"MAIL": [DROP]},
        {"RCPT": ["450 4.2.0 Greylisted"]},
        {"RCPT": ["421 4.7.0 Enough"]},
        {"RCPT": [DROP]},
        {"RCPT": ["552 Too many recipients"]},
        {"DATA": ["451 4.3.0 Later"]},
        {"DATA": ["421 4.3.2 Shutting down"]},
        {"DATA": [DROP]},
        {"END": ["451 4.3.0 Later"]},
        {"END": ["421 4.3.2 Shutting down"]},
        {"MAIL": ["what?"]},
        {"RCPT": ["354 Go"]},
    ],
    ids=lambda said: " ".join(f"{verb} {reply}" for verb, (reply,) in said.items()),
)
async def test_a_host_that_defers_is_followed_by_the_next(world, said):
    here = await world(FakeMx(said=said))
    second = await here.beside(FakeMx())
    report = await here.send("pair.example")
    assert told(report) == [f"10 {TAKEN}"]
    assert hosts(report) == ["second"]
    assert len(second.messages) == 1
    (noted,) = [event for event in here.logged if isinstance(event, Notice)]
    assert noted.text.startswith("4F1: ")


@pytest.mark.jumps
@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
async def test_a_silent_host_is_followed_by_the_next(world, verb):
    here = await world(FakeMx(said={verb: [HANG]}))
    await here.beside(FakeMx())
    assert told(await here.send("pair.example")) == [f"10 {TAKEN}"]


@pytest.mark.parametrize("verb", ["EHLO", "CONNECT"])
@pytest.mark.parametrize("reply", [DROP, "421 4.3.2 Busy", "450 4.7.1 No"])
async def test_so_is_one_that_gives_no_session(world, verb, reply):
    here = await world(FakeMx(said={verb: [reply], "HELO": [reply]}))
    await here.beside(FakeMx())
    assert told(await here.send("pair.example")) == [f"10 {TAKEN}"]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "END"])
async def test_a_refusal_for_good_is_not_asked_about_elsewhere(world, verb):
    here = await world(FakeMx(said={verb: ["550 5.7.1 No"]}))
    second = await here.beside(FakeMx())
    assert told(await here.send("pair.example")) == ["10 bounced 550 5.7.1 No"]
    assert second.connections == 0


async def test_each_recipient_has_the_word_of_the_last_host_that_was_asked(world):
    said = {"RCPT": ["250 Ok", "450 4.2.0 Wait", "550 5.1.1 Unknown", "451 4.2.1 Full"]}
    here = await world(FakeMx(said=said))
    second = await here.beside(FakeMx(said={"RCPT": ["250 Ok", "452 4.2.2 Still full"]}))
    report = await here.send("pair.example", "a@x.net", "b@x.net", "c@x.net", "d@x.net")
    assert told(report) == [
        f"10 {TAKEN}",
        f"11 {TAKEN}",
        "12 bounced 550 5.1.1 Unknown",
        "13 deferred 452 4.2.2 Still full",
    ]
    assert hosts(report) == ["mx", "second", "mx", "second"]
    assert here.server.messages[0].recipients == ["a@x.net"]
    assert second.messages[0].recipients == ["b@x.net"]


async def test_what_a_host_took_is_known_while_the_next_one_is_asked(world):
    here = await world(FakeMx(said={"RCPT": ["250 Ok", "450 4.2.0 Wait"]}))
    await here.beside(FakeMx(said={"MAIL": [HANG]}))
    known = []
    wanted = replace(delivery("pair.example", "a@x.net", "b@x.net"), parted=known.extend)
    running = asyncio.create_task(here.transport.deliver(wanted))
    await here.others[0].hanging.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [(each.recipient_id, str(each.reply)) for each in known] == [
        (10, TAKEN.removeprefix("sent ")),
        (11, "450 4.2.0 Wait"),
    ]
    assert all(each.relay.startswith("mx.example.net[") for each in known)


async def test_a_host_that_cannot_be_reached_has_no_word(world):
    here = await world(FakeMx(said={"RCPT": ["450 4.2.0 Greylisted"]}))
    report = await here.send("pair.example")  # nobody is at the second address
    assert told(report) == ["10 deferred 450 4.2.0 Greylisted"]
    assert not report.unreachable


async def test_only_so_many_hosts_are_asked(world):
    later = {"MAIL": ["451 4.3.0 Later"]}
    here = await world(FakeMx(said=later))
    second = await here.beside(FakeMx(said=later))
    third = await here.beside(FakeMx(), "127.0.0.4")
    assert told(await here.send("three.example")) == ["10 deferred 451 4.3.0 Later"]
    assert (second.connections, third.connections) == (1, 0)


async def test_the_limit_may_be_another_one(world):
    later = {"MAIL": ["451 4.3.0 Later"]}
    here = await world(FakeMx(said=later), delivery={"session_limit": 0})
    await here.beside(FakeMx(said=later))
    third = await here.beside(FakeMx(), "127.0.0.4")
    assert told(await here.send("three.example")) == [f"10 {TAKEN}"]
    assert len(third.messages) == 1


async def test_a_kept_session_counts_as_the_first_host(world):
    here = await world(FakeMx(said={"RCPT": ["250 Ok", "450 4.2.0 Wait"]}))
    second = await here.beside(FakeMx())
    await here.send("pair.example")
    assert told(await here.send("pair.example")) == [f"10 {TAKEN}"]
    assert (here.server.connections, second.connections) == (1, 1)


@pytest.mark.parametrize("chunking", [True, False])
async def test_a_message_that_may_have_been_taken_waits(world, chunking):
    offer = ("PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING")
    here = await world(FakeMx(offer=offer, said={"END": [DROP]}), delivery={"chunking": chunking})
    second = await here.beside(FakeMx())
    (result,) = told(await here.send("pair.example"))
    assert result == (
        "10 deferred 451 4.4.2 lost connection with mx.example.net[127.0.0.1] while "
        "sending end of data -- message may be sent more than once"
    )
    assert second.connections == 0


async def test_what_cannot_be_read_is_offered_to_nobody_else(world):
    here = await world()
    second = await here.beside(FakeMx())
    report = await here.transport.deliver(broken_delivery("pair.example", 10))
    assert told(report)[0].startswith("10 deferred 451 4.3.0 the message cannot be read")
    assert second.connections == 0


async def test_the_parts_of_a_next_hop_are_tried_in_their_order(world):
    here = await world(FakeMx(said={"RCPT": ["450 4.2.0 Wait"]}))
    second = await here.beside(FakeMx())
    report = await here.send("[dead.example.net],[mx.example.net],[second.example.net]")
    assert told(report) == [f"10 {TAKEN}"]
    assert hosts(report) == ["second"]
    assert len(second.messages) == 1


async def test_a_probe_asks_one_host(world):
    here = await world(FakeMx(said={"RCPT": ["450 4.2.0 Wait"]}))
    second = await here.beside(FakeMx())
    probed = await here.transport.probe("pair.example", "probe@example.org", "bob@example.net")
    assert str(probed.answer.reply) == "450 4.2.0 Wait"
    assert second.connections == 0


async def test_cancelling_between_two_hosts_closes_everything(world):
    here = await world(FakeMx(said={"RCPT": ["450 4.2.0 Wait"]}))
    second = await here.beside(FakeMx(said={"CONNECT": [HANG]}))
    task = asyncio.ensure_future(here.transport.deliver(delivery("pair.example")))
    await second.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    here.transport.close()
    await here.server.closed.get()
