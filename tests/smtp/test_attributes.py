"""The attributes of XCLIENT and XFORWARD: forms taken, and the words that refuse the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model import Reply
from postroad.smtp import Offer, SessionLimits, XClient, XForward, replies
from postroad.smtp.attributes import XCLIENT, XFORWARD, read_attributes
from postroad.smtp.commands import COMMANDS
from postroad.smtp.standing import Standing

TRUSTED = Standing(Offer(xclient=True, xforward=True), SessionLimits())
STRANGER = Standing(Offer(), SessionLimits())

XCLIENTS = [
    ("NAME=spike.example.net", {"NAME": "spike.example.net"}),
    ("name=a.b ADDR=192.0.2.1", {"NAME": "a.b", "ADDR": "192.0.2.1"}),
    ("ADDR=IPV6:2001:DB8::1", {"ADDR": "2001:db8::1"}),
    ("ADDR=2001:db8::1", {"ADDR": "2001:db8::1"}),
    ("ADDR=::ffff:192.0.2.1", {"ADDR": "::ffff:c000:201"}),
    ("ADDR=[unavailable]", {"ADDR": None}),
    ("NAME=[UNAVAILABLE] ADDR=[TEMPUNAVAIL]", {"NAME": None, "ADDR": None}),
    ("NAME=[tempunavail]", {"NAME": "[TEMPUNAVAIL]"}),
    ("REVERSE_NAME=[TEMPUNAVAIL]", {"REVERSE_NAME": "[TEMPUNAVAIL]"}),
    ("REVERSE_NAME=a.b", {"REVERSE_NAME": "a.b"}),
    ("PORT=0 DESTPORT=65535", {"PORT": "0", "DESTPORT": "65535"}),
    ("DESTADDR=192.0.2.2", {"DESTADDR": "192.0.2.2"}),
    ("PROTO=esmtp", {"PROTO": "ESMTP"}),
    ("HELO=my+20host", {"HELO": "my host"}),
    ("LOGIN=john+40example.org", {"LOGIN": "john@example.org"}),
    ("LOGIN=j+C3+BCrgen", {"LOGIN": "jürgen"}),
    ("LOGIN=john+x@example.org", {"LOGIN": "john+x@example.org"}),
    ("LOGIN=a=b", {"LOGIN": "a=b"}),
    ("NAME=a  NAME=b", {"NAME": "b"}),
    ("ADDR=192.0.2.256", replies.bad_attribute("ADDR", "192.0.2.256")),
    ("ADDR=fe80::1%eth0", replies.bad_attribute("ADDR", "fe80::1%eth0")),
    ("NAME=a..b", replies.bad_attribute("NAME", "a..b")),
    ("NAME=a+0D+0Ab", replies.bad_attribute("NAME", "a+0D+0Ab")),
    ("HELO=a+00", {"HELO": "a+00"}),  # no xtext of clean text: taken as it stands
    ("PORT=65536", replies.bad_attribute("PORT", "65536")),
    ("PORT=-1", replies.bad_attribute("PORT", "-1")),
    ("PROTO=LMTP", replies.bad_attribute("PROTO", "LMTP")),
    ("SOURCE=LOCAL", replies.unknown_attribute("XCLIENT", "SOURCE")),
    ("NAME", replies.ATTRIBUTE_EXPECTED),
    ("NAME=", replies.ATTRIBUTE_EXPECTED),
    ("=x", replies.unknown_attribute("XCLIENT", "")),
    (f"HELO={'x' * 255}", {"HELO": "x" * 255}),
    (f"HELO={'x' * 256}", replies.ATTRIBUTE_TOO_LONG),
    ("", replies.syntax_attributes("XCLIENT")),
]


@pytest.mark.parametrize(("argument", "result"), XCLIENTS)
def test_xclient(argument, result):
    expected = result if isinstance(result, Reply) else XClient(result)
    assert COMMANDS["XCLIENT"].read(argument, TRUSTED) == expected


XFORWARDS = [
    ("SOURCE=local IDENT=4XyZ", {"SOURCE": "LOCAL", "IDENT": "4XyZ"}),
    ("SOURCE=[UNAVAILABLE]", {"SOURCE": None}),
    ("PROTO=Whatever", {"PROTO": "Whatever"}),
    (f"PROTO={'x' * 65}", replies.bad_attribute("PROTO", "x" * 65)),
    ("SOURCE=OTHER", replies.bad_attribute("SOURCE", "OTHER")),
    ("LOGIN=john", replies.unknown_attribute("XFORWARD", "LOGIN")),
    ("", replies.syntax_attributes("XFORWARD")),
]


@pytest.mark.parametrize(("argument", "result"), XFORWARDS)
def test_xforward(argument, result):
    expected = result if isinstance(result, Reply) else XForward(result)
    assert COMMANDS["XFORWARD"].read(argument, TRUSTED) == expected


@pytest.mark.parametrize("verb", ["XCLIENT", "XFORWARD"])
def test_strangers_may_not(verb):
    assert COMMANDS[verb].read("NAME=x", STRANGER) == replies.NOT_AUTHORIZED
    assert COMMANDS[verb].read("", STRANGER) == replies.syntax_attributes(verb)


WORDS = st.builds(
    "{}={}".format,
    st.sampled_from([*XCLIENT, *XFORWARD]),
    st.text() | st.from_regex(r"(\+[0-9A-F]{2}|[a-z0-9.:])*", fullmatch=True),
)


@given(st.sampled_from([XCLIENT, XFORWARD]), st.lists(WORDS, max_size=4).map(" ".join))
def test_values_are_clean_and_never_empty(table, argument):
    result = read_attributes("XCLIENT", argument, table)
    if isinstance(result, Reply):
        assert result.code == 501
        assert len(result.encode()) <= 512
    else:
        values = [value for value in result.values() if value is not None]
        assert all(value and value.isprintable() for value in values)
