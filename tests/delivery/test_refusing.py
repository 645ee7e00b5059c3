from __future__ import annotations

import pytest

from deliveries import delivery
from postroad.delivery.discard import DISCARD, DiscardTransport
from postroad.delivery.refusing import RefusingTransport, reason


@pytest.mark.parametrize(
    ("text", "permanent", "reply"),
    [
        ("5.1.2 it moved", True, "550 5.1.2 it moved"),
        ("4.3.2 back at noon", False, "450 4.3.2 back at noon"),
        ("4.3.2 back at noon", True, "450 4.3.2 back at noon"),
        ("5.7.1 no", False, "550 5.7.1 no"),
        ("no code", True, "550 5.0.0 no code"),
        ("no code", False, "450 4.0.0 no code"),
        ("2.0.0 odd", True, "550 5.0.0 odd"),
        ("5.1.2", True, "550 5.1.2 no reason was given"),
        ("5.1.2\r\n250 x", True, "550 5.1.2 250 x"),
        ("a\r\nb", True, "550 5.0.0 a??b"),
    ],
)
def test_reasons(text, permanent, reply):
    assert str(reason(text, permanent=permanent)) == reply


async def test_everybody_gets_the_reason():
    report = await RefusingTransport(permanent=True).deliver(delivery("5.1.2 it moved"))
    assert {(each.status.value, str(each.reply)) for each in report.outcomes} == {
        ("bounced", "550 5.1.2 it moved")
    }
    report = await RefusingTransport(permanent=False, usual="4.2.0 x").deliver(delivery(""))
    assert report.outcomes[0].status.value == "deferred"
    assert report.relay == "none"


async def test_a_route_may_say_why_mail_is_thrown_away():
    report = await DiscardTransport().deliver(delivery("noise"))
    assert str(report.outcomes[0].reply) == "250 2.0.0 noise"
    report = await DiscardTransport().deliver(delivery(DISCARD))
    assert "postmaster notification" in str(report.outcomes[0].reply)
