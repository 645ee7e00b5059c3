"""Cyrus SASL's sasldb2: a file of saslpasswd2, one made here page by page, and real programs."""

from __future__ import annotations

import base64
import gzip
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers import needs
from postroad.directory.files.berkeley_hash import BerkeleyMistake, read_pairs
from postroad.directory.files.sasldb import read_sasldb

OF_SASLPASSWD2 = """
H4sIAAAAAAACA+3ZvWoCQRSG4W+MSCzCWmgppE4RvAkbq1yBMJpBkeyuzLiJF2Euys7WziJVLsNCsusi+EMaQWzeB85w
OAzTf3MkyahkWzXVi6aR12M5q+jSttuRdlKzP1+8tMuZOXqn8JDX+nvcP58DAAAAAID7OM/oVS0jPf1GP9EqyjsAAAAA
AHD38B7c0LuZGaQDfcbKgvNvNoSv1L+bqX0OwfRs4uTmNp5+uNfUj07uHPL/8Z6/os0+/+fn1fv/Avt/AAAAAABu/S2Q
xbHzIUvMJB0n/+b/P5BdTDUAMAAA
"""
"""`saslpasswd2 -c -u example.org john` and two others, in a container whose name is `vm`."""


def known() -> bytes:
    return gzip.decompress(base64.b64decode(OF_SASLPASSWD2))


def test_a_file_of_saslpasswd2(tmp_path: Path) -> None:
    path = tmp_path / "sasldb2"
    path.write_bytes(known())
    accounts = read_sasldb(path)
    assert [(each.user, each.realm, each.password) for each in accounts] == [
        ("Jane", "example.org", "pa ss"),
        ("john", "example.org", "summersun"),
        ("bob", "vm", "secret"),
    ]
    assert [each.address() for each in accounts] == [
        "Jane@example.org",
        "john@example.org",
        "bob@vm",
    ]
    assert accounts[2].address("example.org") == "bob@example.org"
    assert "summersun" not in repr(accounts)


def page(order: str, number: int, kind: int, items: list[bytes], following: int = 0) -> bytes:
    """A page of 512 octets with these items, the first at its end."""
    at, begins, body = 512, list[int](), b""
    for item in items:
        at -= len(item)
        begins.append(at)
        body = item + body
    head = bytes(8) + struct.pack(f"{order}IIIHHBB", number, 0, following, len(items), at, 0, kind)
    index = struct.pack(f"{order}{len(begins)}H", *begins)
    return (head + index).ljust(512 - len(body), b"\0") + body


def overflow(order: str, number: int, octets: bytes, following: int) -> bytes:
    head = bytes(8) + struct.pack(f"{order}IIIHHBB", number, 0, following, 1, len(octets), 0, 7)
    return (head + octets).ljust(512, b"\0")


def database(order: str, pages: list[bytes], *, kind: int = 8, flags: int = 0) -> bytes:
    head = bytes(8) + struct.pack(
        f"{order}IIIIBBBBII", 0, 0x061561, 9, 512, 0, kind, flags, 0, 0, len(pages)
    )
    return head.ljust(512, b"\0") + b"".join(pages)


@pytest.mark.parametrize("order", ["<", ">"])
def test_pages_of_both_orders_with_a_long_value(order: str) -> None:
    long = bytes(range(256)) * 3
    where = b"\x03\0\0\0" + struct.pack(f"{order}II", 3, len(long))
    pages = [
        page(order, 1, 13, [b"\x01key", b"\x01value", b"\x01long", where]),
        page(order, 2, 2, [b"\x01other", b"\x01"]),
        overflow(order, 3, long[:486], 4),
        overflow(order, 4, long[486:], 0),
        page(order, 5, 0, []),
    ]
    assert list(read_pairs(database(order, pages))) == [
        (b"key", b"value"),
        (b"long", long),
        (b"other", b""),
    ]


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "too short"),
        (b"x" * 100, "no hash file of Berkeley DB"),
        (b"\xcf\x9a\x57\x13".ljust(100, b"\0"), "one of GDBM"),
        (bytes(16) + b"\xde\xc0\xef\xbe".ljust(100, b"\0"), "one of LMDB"),
        (database("<", [], kind=9), "of a form that is not known"),
        (database("<", [], flags=1), "checksums or is encrypted"),
        (database("<", [page("<", 1, 13, [])])[:-1], "its end is missing"),
        (database("<", [page("<", 1, 13, [b"\x01a"])]), "page 1 is damaged"),
        (database("<", [page("<", 1, 13, [b"\x01a", b"\x02b"])]), "holds what no mail server"),
        (
            database("<", [page("<", 1, 13, [b"\x01a", b"\x03\0\0\0" + struct.pack("<II", 1, 9)])]),
            "page 1 is damaged",
        ),
        (
            database(
                "<",
                [
                    page("<", 1, 13, [b"\x01a", b"\x03\0\0\0" + struct.pack("<II", 2, 10**9)]),
                    overflow("<", 2, b"x" * 400, 2),
                ],
            ),
            "not as long|damaged",
        ),
    ],
)
def test_what_is_no_such_file(octets: bytes, words: str) -> None:
    with pytest.raises(BerkeleyMistake, match=words):
        list(read_pairs(octets[:60_000]))


@pytest.mark.parametrize("pages_of_pairs", [1, 9])
def test_many_values_in_one_place_fill_no_memory(pages_of_pairs: int) -> None:
    where = b"\x03\0\0\0" + struct.pack("<II", pages_of_pairs + 1, 4 * 486)
    count = 6 if pages_of_pairs == 1 else 2
    pages = [page("<", 1 + each, 13, [where] * count) for each in range(pages_of_pairs)]
    chain = [pages_of_pairs + 1 + each for each in range(4)]
    pages += [overflow("<", at, b"x" * 486, at + 1 if at < chain[-1] else 0) for at in chain]
    with pytest.raises(BerkeleyMistake, match="several values are in one place"):
        list(read_pairs(database("<", pages)))


@given(st.binary(max_size=60), st.integers(0, 12_000))
def test_damage_is_refused_or_harmless(damage: bytes, at: int) -> None:
    octets = bytearray(known())
    octets[at : at + len(damage)] = damage
    try:
        found = len(list(read_pairs(bytes(octets))))
    except BerkeleyMistake:
        found = 0
    assert found < 200


def test_a_file_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(database("<", [page("<", 1, 13, [b"\x01john@example.org\0", b"\x01me\0"])]))
    with pytest.raises(BerkeleyMistake, match="is it a sasldb2"):
        read_sasldb(path)


@pytest.mark.peer
def test_what_saslpasswd2_writes_today(tmp_path: Path) -> None:
    command = needs.program("saslpasswd2")
    path = tmp_path / "sasldb2"
    expected = []
    for number in range(60):  # more than one page of pairs
        name, password = f"user{number}", f"password {number} " + "x" * 3 * number
        subprocess.run(
            [command, "-p", "-c", "-f", str(path), "-u", "example.org", name],
            input=password.encode(),
            check=True,
            timeout=30,
        )
        expected.append((name, password))
    subprocess.run([command, "-d", "-f", str(path), "-u", "example.org", "user7"], check=True)
    found = [(each.user, each.password) for each in read_sasldb(path)]
    assert sorted(found) == sorted(each for each in expected if each[0] != "user7")
