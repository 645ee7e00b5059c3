"""PLAIN, LOGIN and EXTERNAL: what is sent, step by step, and what it amounts to."""

from __future__ import annotations

from base64 import b64decode

import pytest

from postroad.sasl import MECHANISMS, Certified, Challenge, Credentials, Malformed

JOHN = Credentials("john@example.org", "", "summersun")
NAME_PROMPT, PASSWORD_PROMPT = (
    Challenge(b64decode("VXNlcm5hbWU6")),
    Challenge(b64decode("UGFzc3dvcmQ6")),
)
PARTS = Malformed("PLAIN wants three parts with NUL between them")
EMPTY = Malformed("name or password is empty")
LONG = Malformed("name or password too long")
NUL = Malformed("name or password holds a NUL")
UTF8 = Malformed("name or password is not UTF-8")

EXCHANGES = [
    # RFC 4616 §4
    ("PLAIN", [(b"\0tim\0tanstaaftanstaaf", Credentials("tim", "", "tanstaaftanstaaf"))]),
    ("PLAIN", [(b"Ursel\0Kurt\0xipj3plmq", Credentials("Kurt", "Ursel", "xipj3plmq"))]),
    # What the guides type
    ("PLAIN", [(b64decode("AGpvaG5AZXhhbXBsZS5vcmcAc3VtbWVyc3Vu"), JOHN)]),
    (
        "PLAIN",
        [
            (
                b64decode("am9obkBleGFtcGxlLm9yZwBqb2huQGV4YW1wbGUub3JnAHN1bW1lcnN1bg=="),
                Credentials("john@example.org", "john@example.org", "summersun"),
            )
        ],
    ),
    ("PLAIN", [(None, Challenge(b"")), (b"\0john@example.org\0summersun", JOHN)]),
    ("PLAIN", [(b"john\0john@example.org\0x", Credentials("john@example.org", "john", "x"))]),
    ("PLAIN", [(b"JOHN\0john@example.org\0x", Credentials("john@example.org", "JOHN", "x"))]),
    (
        "PLAIN",
        [
            (
                b"John@Example.ORG\0john@example.org\0x",
                Credentials("john@example.org", "John@Example.ORG", "x"),
            )
        ],
    ),
    ("PLAIN", [("\0jürgen\0grüße".encode(), Credentials("jürgen", "", "grüße"))]),
    ("PLAIN", [(b"", PARTS)]),
    ("PLAIN", [(b"john", PARTS)]),
    ("PLAIN", [(b"john\0summersun", PARTS)]),
    ("PLAIN", [(b"\0john\0summer\0sun", PARTS)]),
    ("PLAIN", [(b"\0\0summersun", EMPTY)]),
    ("PLAIN", [(b"\0john\0", EMPTY)]),
    ("PLAIN", [(b"\0\0", EMPTY)]),
    ("PLAIN", [(b"\0j\xff\0x", UTF8)]),
    ("PLAIN", [(b"\0john\0\xc3", UTF8)]),
    ("PLAIN", [(b"\0" + b"n" * 255 + b"\0" + b"p" * 1024, Credentials("n" * 255, "", "p" * 1024))]),
    ("PLAIN", [(b"\0" + b"n" * 256 + b"\0p", LONG)]),
    ("PLAIN", [(b"z" * 256 + b"\0n\0p", LONG)]),
    ("PLAIN", [(b"\0n\0" + b"p" * 1025, LONG)]),
    ("LOGIN", [(None, NAME_PROMPT), (b"john@example.org", PASSWORD_PROMPT), (b"summersun", JOHN)]),
    ("LOGIN", [(b"john@example.org", PASSWORD_PROMPT), (b"summersun", JOHN)]),
    ("LOGIN", [("jürgen".encode(), PASSWORD_PROMPT), (b"x", Credentials("jürgen", "", "x"))]),
    ("LOGIN", [(b"", EMPTY)]),
    ("LOGIN", [(None, NAME_PROMPT), (b"", EMPTY)]),
    ("LOGIN", [(b"john", PASSWORD_PROMPT), (b"", EMPTY)]),
    ("LOGIN", [(b"jo\0hn", NUL)]),
    ("LOGIN", [(b"john", PASSWORD_PROMPT), (b"summer\0sun", NUL)]),
    ("LOGIN", [(b"\xff", UTF8)]),
    ("LOGIN", [(b"john", PASSWORD_PROMPT), (b"\xff", UTF8)]),
    ("LOGIN", [(b"n" * 256, LONG)]),
    ("LOGIN", [(b"john", PASSWORD_PROMPT), (b"p" * 1025, LONG)]),
    ("LOGIN", [(b"john", PASSWORD_PROMPT), (b"p" * 1024, Credentials("john", "", "p" * 1024))]),
    ("EXTERNAL", [(b"", Certified(""))]),
    ("EXTERNAL", [(None, Challenge(b"")), (b"", Certified(""))]),
    ("EXTERNAL", [(b"john@example.org", Certified("john@example.org"))]),
    ("EXTERNAL", [(b"jo\0hn", Malformed("name holds a NUL"))]),
    ("EXTERNAL", [(b"\xff", Malformed("name is not UTF-8"))]),
    ("EXTERNAL", [(b"n" * 255, Certified("n" * 255))]),
    ("EXTERNAL", [(b"n" * 256, Malformed("name too long"))]),
]


@pytest.mark.parametrize(("mechanism", "steps"), EXCHANGES)
def test_exchange(start, mechanism, steps):
    exchange = MECHANISMS[mechanism](start)
    assert [exchange.step(data) for data, _ in steps] == [answer for _, answer in steps]


def test_exchanges_are_strangers_to_each_other(start):
    first, second = MECHANISMS["LOGIN"](start), MECHANISMS["LOGIN"](start)
    first.step(b"john")
    assert second.step(b"jane") == PASSWORD_PROMPT


def test_the_password_is_not_shown():
    assert "summersun" not in repr(JOHN)
    assert "john@example.org" in repr(JOHN)
