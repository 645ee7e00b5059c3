"""DNS lists as they are named, and which answers count."""

from __future__ import annotations

import pytest

from postroad.model.dns_list import DnsList, reversed_address


@pytest.mark.parametrize(
    ("named", "answer", "counts"),
    [
        ("bl.example.net", "127.0.0.2", True),
        ("bl.example.net", "2001:db8::1", False),
        ("bl.example.net=127.0.0.[2;5..7]", "127.0.0.6", True),
        ("bl.example.net=127.0.0.[2;5..7]", "127.0.0.3", False),
        ("bl.example.net=127.0.0.2", "127.0.1.2", False),
    ],
)
def test_which_answers_count(named: str, answer: str, counts: bool) -> None:
    assert DnsList.parse(named).counts(answer) is counts


@pytest.mark.parametrize(
    "text",
    [
        *("", "local", "a b.example.net", "bl.example.net=", "bl.example.net=127.0.0"),
        *("bl.example.net=127.0.0.[9..2]", "bl.example.net=127.0.0.256"),
        "bl.example.net=127.0.0.[x]",
    ],
)
def test_what_is_no_list(text: str) -> None:
    with pytest.raises(ValueError, match=r"not|backwards"):
        DnsList.parse(text)


def test_addresses_are_asked_for_backwards() -> None:
    assert reversed_address("192.0.2.7") == "7.2.0.192"
    assert reversed_address("2001:db8::1") == "1." + "0." * 23 + "8.b.d.0.1.0.0.2"
