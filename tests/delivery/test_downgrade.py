"""Messages in 8 bits made into messages of 7 bits."""

from __future__ import annotations

import email
import email.policy
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from downgrade_messages import DEEP, LIKE_POSTFIX, nested
from postroad.delivery import downgrade
from postroad.delivery.downgrade import Downgrade, NestedTooDeeply


def converted(*chunks: bytes) -> bytes:
    machine = Downgrade()
    return b"".join([*map(machine.feed, chunks), machine.end()])


def octets(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(at)]


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (
            "Content-Transfer-Encoding: 8bit\nSubject: x\n\né=\n",
            "Subject: x\nContent-Transfer-Encoding: quoted-printable\n\n=C3=A9=3D\n",
        ),
        ("Subject: x\n\né=\n", "Subject: x\n\né=\n"),
        ("é\n", "é\n"),
        (  # nothing becomes a field that was none
            "Content-Transfer-Encoding: 8bit\né: x\n",
            "Content-Transfer-Encoding: quoted-printable\n\n=C3=A9: x\n",
        ),
        ("", ""),
        ("Content-Transfer-Encoding: 8bit", "Content-Transfer-Encoding: quoted-printable\n"),
        (
            "Content-Transfer-Encoding: 8bit\nSubject: x",
            "Subject: x\nContent-Transfer-Encoding: quoted-printable\n",
        ),
        (
            "Content-Transfer-Encoding: 8bit\n\nlast ",
            "Content-Transfer-Encoding: quoted-printable\n\nlast=20",
        ),
        (  # RFC 2046 §5.2: nothing but an identity; Postfix encodes it all the same
            "Content-Type: message/delivery-status\nContent-Transfer-Encoding: 8bit\n\na=b\n",
            "Content-Type: message/delivery-status\nContent-Transfer-Encoding: 7bit\n\na=b\n",
        ),
        (  # RFC 6533 §4
            "Content-Type: message/global\nContent-Transfer-Encoding: 8bit\n\nSubject: é\n",
            (
                "Content-Type: message/global\nContent-Transfer-Encoding: quoted-printable\n\n"
                "Subject: =C3=A9\n"
            ),
        ),
        (  # the outer boundary begins with the inner one
            (
                "Content-Type: multipart/a; boundary=bb\n\n--bb\n"
                "Content-Type: multipart/a; boundary=b\n\n--b\n"
                "Content-Transfer-Encoding: 8bit\n\né\n"
                "--bb--\n--b\n"
            ),
            (
                "Content-Type: multipart/a; boundary=bb\n\n--bb\n"
                "Content-Type: multipart/a; boundary=b\n\n--b\n"
                "Content-Transfer-Encoding: quoted-printable\n\n=C3=A9\n--bb--\n--b\n"
            ),
        ),
    ],
)
def test_what_becomes_of_it(given_, expected):
    assert converted(octets(given_)) == octets(expected)


@pytest.mark.parametrize("name", LIKE_POSTFIX)
def test_where_the_input_is_cut_does_not_matter(name):
    message = octets(LIKE_POSTFIX[name])
    assert converted(*(message[at : at + 1] for at in range(len(message)))) == converted(message)


_PIECES = st.sampled_from(
    [
        "\n", "\n\n", "--b", "--bb", "--b--", "\n--b\n", "é", " ", "\t", "=", ".", "x" * 70,
        "Content-Transfer-Encoding: 8bit\n", "Content-Transfer-Encoding:", " base64\n", "(", '"',
        "Content-Type: multipart/mixed; boundary=b\n", "Content-Type: message/rfc822\n",
        "Content-Type: multipart/digest;\n\tboundary=\"bb\"\n", "Subject: x\n", "\0", "z" * 5000,
    ]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=30), st.lists(st.integers(0, 100_000), max_size=8))
def test_any_input_cut_anywhere_gives_the_same(pieces, places):
    message = octets("".join(pieces))
    assert converted(*cut(message, places)) == converted(message)


_LINES = st.lists(
    st.binary(max_size=200).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b"")),
    min_size=1,
    max_size=8,
).map(b"\r\n".join)


@given(st.lists(_LINES, min_size=1, max_size=4), st.lists(st.integers(0, 10_000), max_size=5))
def test_decoding_gives_every_leaf_back(bodies, places):
    parts = [
        b"--=_b\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + body.replace(b"--=_b", b"")
        + b"\r\n"
        for body in bodies
    ]
    head = (
        b'Content-Type: multipart/mixed; boundary="=_b"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
    )
    result = converted(*cut(head + b"".join(parts) + b"--=_b--\r\n", places))
    assert result.isascii()
    assert max(map(len, result.split(b"\r\n"))) <= 76
    assert not any(line.endswith((b" ", b"\t")) for line in result.split(b"\r\n"))
    message = email.message_from_bytes(result, policy=email.policy.SMTP)
    assert message["Content-Transfer-Encoding"] == "7bit"
    assert message.get_boundary() == "=_b"
    found = [part.get_payload(decode=True) for part in message.iter_parts()]
    # The policy turns line ends of what it decodes to those of the text it was given.
    assert found == [body.replace(b"--=_b", b"") for body in bodies]
    assert converted(result) == result


@given(st.lists(_PIECES, max_size=30))
def test_what_needs_no_conversion_stays(pieces):
    message = octets("Subject: x\n\n" + "".join(pieces))
    assert converted(message) == message


def test_multiparts_within_each_other_have_a_limit():
    assert b"Gr=C3=BC=C3=9Fe" in converted(octets(nested(102)))
    with pytest.raises(NestedTooDeeply, match="MIME nesting exceeds safety limit"):
        converted(octets(DEEP))


@pytest.mark.parametrize("name", ["Content-Type", "Content-Transfer-Encoding", "Subject"])
@pytest.mark.parametrize("step", [1000, 60_000])
def test_a_field_beyond_the_limit_is_not_held(name, step):
    message = f"{name}: 8bit;".encode() + b"\r\n x" * 100_000 + b"\r\n\r\n" + b"\xe9\r\n"
    machine = Downgrade()
    out = []
    for at in range(0, len(message), step):
        out.append(machine.feed(message[at : at + step]))
        held = len(machine._held) + len(machine._text)
        assert held <= downgrade.FIELD_LIMIT + step + downgrade.START_LIMIT
    result = b"".join(out) + machine.end()
    if name == "Content-Transfer-Encoding":
        message = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=E9\r\n"
    assert result == message


@pytest.mark.parametrize("encoding", ["8bit", "7bit"])
def test_a_line_without_end_is_not_held(encoding):
    machine = Downgrade()
    machine.feed(f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode())
    for _ in range(100):
        assert len(machine.feed(b"\xe9" * 10_000)) > 5_000
        assert len(machine._held) <= downgrade.START_LIMIT
