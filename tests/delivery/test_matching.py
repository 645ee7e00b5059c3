"""Whether a certificate is the one that names, digests or TLSA records want (RFC 7671, 7672)."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from chains import Issued, issue, root
from postroad.delivery.matching import mismatch
from postroad.delivery.tls_policy import HostTls, TlsResult
from postroad.delivery.tlsa import Tlsa

HOST = "mx.example.net"
ROOT = root()
MIDDLE = issue(ROOT, common_name="Middle", ca=True)
LEAF = issue(MIDDLE, HOST)
CHAIN = (LEAF, MIDDLE, ROOT)
OTHER = root("Other")
EXPIRED = issue(MIDDLE, HOST, valid=(-9, -1))
ELSEWHERE = issue(MIDDLE, "elsewhere.example.net")
NEXTHOP = issue(MIDDLE, "example.net")
CLIENT = issue(MIDDLE, HOST, usages=(ExtendedKeyUsageOID.CLIENT_AUTH,))
COMMON = issue(MIDDLE, common_name=HOST)
SELF_SIGNED = issue(None, HOST)
OLD_MIDDLE = issue(ROOT, common_name="Old", ca=True, valid=(-9, -1))
NO_AUTHORITY = issue(ROOT, "evil.example.net")  # its owner signs for others without being asked
PRETENDED = issue(NO_AUTHORITY, HOST)
FORGED = issue(OTHER, common_name="Middle", ca=True)  # the same name as MIDDLE, another key


def tlsa(usage: int, selector: int, matching: int, of: Issued) -> Tlsa:
    octets = of.spki if selector else of.der
    data = {0: lambda o: o, 1: lambda o: hashlib.sha256(o).digest(),
            2: lambda o: hashlib.sha512(o).digest()}[matching](octets)  # fmt: skip
    return Tlsa(usage, selector, matching, data)


def by_tlsa(chain: tuple[Issued, ...], *records: Tlsa, names=(HOST, "example.net")):
    tls = HostTls("dane", names=names, tlsa=records)
    found = mismatch([each.der for each in chain], tls)
    return None if found is None else found.result


MATCHED = None
UNTRUSTED = TlsResult.CERTIFICATE_NOT_TRUSTED
WRONG_NAME = TlsResult.CERTIFICATE_HOST_MISMATCH
TOO_OLD = TlsResult.CERTIFICATE_EXPIRED


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize(
    ("usage", "of", "expected"),
    [
        (3, LEAF, MATCHED),
        (3, MIDDLE, UNTRUSTED),  # RFC 7671 §5.1: the server's own
        (3, OTHER, UNTRUSTED),
        (2, MIDDLE, MATCHED),
        (2, ROOT, MATCHED),
        (2, LEAF, UNTRUSTED),  # §5.2: an authority
        (2, OTHER, UNTRUSTED),
    ],
)
def test_every_kind_of_record(usage, selector, matching, of, expected):
    assert by_tlsa(CHAIN, tlsa(usage, selector, matching, of)) is expected


@pytest.mark.parametrize(
    ("chain", "record", "expected"),
    [
        # RFC 7672 §3.1.1: with DANE-EE neither times nor names count.
        ((EXPIRED, MIDDLE), tlsa(3, 1, 1, EXPIRED), MATCHED),
        ((ELSEWHERE,), tlsa(3, 1, 1, ELSEWHERE), MATCHED),
        ((SELF_SIGNED,), tlsa(3, 0, 1, SELF_SIGNED), MATCHED),
        ((CLIENT,), tlsa(3, 1, 1, CLIENT), MATCHED),
        # §3.1.2: with DANE-TA they do.
        ((EXPIRED, MIDDLE), tlsa(2, 0, 1, MIDDLE), TOO_OLD),
        ((LEAF, MIDDLE, ROOT), tlsa(2, 1, 1, ROOT), MATCHED),
        ((issue(OLD_MIDDLE, HOST), OLD_MIDDLE, ROOT), tlsa(2, 1, 1, ROOT), TOO_OLD),
        ((ELSEWHERE, MIDDLE), tlsa(2, 0, 1, MIDDLE), WRONG_NAME),
        ((NEXTHOP, MIDDLE), tlsa(2, 0, 1, MIDDLE), MATCHED),  # §3.2.3: the next hop's name will do
        ((COMMON, MIDDLE), tlsa(2, 0, 1, MIDDLE), MATCHED),  # and the common name, without others
        ((CLIENT, MIDDLE), tlsa(2, 0, 1, MIDDLE), UNTRUSTED),
        # The authority is whole in the record, and the server does not show it.
        ((LEAF,), tlsa(2, 0, 0, MIDDLE), MATCHED),
        ((LEAF, MIDDLE), tlsa(2, 0, 0, ROOT), MATCHED),
        ((LEAF,), tlsa(2, 0, 0, ROOT), UNTRUSTED),
        # Showing an authority is not being signed by it.
        ((SELF_SIGNED, MIDDLE, ROOT), tlsa(2, 0, 1, MIDDLE), UNTRUSTED),
        ((issue(OTHER, HOST), OTHER, MIDDLE), tlsa(2, 0, 1, MIDDLE), UNTRUSTED),
        ((issue(FORGED, HOST), FORGED, MIDDLE), tlsa(2, 0, 1, MIDDLE), UNTRUSTED),
        ((PRETENDED, NO_AUTHORITY, ROOT), tlsa(2, 0, 1, ROOT), UNTRUSTED),
        ((PRETENDED, NO_AUTHORITY), tlsa(2, 0, 1, NO_AUTHORITY), UNTRUSTED),
        # The order of the others does not count.
        ((LEAF, ROOT, MIDDLE), tlsa(2, 0, 1, ROOT), MATCHED),
        ((SELF_SIGNED,), tlsa(2, 0, 1, SELF_SIGNED), UNTRUSTED),
    ],
)
def test_what_each_usage_checks(chain, record, expected):
    assert by_tlsa(chain, record) is expected


def test_one_record_that_matches_is_enough():
    wrong, right = tlsa(3, 1, 1, OTHER), tlsa(3, 1, 1, LEAF)
    assert by_tlsa(CHAIN, wrong, right) is MATCHED
    assert by_tlsa(CHAIN, tlsa(2, 0, 1, OTHER), right) is MATCHED
    assert by_tlsa((EXPIRED, MIDDLE), tlsa(2, 0, 1, MIDDLE), tlsa(3, 1, 1, EXPIRED)) is MATCHED
    assert by_tlsa(CHAIN, wrong, wrong) is UNTRUSTED


def test_octets_that_are_no_certificate():
    record = tlsa(2, 0, 1, ROOT)
    tls = HostTls("dane", names=(HOST,), tlsa=(record,))
    for chain in ([], [b""], [b"0" * 100], [LEAF.der, b"junk", ROOT.der]):
        found = mismatch(chain, tls)
        assert found is not None
        assert found.result is UNTRUSTED
    whole = HostTls("dane", names=(HOST,), tlsa=(Tlsa(2, 0, 0, b"junk"),))
    assert mismatch([LEAF.der], whole) is not None
    exact = HostTls("dane", tlsa=(Tlsa(3, 0, 1, hashlib.sha256(b"junk").digest()),))
    assert mismatch([b"junk"], exact) is None  # the record says that these octets are right


@pytest.mark.parametrize(
    ("names", "wanted", "expected"),
    [
        ((HOST,), (HOST,), MATCHED),
        (("MX.Example.Net",), (HOST,), MATCHED),
        (("*.example.net",), (HOST,), MATCHED),
        (("*.net",), (HOST,), WRONG_NAME),
        (("*.example.net",), ("a.b.example.net",), WRONG_NAME),
        (("example.net",), (HOST,), WRONG_NAME),
        (("example.net",), (HOST, "example.net"), MATCHED),
        ((HOST,), (".example.net",), MATCHED),
        (("a.b.example.net",), (".example.net",), MATCHED),
        (("*.example.net",), (".example.net",), MATCHED),
        (("example.net",), (".example.net",), WRONG_NAME),
        (("notexample.net",), (".example.net",), WRONG_NAME),
        (("127.0.0.1",), ("127.0.0.1",), MATCHED),
        (("::1",), ("0:0:0:0:0:0:0:1",), MATCHED),
        (("127.0.0.2",), ("127.0.0.1",), WRONG_NAME),
        (("xn--bcher-kva.example",), ("bücher.example",), MATCHED),
        ((HOST,), (), WRONG_NAME),
    ],
)
def test_names(names, wanted, expected):
    found = mismatch([issue(ROOT, *names).der], HostTls("verify", names=wanted))
    assert (None if found is None else found.result) is expected


def test_the_common_name_counts_only_alone():
    """RFC 6125 §6.4.4."""
    both = issue(ROOT, "other.example.net", common_name=HOST)
    assert mismatch([both.der], HostTls("verify", names=(HOST,))) is not None
    assert mismatch([COMMON.der], HostTls("verify", names=(HOST,))) is None


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_fingerprints(digest):
    def tls(octets: bytes) -> HostTls:
        return HostTls(
            "fingerprint", digest=digest, fingerprints=(hashlib.new(digest, octets).digest(),)
        )

    for octets in (SELF_SIGNED.der, SELF_SIGNED.spki):
        assert mismatch([SELF_SIGNED.der], tls(octets)) is None
    found = mismatch([SELF_SIGNED.der], tls(LEAF.der))
    assert found is not None
    shown = hashlib.new(digest, SELF_SIGNED.der).digest().hex(":").upper()
    assert shown in found.words


@pytest.mark.parametrize("level", ["none", "may", "encrypt"])
def test_levels_that_check_nothing(level):
    assert mismatch([], HostTls(level)) is None
