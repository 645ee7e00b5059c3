"""Bans as an nftables script: readable by `nft`, exact where bans overlap."""

from __future__ import annotations

import re
import subprocess
from ipaddress import ip_address, ip_network, summarize_address_range

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers.needs import program
from postroad.limits.bans import Author, Ban
from postroad.limits.nftables import script

NOW = 1_800_000_000.0


def ban(subject: str, until: float | None = NOW + 60) -> Ban:
    return Ban(subject, "x", Author.AUTOMATIC, NOW, until)


BANS = [
    ban("192.0.2.7", NOW + 3599.2),
    ban("192.0.2.0/24", NOW + 60),
    ban("192.0.2.128/25", None),
    ban("198.51.100.1", None),
    ban("198.51.100.9", NOW - 1),
    ban("2001:db8::/64", NOW + 10),
    ban("2001:db8::/48", NOW + 5),
    ban("::1", None),
    ban("john@example.org", None),
]

SCRIPT = """\
table inet filter {
	set bans4 { type ipv4_addr; flags interval,timeout; }
	set bans6 { type ipv6_addr; flags interval,timeout; }
}
flush set inet filter bans4
flush set inet filter bans6
add element inet filter bans4 { 192.0.2.0-192.0.2.6 timeout 60s }
add element inet filter bans4 { 192.0.2.7 timeout 3600s }
add element inet filter bans4 { 192.0.2.8-192.0.2.127 timeout 60s }
add element inet filter bans4 { 192.0.2.128-192.0.2.255 }
add element inet filter bans4 { 198.51.100.1 }
add element inet filter bans6 { ::1 }
add element inet filter bans6 { 2001:db8::-2001:db8::ffff:ffff:ffff:ffff timeout 10s }
add element inet filter bans6 { 2001:db8:0:1::-2001:db8:0:ffff:ffff:ffff:ffff:ffff timeout 5s }
"""


def test_a_script() -> None:
    assert script(BANS, "inet filter", "bans", NOW) == SCRIPT


@pytest.mark.peer
@pytest.mark.parametrize("bans", [BANS, [], [ban("0.0.0.0/0"), ban("::/0", None)]])
def test_nft_takes_it(bans: list[Ban]) -> None:
    text = script(bans, "inet postroad", "bans", NOW)
    done = subprocess.run(
        [program("nft"), "-c", "-f", "-"], input=text, capture_output=True, text=True, check=False
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("this machine does not let us ask its packet filter")
    assert (done.returncode, done.stderr) == (0, "")


@given(
    st.lists(
        st.tuples(st.integers(0, 255), st.integers(24, 32), st.sampled_from([None, 5, 9])),
        max_size=12,
    )
)
def test_pieces_are_disjoint_and_say_the_same(given) -> None:
    bans = [
        ban(str(ip_network(f"192.0.2.{host}/{length}", strict=False)), end and NOW + end)
        for host, length, end in given
    ]
    said: dict[str, float | None] = {}
    for element in re.findall(r"\{ (.+) \}\n", script(bans, "inet x", "bans", NOW)):
        found = re.fullmatch(r"([0-9.]+)(?:-([0-9.]+))?(?: timeout (\d+)s)?", element)
        if found is None:
            continue  # the sets themselves
        first, last, seconds = found.groups()
        for network in summarize_address_range(ip_address(first), ip_address(last or first)):
            for address in network:
                assert str(address) not in said, "two elements overlap"
                said[str(address)] = seconds and int(seconds)
    meant: dict[str, float | None] = {}
    for each in bans:
        end = None if each.until is None else each.until - NOW
        for address in ip_network(each.subject):
            old = meant.get(str(address), 0)
            meant[str(address)] = None if end is None or old is None else max(old, end)
    assert said == meant
