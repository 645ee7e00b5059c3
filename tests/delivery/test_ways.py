from __future__ import annotations

import re

import pytest

from postroad.delivery.ways import BUILT_IN, Way, read_way, usual_nexthop

KINDS = {**BUILT_IN, "bulk": "smtp", "program": "pipe"}


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("smtp:[mx.example.net]:2525", Way("smtp", "[mx.example.net]:2525")),
        ("smtp:MX.Example.NET", Way("smtp", "mx.example.net")),
        ("smtp:[a]:25, [b]:25", Way("smtp", "[a]:25,[b]:25")),
        ("smtp:inet:[a]:25", Way("smtp", "[a]:25")),
        (":[a]", Way("", "[a]")),
        (":", Way("", "")),
        ("bulk:", Way("bulk", "")),
        ("bulk", Way("bulk", "")),
        ("lmtp:unix:/run/Store", Way("lmtp", "unix:/run/Store")),
        ("lmtp:[store]:24", Way("lmtp", "inet:[store]:24")),
        ("local:", Way("local", "")),
        ("program:anything at all", Way("program", "anything at all")),
        ("error:5.1.2 It Moved: ask", Way("error", "5.1.2 It Moved: ask")),
        ("capture:x", Way("capture", "capture")),
    ],
)
def test_ways(text, way):
    assert read_way(text, KINDS) == way


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("smpt:[a]", 'there is no transport "smpt"; did you mean smtp?'),
        ("virtual:", 'there is no transport "virtual": here that is local'),
        ("nothing:x", 'there is no transport "nothing": expected smtp, relay,'),
        ("smtp:[a", '"smtp:[a": "[a" is no next hop'),
        ("smtp:a:0", "is no next hop"),
        ("smtp:a b*0", "expected a weight from 1 to 1000"),
        ("smtp:a*x", "expected a weight"),
        ("smtp:a_b/c", "names no login"),
        ("smtp:ex!ample", "is no host name"),
        (":" + ",".join(["a"] * 21), "more than 20 next hops"),
        ("lmtp:unix:run", '"unix:run" is no LMTP socket'),
    ],
)
def test_what_is_none(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        read_way(text, KINDS)


def test_what_stands_for_no_next_hop():
    assert usual_nexthop("smtp", "example.net") == "example.net"
    assert usual_nexthop("lmtp", "example.net") == "inet:example.net"
    assert usual_nexthop("error", "example.net") == "Address is undeliverable"
