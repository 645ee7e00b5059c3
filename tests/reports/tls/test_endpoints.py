"""Where domains want their reports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.reports.tls.endpoints import MOST, endpoints_of

MAIL = "mailto:tls@example.net"
WEB = "https://reports.example.net:8443/v1/tls?a=b"


@pytest.mark.parametrize(
    ("texts", "targets"),
    [
        ([f"v=TLSRPTv1; rua={MAIL}"], ["tls@example.net"]),
        ([f"v=TLSRPTv1;rua={MAIL};"], ["tls@example.net"]),
        ([f"v=TLSRPTv1 ; rua = {MAIL} , {WEB}"], ["tls@example.net", WEB]),
        ([f"v=TLSRPTv1; new=1; rua={MAIL}; more=2"], ["tls@example.net"]),
        (["v=spf1 -all", f"v=TLSRPTv1; rua={WEB}"], [WEB]),
        (["v=TLSRPTv1; rua=mailto:a%21b@example.net?subject=x"], ["a!b@example.net"]),
        ([f"v=TLSRPTv1; rua={MAIL},{MAIL}"], ["tls@example.net"]),
        ([f"v=TLSRPTv1; rua=ftp://x,mailto:,https://,http://example.net/,{MAIL}"], [MAIL[7:]]),
        (["v=TLSRPTv1; rua=https://192.0.2.1:99999/x,https://a b/"], []),
        (["v=TLSRPTv1; rua=https://user:secret@example.net/,https://[::1]/"], []),
        (["v=TLSRPTv1; rua=mailto:%FF@example.net,mailto:%C3%A9@example.net"], []),
        (["v=TLSRPTv1; rua=mailto:x%0d%0aBcc:%20y@example.net"], []),
        (["v=TLSRPTv1;"], []),
    ],
)
def test_those_that_can_be_served(texts: list[str], targets: list[str]) -> None:
    found = endpoints_of(texts)
    assert found is not None
    assert [each.target for each in found] == targets


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["v=spf1 -all"],
        ["V=TLSRPTv1; rua=mailto:a@example.net"],
        ["v=TLSRPTv2; rua=mailto:a@example.net"],
        [" v=TLSRPTv1; rua=mailto:a@example.net"],
        ["v=TLSRPTv1; rua=mailto:a@example.net", "v=TLSRPTv1; rua=mailto:b@example.net"],
    ],
)
def test_domains_that_want_none(texts: list[str]) -> None:
    assert endpoints_of(texts) is None


def test_nobody_has_us_write_to_the_whole_world() -> None:
    uris = ",".join(f"mailto:a{number}@example.net" for number in range(100))
    assert len(endpoints_of([f"v=TLSRPTv1; rua={uris}"]) or ()) == MOST


@given(st.text(max_size=60))
def test_no_record_raises(text: str) -> None:
    for each in endpoints_of([f"v=TLSRPTv1; rua={text}"]) or ():
        assert each.target.isprintable()
        assert each.target.isascii()
