"""Rules about how HTML and links are made."""

from __future__ import annotations

import base64

import pytest

from postroad.filters.builtin.case import Case
from postroad.filters.builtin.markup_rules import MARKUP_RULES
from spam_world import case, dkim, names, octets, of_html

BASE64 = base64.b64encode(b"<html><body>Hello, this is it.</body></html>").decode()
SIGNED = (dkim("pass"),)
LIST = {"List_Id": "<talk.lists.example.net>"}


def html(source: str) -> Case:
    return case(of_html(f"<html><body>{source}</body></html>"))


def link(target: str) -> Case:
    return html(f'<a href="{target}">here</a>')


APPLIES: list[tuple[str, Case]] = [
    ("HTML_LARGE", html("<font face=Arial size='+5'>Now</font>")),
    ("HTML_RED", html("<font color=red>Now</font> or <FONT COLOR='#FF0000'>never</FONT>")),
    ("HTML_WHITE", html('<font size=2 color="#ffffff">hidden</font>')),
    ("HTML_SPLIT", html("V<!-- x -->iag<!--y-->r<kqzwpt>a")),
    ("HTML_NO_CHARSET", case(octets({"MIME-Version": "1.0", "Content-Type": "text/html"}, "<p>x"))),
    ("HTML_BASE64", case(of_html(BASE64, Content_Transfer_Encoding="base64"))),
    ("FORM_MAILED", html('<form action="MAILTO:x@example.com"><input></form>')),
    ("LINK_PORT", link("http://www.example.com:8181/x")),
    ("LINK_WRITTEN", link("http://www.example.com/%76%69%61%67ra")),
    ("LINK_SHORT", link("https://bit.ly/3xYz")),
    ("LINK_REMOVE", link("mailto:x@example.com?Subject=Remove")),
    ("BULK_UNDECLARED", html("To unsubscribe write to us")),
]

APPLIES_NOT: list[tuple[str, Case]] = [
    ("HTML_LARGE", html("<font size=2>Now</font> <font face='Size 7'>")),
    ("HTML_RED", html("<font color=red>Now</font>")),
    ("HTML_WHITE", html("<font color=blue>Now</font>")),
    (
        "HTML_SPLIT",
        html("H<small>2</small>O, wa<strong>ter</strong>, c<span>ol</span>our, a<b>b</b>c"),
    ),
    ("HTML_SPLIT", html("a<!--[if mso]-->b<!--[endif]-->c<!--[if mso]-->d")),
    ("HTML_NO_CHARSET", html("hello")),
    ("HTML_NO_CHARSET", case(octets({"Content-Type": "text/html"}, '<meta charset="utf-8">hi'))),
    ("HTML_BASE64", case(of_html(BASE64, Content_Transfer_Encoding="base64"), findings=SIGNED)),
    ("FORM_MAILED", html('<form action="https://example.com"><input></form>')),
    ("LINK_PORT", link("https://www.example.com:443/")),
    ("LINK_PORT", link("http://192.0.2.66:8181/")),
    ("LINK_WRITTEN", link("https://example.com/?u=%76%69%61%67ra")),
    ("LINK_WRITTEN", link("https://example.com/a%20b%20c%C3%BC")),
    ("LINK_SHORT", link("https://bit.ly.example.com/")),
    ("LINK_REMOVE", link("mailto:x@example.com?subject=unsubscribe")),
    ("BULK_UNDECLARED", case(of_html("<p>To unsubscribe write to us", **LIST))),
    ("BULK_UNDECLARED", case(of_html("<p>To unsubscribe write to us"), findings=SIGNED)),
]


@pytest.mark.parametrize(("rule", "looked_at"), APPLIES)
def test_a_rule_applies(rule: str, looked_at: Case) -> None:
    assert rule in names(looked_at)


@pytest.mark.parametrize(("rule", "looked_at"), APPLIES_NOT)
def test_a_rule_does_not_apply(rule: str, looked_at: Case) -> None:
    assert rule not in names(looked_at)


def test_every_rule_is_tried() -> None:
    assert {each.name for each in MARKUP_RULES} == {name for name, _ in APPLIES}
