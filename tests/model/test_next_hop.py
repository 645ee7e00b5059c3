from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model import ContentFilter, parse_filter
from postroad.model.next_hop import host_and_port


@pytest.mark.parametrize(
    ("text", "transport", "nexthop"),
    [
        ("smtp:[127.0.0.1]:10025", "smtp", "[127.0.0.1]:10025"),
        ("smtp:[filter.example]", "smtp", "[filter.example]"),
        ("smtp:filter.example:10025", "smtp", "filter.example:10025"),
        ("smtp:filter.example", "smtp", "filter.example"),
        ("smtp:inet:[::1]:10025", "smtp", "[::1]:10025"),
        ("smtp:[IPv6:2001:db8::1]:26", "smtp", "[IPv6:2001:db8::1]:26"),
        ("smtp:", "smtp", ""),
        ("lmtp:unix:/run/filter", "lmtp", "unix:/run/filter"),
        ("lmtp:inet:127.0.0.1:24", "lmtp", "inet:127.0.0.1:24"),
        ("lmtp:[127.0.0.1]:24", "lmtp", "inet:[127.0.0.1]:24"),
        ("lmtp:filter.example", "lmtp", "inet:filter.example"),
        ("local:", "local", ""),
        ("capture:", "capture", ""),
    ],
)
def test_content_filters(text: str, transport: str, nexthop: str) -> None:
    assert parse_filter(text) == ContentFilter(transport, nexthop)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", '"" is no content filter: expected smtp:[host]:port or smtp:domain:port'),
        ("scan", '"scan" is no content filter: expected smtp:'),
        ("smpt:[x]:25", 'there is no transport "smpt"; did you mean smtp?'),
        ("SMTP:[x]:25", 'there is no transport "SMTP"; did you mean smtp?'),
        ("spamd:", 'there is no transport "spamd": expected smtp, lmtp, local, capture'),
        ("smtp:[x", '"smtp:[x" is no content filter: expected smtp:[host]:port or'),
        ("smtp:[x]:", "is no content filter"),
        ("smtp:[]:25", "is no content filter"),
        ("smtp:x:0", "is no content filter"),
        ("smtp:x:65536", "is no content filter"),
        ("smtp:x:٢٥", "is no content filter"),
        ("smtp:x y:25", "is no content filter"),
        ("smtp:unix:/run/x", "is no content filter"),
        ("smtp:[x]25", "is no content filter"),
        ("lmtp:", '"lmtp:" is no content filter: expected lmtp:unix:/path or lmtp:[host]:port'),
        ("lmtp:unix:run/x", "is no content filter: expected lmtp:unix:/path"),
        ("lmtp:unix:/run/\0", "no content filter: expected lmtp:unix:/path or lmtp:[host]:port"),
        ("local:somewhere", '"local:somewhere" is no content filter: expected local:'),
        ("capture:/maildir", "is no content filter: expected capture:"),
    ],
)
def test_what_is_none(text: str, words: str) -> None:
    said = parse_filter(text)
    assert isinstance(said, str)
    assert words in said
    assert said.isprintable()


def test_a_mistake_repeats_only_so_much() -> None:
    for text in ("x" * 100_000, "smtp:" + "[" * 100_000, "x" * 100_000 + ":"):
        said = parse_filter(text)
        assert isinstance(said, str)
        assert len(said) < 200


@given(st.text(max_size=40))
def test_whatever_is_said_is_a_filter_or_words(rest: str) -> None:
    for text in (rest, f"smtp:{rest}", f"lmtp:{rest}", f"lmtp:unix:/{rest}"):
        said = parse_filter(text)
        assert isinstance(said, ContentFilter) or said.isprintable()


@given(st.integers(1, 65_535), st.sampled_from(["a.example", "192.0.2.1"]))
def test_ports(port: int, host: str) -> None:
    assert host_and_port(f"{host}:{port}") == host_and_port(f"[{host}]:{port}") == (host, port)
