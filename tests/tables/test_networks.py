"""Tables of networks find what a search rule by rule finds."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from postroad.tables import open_table

_NETWORKS = st.one_of(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32), st.just(4)),
    st.tuples(st.integers(0, 2**8 - 1), st.integers(24, 32), st.just(4)),
    st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128), st.just(6)),
    st.tuples(st.integers(0, 2**8 - 1), st.integers(120, 128), st.just(6)),
)
_RULES = st.lists(st.tuples(_NETWORKS, st.booleans()), min_size=1, max_size=12)
_ADDRESSES = st.one_of(
    st.integers(0, 2**8 - 1).map(lambda n: str(ip_address(n))),
    st.integers(0, 2**32 - 1).map(lambda n: str(ip_address(n))),
    st.integers(0, 2**8 - 1).map(lambda n: f"::{n:x}"),
    st.integers(2**32, 2**128 - 1).map(lambda n: str(ip_address(n))),
)


@given(_RULES, st.lists(_ADDRESSES, min_size=1, max_size=5))
async def test_the_first_rule_in_order_answers(
    rules: list[tuple[tuple[int, int, int], bool]], addresses: list[str]
) -> None:
    lines, networks = [], []
    for number, ((base, length, version), negated) in enumerate(rules):
        width = 32 if version == 4 else 128
        first = base >> (width - length) << (width - length)
        text = f"{ip_address(first.to_bytes(width // 8))}/{length}"
        networks.append((ip_network(text), negated))
        lines.append(f"{{{'!' * negated}{text} {number}}}")
    table = open_table(f"cidr:{{{', '.join(lines)}}}")
    for address in addresses:
        ip = ip_address(address)
        expected = next(
            (
                str(number)
                for number, (network, negated) in enumerate(networks)
                if network.version == ip.version and (ip in network) is not negated
            ),
            None,
        )
        assert await table.find(address) == expected


async def test_blocks() -> None:
    table = open_table(
        "cidr:{{if 10.0.0.0/8}, {10.1.0.0/16 one}, {if !10.2.0.0/16}, {10.3.0.0/16 three}, {endif},"
        " {endif}, {0.0.0.0/0 any}, {!::1 other}}"
    )
    found = {key: await table.find(key) for key in ("10.1.1.1", "10.2.1.1", "10.3.1.1", "9.1.1.1")}
    assert found == {"10.1.1.1": "one", "10.2.1.1": "any", "10.3.1.1": "three", "9.1.1.1": "any"}
    assert await table.find("::1") is None
    assert await table.find("::2") == "other"
    assert table.values() == {"one", "three", "any", "other"}
