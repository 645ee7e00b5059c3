"""Rules about the program that made a message."""

from __future__ import annotations

import pytest

from postroad.filters.builtin.case import Case
from postroad.filters.builtin.mailer_rules import MAILER_RULES
from spam_world import case, dkim, names, octets, of_html

OUTLOOK = {"X-Mailer": "Microsoft Outlook Express 6.00.2600.0000"}
PRIORITY = {"X-MSMail-Priority": "Normal"}
LIST = {"List-Id": "<talk.lists.example.net>"}
NAMES = ("ann", "bob", "carl", "dora", "eve", "fay", "gus", "hal")
SIGNED = (dkim("pass"),)
HELLO = "<html><body><p>hello</p></body></html>"


def to(*addresses: str) -> Case:
    return case(octets({"To": ", ".join(addresses)}))


APPLIES: list[tuple[str, Case]] = [
    ("DATE_ZONE_ODD", case(octets({"Date": "Tue, 14 Nov 2023 05:12:40 -1700"}))),
    ("DATE_ZONE_ODD", case(octets({"Date": "Tue, 14 Nov 2023 22:12:40 +0017"}))),
    ("MAILER_NO_OUTLOOK", case(octets(OUTLOOK | PRIORITY))),
    ("MAILER_HTML_ONLY", case(of_html(HELLO, X_Mailer="Microsoft Outlook 16.0"))),
    ("HTML_NOBODYS", case(of_html(HELLO))),
    ("FREEMAIL_HTML", case(of_html(HELLO, From="a@yahoo.com"))),
    ("PRIORITY_HIGH", case(octets({"X-Priority": "1 (Highest)"}))),
    ("PRIORITY_HIGH", case(octets({"Importance": "High"}))),
    (
        "TO_MANY",
        to(*[f"{name}@example.org" for name in NAMES]),
    ),
    ("TO_NAMESAKES", to("joe@a.example", "joan@b.example", "<john@c.example>", "jo.k@d.example")),
]

APPLIES_NOT: list[tuple[str, Case]] = [
    ("DATE_ZONE_ODD", case(octets({"Date": "Tue, 14 Nov 2023 22:12:40 +1245"}))),
    ("DATE_ZONE_ODD", case(octets({"Date": "Tue, 14 Nov 2023 22:12:40 GMT"}))),
    ("DATE_ZONE_ODD", case(octets({"Date": None}))),
    ("MAILER_NO_OUTLOOK", case(octets(OUTLOOK | PRIORITY | {"X-MimeOLE": "Produced By"}))),
    ("MAILER_NO_OUTLOOK", case(octets(PRIORITY), findings=SIGNED)),
    ("MAILER_NO_OUTLOOK", case(octets(PRIORITY | {"X-Mailer": "SquirrelMail"}))),
    ("MAILER_HTML_ONLY", case(octets(OUTLOOK))),
    ("MAILER_HTML_ONLY", case(of_html(HELLO, X_Mailer="Microsoft Outlook Express Macintosh"))),
    ("HTML_NOBODYS", case(of_html(HELLO), findings=SIGNED)),
    ("HTML_NOBODYS", case(of_html(HELLO, User_Agent="K-9 Mail"))),
    ("FREEMAIL_HTML", case(of_html(HELLO, From="a@yahoo.com"), findings=SIGNED)),
    ("FREEMAIL_HTML", case(octets({"From": "a@yahoo.com"}))),
    ("PRIORITY_HIGH", case(octets({"X-Priority": "3"}))),
    ("PRIORITY_HIGH", case(octets(LIST | {"X-Priority": "1"}))),
    ("TO_MANY", to("ann@example.org", "bob@example.org")),
    ("TO_MANY", case(octets(LIST | {"To": ", ".join(["talk@example.org"] * 9)}))),
    ("TO_NAMESAKES", to(*[f"joe{at}@example.org" for at in range(6)])),
    ("TO_NAMESAKES", to("ann@a.example", "bob@b.example", "carl@c.example", "joe@d.example")),
]


@pytest.mark.parametrize(("rule", "looked_at"), APPLIES)
def test_a_rule_applies(rule: str, looked_at: Case) -> None:
    assert rule in names(looked_at)


@pytest.mark.parametrize(("rule", "looked_at"), APPLIES_NOT)
def test_a_rule_does_not_apply(rule: str, looked_at: Case) -> None:
    assert rule not in names(looked_at)


def test_every_rule_is_tried() -> None:
    assert {each.name for each in MAILER_RULES} == {name for name, _ in APPLIES}
