"""What the runner tells senders: failures, what they asked for, delays, deadlines."""

from __future__ import annotations

import re
import threading
from dataclasses import replace

import pytest

from fake_transport import BOUNCES, DEFERS, SENDS
from postroad.delivery import Delivery
from postroad.intake.door import Refusal
from postroad.model import (
    Action,
    ByMode,
    DeliverBy,
    Notify,
    Reply,
    Report,
    Return,
    Status,
    Told,
)
from postroad.model.journal import Notice
from postroad.model.message_events import Bounced, Delivered
from postroad.spool import Done, Retry
from queue_fakes import (
    turn,
    until,
)
from queue_mail import NOON, MemoryContent, crowd, message, recipients
from runner_stage import DAY, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


class TestBounce:
    async def test_the_sender_is_told_before_the_recipient_is_done(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            claimed = stage.commit()
            await until(lambda: stage.door.submitted)
            assert not stage.results
            await stage.empty()
        [(envelope, to, octets)] = stage.door.submitted
        assert (None, claimed.message.envelope.sender) == (envelope.sender, to[0])
        assert b"550 5.1.1 no such user here" in octets
        [bounced] = stage.journal.of(Bounced)
        assert (bounced.service, bounced.notification) == ("bounce", "BOUNCE1")

    async def test_one_for_all_recipients_of_a_delivery(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit(to=[f"u{number}@example.net" for number in range(10)])
            await stage.empty()
        [(_, _, octets)] = stage.door.submitted
        assert octets.count(b"Final-Recipient:") == 10

    async def test_only_those_that_failed(self, stage):
        def first_fails(delivery: Delivery) -> Report:
            bad, good = BOUNCES(delivery), SENDS(delivery)
            return Report((bad.outcomes[0], *good.outcomes[1:]), good.relay)

        stage.smtp.says = first_fails
        async with stage.running():
            stage.commit(to=("a@example.net", "b@example.net"))
            await stage.empty()
        [(_, _, octets)] = stage.door.submitted
        assert b"a@example.net" in octets
        assert b"b@example.net" not in octets

    async def test_never_to_the_null_sender(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit("")
            await stage.empty()
        assert not stage.door.submitted
        [notice] = stage.journal.of(Notice)
        assert "dropped" in notice.text

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (OSError("disk full"), Retry),
            (Refusal(Reply.of(452, "4.3.1", "Insufficient system storage")), Retry),
            (Refusal(Reply.of(554, "5.4.6", "alias expansion exceeds limits")), Done),
        ],
    )
    async def test_a_bounce_that_cannot_be_queued(self, stage, error, kind):
        stage.smtp.says, stage.door.error = BOUNCES, error
        async with stage.running():
            stage.commit()
            await until(lambda: stage.results)
        assert [kind] == [type(result) for result in stage.results]
        assert stage.journal.of(Notice)
        assert not stage.journal.of(Bounced)

    @pytest.mark.parametrize(("size", "in_loop"), [(100, True), (300_000, False)])
    async def test_the_header_of_a_large_message_is_read_beside_the_loop(
        self, stage, size, in_loop
    ):
        threads = set()

        class Watched(MemoryContent):
            def chunks(self):
                threads.add(threading.get_ident())
                return super().chunks()

        stage.smtp.says = BOUNCES
        mail = replace(message(), content=Watched(b"Subject: x\r\n\r\n" + b"y" * size))
        async with stage.running():
            stage.runner.add(stage.spool.commit(mail, crowd(1)))
            await stage.door.taken.wait()
            await stage.empty()
        assert (threading.get_ident() in threads) is in_loop
        assert b"Subject: x\r\n" in stage.door.submitted[0][2]

    async def test_mail_that_is_too_old(self, stage):
        stage.smtp.says = DEFERS
        stage.clock.now = NOON + 6 * DAY
        async with stage.running():
            stage.commit()
            await stage.empty()
        [(_, _, octets)] = stage.door.submitted
        assert b"Status: 4.4.7" in octets
        assert b"450 4.2.0 try again later" in octets
        [delivered] = stage.journal.of(Delivered)
        assert (delivered.status, delivered.reply.enhanced) == (Status.BOUNCED, "4.4.7")

    async def test_a_notification_that_cannot_be_made_defers_and_harms_nothing_else(self, stage):
        class Unreadable(MemoryContent):
            def chunks(self):
                raise ValueError("no such chunk")

        stage.smtp.says = BOUNCES
        async with stage.running():
            mail = replace(message(), content=Unreadable())
            stage.runner.add(stage.spool.commit(mail, recipients("bob@example.net")))
            result = await stage.settled(1)
            assert isinstance(result, Retry)
            assert result.at > NOON
            words = f"{mail.queue_id}: sender non-delivery notification failed: "
            [notice] = stage.journal.of(Notice)
            assert notice.message.startswith(words)
            stage.smtp.says = SENDS
            stage.commit()
            assert isinstance(await stage.settled(2), Done)

    async def test_a_lifetime_beyond_the_calendar(self):
        stage = Stage(lifetime=3e11)
        stage.smtp.says = DEFERS
        async with stage.running():
            stage.commit(asked={"notify": D}, queued=NOON - DAY)
            await stage.settled(1)
        assert stage.reports == ["1 delayed"]
        [(_, _, octets)] = stage.door.submitted
        assert b"\r\nWill-Retry-Until: Fri, 31 Dec 9999 23:59:59 +0000\r\n" in octets


S, F, D = Notify.SUCCESS, Notify.FAILURE, Notify.DELAY
HOUR = 3600.0


class TestReports:
    """RFC 3461: what the sender asked to be told."""

    async def test_never(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit(asked={"notify": Notify.NEVER})
            await stage.empty()
        assert not stage.reports
        assert not stage.journal.of(Notice)
        assert [Done] == [type(result) for result in stage.results]

    async def test_each_recipient_as_it_was_asked_for(self, stage):
        stage.smtp.says = BOUNCES
        to = (*recipients("a@example.net", notify=S), *recipients("b@example.net", notify=F))
        async with stage.running():
            stage.runner.add(stage.spool.commit(message(), to))
            await stage.empty()
        assert stage.reports == ["1 failed"]
        assert b"Final-Recipient: rfc822; b@example.net\r\n" in stage.door.submitted[0][2]

    async def test_relayed_to_a_server_that_will_not_report(self, stage):
        async with stage.running():
            claimed = stage.commit(to=("a@example.net", "b@example.net"), asked={"notify": S})
            await until(lambda: stage.door.submitted)
            assert not stage.results
            await stage.empty()
        assert stage.reports == ["2 relayed"]
        assert b"Remote-MTA: dns; mx.example.net\r\n" in stage.door.submitted[0][2]
        [bounced] = stage.journal.of(Bounced)
        words = f"{claimed.message.queue_id}: sender delivery status notification: BOUNCE1"
        assert bounced.text == words

    async def test_relayed_to_a_server_that_will(self, stage):
        def passes(delivery: Delivery) -> Report:
            report = SENDS(delivery)
            return report._replace(
                outcomes=tuple(each._replace(dsn_passed=True) for each in report.outcomes)
            )

        stage.smtp.says = passes
        async with stage.running():
            stage.commit(asked={"notify": S})
            await stage.empty()
        assert not stage.reports

    async def test_what_only_the_log_is_told(self, stage):
        def files(delivery: Delivery) -> Report:
            report = SENDS(delivery)
            outcomes = tuple(each._replace(aside="Junk: 7 points") for each in report.outcomes)
            return report._replace(outcomes=outcomes)

        stage.smtp.says = files
        async with stage.running():
            stage.commit(asked={"notify": S})
            await until(lambda: stage.door.submitted)
            await stage.empty()
        [delivered] = stage.journal.of(Delivered)
        assert str(delivered.reply) == "250 2.0.0 Ok: queued, Junk: 7 points"
        assert b"; 250 Ok: queued\r\n" in stage.door.submitted[0][2]
        assert b"Junk" not in stage.door.submitted[0][2]

    async def test_delivered(self, stage):
        stage.runner._transports = {"local": stage.smtp}
        stage.smtp.relays = False
        stage.router.transport = "local"
        async with stage.running():
            stage.commit(asked={"notify": S | F})
            await stage.empty()
        assert stage.reports == ["1 delivered"]

    async def test_a_list_that_was_expanded(self, stage):
        """Its own row is owed the report and gets no mail."""
        the_list = recipients("team@example.org", notify=S, owed=Action.EXPANDED)
        to = (*recipients("a@example.net", notify=Notify.NEVER), *the_list)
        async with stage.running():
            stage.runner.add(stage.spool.commit(message(), to))
            await stage.empty()
        assert stage.reports == ["1 expanded"]
        [delivery] = stage.smtp.deliveries
        assert delivery.recipients == to[:1]
        assert len(stage.journal.of(Delivered)) == 1

    async def test_nothing_to_the_null_sender(self, stage):
        the_list = recipients("team@example.org", notify=S, owed=Action.EXPANDED)
        async with stage.running():
            stage.runner.add(stage.spool.commit(message(""), the_list))
            stage.commit("", asked={"notify": S})
            await stage.empty()
        assert not stage.reports
        assert not stage.journal.of(Notice)

    async def test_a_report_that_cannot_be_sent_is_owed_and_nothing_is_delivered_twice(self, stage):
        stage.door.error = OSError("disk full")
        async with stage.running():
            stage.commit(asked={"notify": S})
            retry = await stage.settled(1)
            assert (retry.owed, retry.tried) == (Action.RELAYED, True)
            await stage.later(HOUR)
            await stage.settled(2)
            stage.door.error = None
            await stage.later(DAY)
            await stage.empty()
        assert stage.reports == ["1 relayed"]
        assert (
            b"Diagnostic-Code: X-Postroad; 250 2.0.0 Ok: queued\r\n" in stage.door.submitted[0][2]
        )
        assert len(stage.smtp.deliveries) == 1

    async def test_each_recipient_has_the_next_hop_that_it_had(self, stage):
        """Of one delivery in several transactions, as RCPTMAX wants it."""
        says = {"a": BOUNCES, "b": BOUNCES, "c": DEFERS}

        def second_hop(delivery: Delivery) -> Report:
            made = [says[each.address.local](delivery) for each in delivery.recipients]
            first, *others = [one.outcomes[at] for at, one in enumerate(made)]
            others = [each._replace(relay="mx2.example.net[192.0.2.2]:25") for each in others]
            return Report((first, *others), made[0].relay)

        stage.smtp.says = second_hop
        async with stage.running():
            stage.commit(to=[f"{name}@example.net" for name in says])
            await stage.settled(3)
        one, two = "mx.example.net[192.0.2.1]:25", "mx2.example.net[192.0.2.2]:25"
        assert [each.relay for each in stage.journal.of(Delivered)] == [one, two, two]
        hosts = re.findall(rb"Remote-MTA: dns; (.*)\r", stage.door.submitted[0][2])
        assert hosts == [b"mx.example.net", b"mx2.example.net"]

    async def test_a_delay_is_told_once(self, stage):
        stage.smtp.says = DEFERS
        async with stage.running():
            claimed = stage.commit(asked={"notify": D})
            retry = await stage.settled(1)
            assert retry.told is Told.NOTHING
            assert not stage.reports
            await stage.later(4 * HOUR)
            retry = await stage.settled(2)
            assert retry.told is Told.DELAY
            for _ in range(3):
                await stage.later(2 * HOUR)
        assert len(stage.results) == 5
        assert stage.reports == ["1 delayed"]
        octets = stage.door.submitted[0][2]
        assert b"Will-Retry-Until: Wed, 20 Jan 2027 08:00:00 +0000\r\n" in octets
        [bounced] = stage.journal.of(Bounced)
        assert bounced.text.startswith(f"{claimed.message.queue_id}: sender delay notification")

    async def test_a_delay_that_could_not_be_told_is_told_later(self, stage):
        stage.smtp.says = DEFERS
        stage.clock.now += 4 * HOUR
        stage.door.error = OSError("disk full")
        async with stage.running():
            stage.commit(asked={"notify": D})
            retry = await stage.settled(1)
            assert retry.told is Told.NOTHING
            stage.door.error = None
            await stage.later(2 * HOUR)
            retry = await stage.settled(2)
        assert retry.told is Told.DELAY
        assert stage.reports == ["1 delayed"]

    async def test_the_whole_message_returns_if_that_was_asked_for(self, stage):
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit(ret=Return.FULL, envid="QQ314", content=b"A: b\r\n\r\nthe body\r\n")
            await stage.empty()
        octets = stage.door.submitted[0][2]
        assert b"Original-Envelope-Id: QQ314\r\n" in octets
        assert b"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\nthe body\r\n" in octets

    async def test_a_large_message_does_not(self):
        stage = Stage(bounce_size_limit=20)
        stage.smtp.says = BOUNCES
        async with stage.running():
            stage.commit(ret=Return.FULL, content=b"A: b\r\n\r\nthe body is large\r\n")
            await stage.empty()
        octets = stage.door.submitted[0][2]
        assert b"text/rfc822-headers\r\n\r\nA: b\r\n" in octets
        assert b"the body" not in octets


class TestDeadline:
    """RFC 2852."""

    @staticmethod
    def by(seconds: float, mode: ByMode, *, trace: bool = False) -> DeliverBy:
        return DeliverBy(NOON + seconds, mode, trace)

    async def test_what_is_late_returns(self, stage):
        stage.smtp.says = DEFERS
        async with stage.running():
            stage.commit(deliver_by=self.by(60, ByMode.RETURN))
            retry = await stage.settled(1)
            assert retry.at == NOON + 60
            await stage.later(60)
            await stage.empty()
        assert len(stage.smtp.deliveries) == 1, "there is no attempt once it is over"
        assert stage.reports == ["1 failed"]
        octets = stage.door.submitted[0][2]
        assert b"Status: 5.4.7\r\n" in octets
        assert b"Diagnostic-Code: X-Postroad; 450 4.2.0 try again later\r\n" in octets
        assert b"Deliver-By-Date: Fri, 15 Jan 2027 08:01:00 +0000\r\n" in octets
        last = stage.journal.of(Delivered)[-1]
        assert last.status is Status.BOUNCED
        words = "the sender's deadline is over; the last reason was: 4.2.0 try again later"
        assert str(last.reply) == f"554 5.4.7 {words}"

    async def test_the_reason_does_not_grow_while_a_late_report_cannot_be_sent(self, stage):
        stage.smtp.says, stage.door.error = DEFERS, OSError("disk full")
        async with stage.running():
            stage.commit(deliver_by=self.by(60, ByMode.RETURN))
            for count in range(1, 5):
                await stage.settled(count)
                await stage.later(DAY)
            await stage.settled(5)
        assert [each.reason for each in stage.results] == ["450 4.2.0 try again later"] * 5

    async def test_never_is_heeded_there_too(self, stage):
        stage.clock.now += 60
        async with stage.running():
            stage.commit(deliver_by=self.by(60, ByMode.RETURN), asked={"notify": Notify.NEVER})
            await stage.empty()
        assert not stage.smtp.deliveries
        assert not stage.reports

    async def test_it_may_pass_while_others_are_being_delivered(self):
        stage = Stage(concurrency=1)
        stage.smtp.gate.clear()
        async with stage.running():
            stage.commit(to=("a@example.com",))
            stage.commit(deliver_by=self.by(60, ByMode.RETURN))
            await turn()
            stage.clock.now += 60
            stage.smtp.gate.set()
            await stage.empty()
        assert len(stage.smtp.deliveries) == 1
        assert stage.reports == ["1 failed"]

    async def test_who_only_wants_to_know_is_told_once(self, stage):
        stage.smtp.says = DEFERS
        async with stage.running():
            stage.commit(deliver_by=self.by(60, ByMode.NOTIFY))
            await stage.settled(1)
            await stage.later(60)
            retry = await stage.settled(2)
            assert retry.told is Told.DEADLINE
            assert stage.reports == ["1 delayed"]
            await stage.later(HOUR)
            stage.smtp.says = SENDS
            await stage.later(2 * HOUR)
            await stage.empty()
        assert stage.reports == ["1 delayed", "1 relayed"]
        assert b"Status: 4.4.7\r\n" in stage.door.submitted[0][2]

    @pytest.mark.parametrize(("trace", "reports"), [(True, ["1 relayed"]), (False, [])])
    async def test_a_trace(self, stage, trace, reports):
        def passes(delivery: Delivery) -> Report:
            report = SENDS(delivery)
            outcomes = tuple(each._replace(by_passed=True) for each in report.outcomes)
            return report._replace(outcomes=outcomes)

        stage.smtp.says = passes
        async with stage.running():
            stage.commit(deliver_by=self.by(60, ByMode.NOTIFY, trace=trace))
            await stage.empty()
        assert stage.reports == reports
