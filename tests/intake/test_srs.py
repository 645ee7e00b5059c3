"""The Sender Rewriting Scheme: there and back, and nobody but us makes what leads back."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from postroad.intake import srs
from postroad.intake.srs import CYCLE, HASH_SIZE, Fault, rewritten, undone
from postroad.model import Address, AddressError

KEY, OTHER = b"k" * 32, b"o" * 32
OURS = "example.org"
DAY = 20_600
AGE = 21
ANN = Address("Ann.Smith", "Example.com")

ADDRESSES = st.builds(
    Address,
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64),
    st.sampled_from(["example.com", "Mail.Example.NET", "xn--bcher-kva.example"]),
)


def there(sender: Address, *, key: bytes = KEY, day: int = DAY, domain: str = OURS) -> Address:
    address = rewritten(sender, domain, key, day)
    assert address is not None
    return address


def back(address: Address, *keys: bytes, day: int = DAY) -> Address | Fault:
    return undone(address, keys or (KEY,), day, AGE)


def test_its_form() -> None:
    kind, code, day, domain, local = there(ANN).local.split("=")

    assert (kind, domain, local) == ("SRS0", ANN.domain, ANN.local)
    assert len(code) == HASH_SIZE
    assert len(day) == 2
    assert there(ANN).domain == OURS


@given(ADDRESSES, st.integers(0, 100_000), st.integers(0, AGE))
def test_it_leads_back_while_it_is_good(sender: Address, day: int, age: int) -> None:
    assume(not sender.is_rewritten)
    address = there(sender, day=day)

    assert Address.parse(str(address)) == address
    assert back(address, day=day + age) == sender
    assert back(address, day=day + AGE + 1) is Fault.EXPIRED


@pytest.mark.parametrize("change", [str.lower, str.upper, str.swapcase])
def test_hosts_between_may_change_the_case(change: object) -> None:
    assert callable(change)
    address = Address(change(there(ANN).local), OURS.upper())

    found = back(address)

    assert isinstance(found, Address)
    assert found.key == ANN.key


@given(ADDRESSES, st.data())
def test_what_was_changed_or_cut_leads_nowhere(sender: Address, data: st.DataObject) -> None:
    assume(not sender.is_rewritten)
    local = there(sender).local
    at = data.draw(st.integers(0, len(local) - 1))
    put = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    changed = local[:at] + put + local[at + 1 :]
    assume(changed.lower() != local.lower())

    assert isinstance(back(Address(changed, OURS)), Fault)
    assert isinstance(back(Address(local[:at], OURS)), Fault)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=120))
def test_nothing_made_up_leads_anywhere(text: str) -> None:
    for start in (
        "",
        "SRS0=",
        "SRS1=",
        "SRS0=AAAAAAAA=AA=a.test=",
        "SRS1=AAAAAAAA=a.test=",
    ):
        assert isinstance(back(Address(start + text, OURS)), Fault)


@pytest.mark.parametrize(
    "local",
    ["SRS0=\u017f234567A=AA=example.com=ann", "SRS0=\u212a234567A=AA=example.com=ann"],
)
def test_letters_that_only_look_alike_are_no_digits(local: str) -> None:
    """`re` folds U+017F to s and U+212A to k unless it is told to keep to ASCII."""
    assert back(Address(local, OURS)) is Fault.UNREADABLE


def test_another_key() -> None:
    assert back(there(ANN), OTHER) is Fault.FORGED
    assert back(there(ANN), OTHER, KEY) == ANN


def test_without_a_key_nothing_is_good() -> None:
    assert undone(there(ANN), (), DAY, AGE) is Fault.FORGED


def test_the_count_of_days_begins_anew() -> None:
    address = there(ANN, day=CYCLE - 1)

    assert back(address, day=CYCLE + 5) == ANN
    assert back(there(ANN, day=DAY), day=DAY - 1) is Fault.EXPIRED


def test_what_another_forwarder_rewrote_skips_those_between() -> None:
    first = there(ANN, key=OTHER, domain="first.example")

    second = there(first)
    third = there(second, domain="third.example")

    assert second.local.startswith("SRS1=")
    assert third.local.startswith("SRS1=")
    assert "example.org" not in third.local
    assert back(second) == first
    assert back(third) == first
    assert back(first, OTHER) == ANN


@pytest.mark.parametrize("mark", "+-=")
def test_other_forwarders_divide_by_other_marks(mark: str) -> None:
    first = Address(f"SRS0{mark}abcd=XY=example.com=ann", "first.example")

    assert back(there(first)) == first


def test_an_srs1_address_cannot_be_made_from_an_srs0_one() -> None:
    _, code, rest = there(ANN).local.split("=", 2)

    assert isinstance(back(Address(f"SRS1={code}={rest}", OURS)), Fault)


def test_long_names_fit_and_longer_ones_are_left_alone() -> None:
    """The senders of large mailers are long; RFC 5321's 64 octets would not hold them."""
    sender = Address("bounces+1234567-" + "x" * 48, "em1234.mailer.example")
    address = there(sender)

    assert len(address.local) > 64
    assert Address.parse(str(address)) == address
    assert back(address) == sender
    assert rewritten(Address("x" * 64, "d" * 60 + ".example" * 20), OURS, KEY, DAY) is None


NOWHERE = ["[127.0.0.1]", "localhost", "x.localhost", "list.alias-programs.invalid", "10.0.0.1", ""]


@pytest.mark.parametrize("domain", NOWHERE)
def test_what_no_bounce_finds_its_way_to_is_left_alone(domain: str) -> None:
    assert rewritten(Address("root", domain), OURS, KEY, DAY) is None
    wrapped = Address(f"SRS1=ABCDEFGH={domain}==ABCDEFGH=XY=a.example=ann", "first.example")
    assert domain == "" or rewritten(wrapped, OURS, KEY, DAY) is None


@pytest.mark.parametrize("domain", NOWHERE[:-1])
def test_what_was_made_of_it_once_leads_nowhere(
    domain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(srs, "_is_public", lambda _: True)
    made = there(Address("root", domain))
    monkeypatch.undo()

    assert back(made) is Fault.NOWHERE


def test_only_rewritten_addresses_may_be_that_long() -> None:
    with pytest.raises(AddressError):
        Address.parse("x" * 65 + "@example.org")
    with pytest.raises(AddressError):
        Address.parse("SRS0=" + "x" * 236 + "@example.org")
