"""What rules go by: dates, addresses, organizations, words of two alphabets, hosts of links."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.builtin.alphabets import mixed_word
from postroad.filters.builtin.case import is_public, moment, organization
from postroad.filters.builtin.link_rules import host_of
from postroad.filters.builtin.manner_rules import MANNER_RULES
from postroad.filters.builtin.phrases import MOST_SAID
from postroad.filters.builtin.rule import Rule
from postroad.filters.builtin.text_rules import TEXT_RULES
from spam_world import ARRIVED, TRACE, case, dkim, letter, octets, spf


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Tue, 14 Nov 2023 22:13:20 +0000", ARRIVED),
        ("Tue, 14 Nov 2023 17:13:20 -0500 (EST)", ARRIVED),
        ("14 Nov 23 22:13:20 GMT", ARRIVED),
        ("", None),
        ("soon", None),
        ("Tue, 14 Nov 99999999999 22:13:20 +0000", None),
        ("9" * 5000, None),
    ],
)
def test_dates(text: str, at: float | None) -> None:
    assert moment(text) == at


@given(st.text(max_size=60))
def test_no_date_raises(text: str) -> None:
    found = moment(text)
    assert found is None or isinstance(found, float)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("192.0.2.7", True),
        ("2001:db8::1", True),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("100.64.0.1", False),
        ("255.255.255.255", False),
        ("fe80::1", False),
        ("::1", False),
        ("local", False),
    ],
)
def test_addresses_of_the_internet(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("domain", "whose"),
    [("mail.Example.co.uk.", "example.co.uk"), ("example.com", "example.com"), ("", ""), ("é", "")],
)
def test_whose_a_domain_is(domain: str, whose: str) -> None:
    assert organization(domain) == whose


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("P\u0430yPal", "P\u0430yPal"),
        ("my \u0410pple", "\u0410pple"),
        ("Gru\u00dfe \u0438 \u043f\u0440\u0438\u0432\u0435\u0442", ""),
        ("SMS\u043a\u0430", ""),
        ("\u0394t", ""),
    ],
)
def test_words_of_two_alphabets(text: str, word: str) -> None:
    assert mixed_word(text) == word


@pytest.mark.parametrize(
    ("target", "host", "user"),
    [
        ("https://Example.com:8443/x", "example.com", ""),
        ("//example.com", "example.com", ""),
        ("http://a@b@example.com/", "example.com", "a@b"),
        ("http://%65xample.com/", "example.com", ""),
        ("http://[2001:db8::1]:80/", "[2001:db8::1]", ""),
        ("mailto:a@example.com", "", ""),
        ("", "", ""),
    ],
)
def test_where_a_link_leads(target: str, host: str, user: str) -> None:
    assert host_of(target) == (host, user)


def test_what_stands_above_our_received_field_is_no_part_of_it() -> None:
    made = letter(octets({"X-Spam-Flag": "YES"}))
    seen = case(fields=made.fields.above(b"Authentication-Results: mail.example.org; none\r\n"))
    assert [each.key for each in seen.came][:2] == ["received", "from"]
    assert all(each.octets != TRACE for each in seen.came)
    assert seen.came.first("x-spam-flag") is None


def test_who_vouches_for_it() -> None:
    findings = (
        *(spf("pass", "bounce.example.com"), dkim("pass", "a.example.net")),
        *(dkim("pass", "b.example", counts="no"), dkim("fail", "c.example")),
    )
    assert case(findings=findings).vouched() == {"example.com", "example.net"}


TOLL_FREE = "Call 1-800-555-0199 now"
RANSOM = (
    "I have hacked your webcam. Send 900 USD in Bitcoin to"
    " 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 within 48 hours."
)


@pytest.mark.parametrize("header", [{}, {"MIME-Version": "1.0", "Content-Type": "text/html"}])
@pytest.mark.parametrize(
    ("rules", "name", "text"),
    [(MANNER_RULES, "TEXT_TOLL_FREE", TOLL_FREE), (TEXT_RULES, "FRAUD_RANSOM", RANSOM)],
)
def test_all_rules_read_the_same_of_a_text(
    rules: tuple[Rule, ...], name: str, text: str, header: dict[str, str]
) -> None:
    (rule,) = [each for each in rules if each.name == name]
    line = "It is said. "
    before = line * ((MOST_SAID - len(text)) // len(line))
    assert rule.test(case(octets(header, before + text)))
    assert not rule.test(case(octets(header, before + line * 20 + text)))
