"""The parts of mail that strangers wrote: found, and bounded however they are nested."""

from __future__ import annotations

import pytest

from postroad.reports import parts as module
from postroad.reports.parts import parts


def multipart(mark: str, *inside: bytes) -> bytes:
    head = f"Content-Type: multipart/mixed; boundary={mark}\r\n\r\n".encode()
    delimiter = f"--{mark}\r\n".encode()
    return head + b"".join([delimiter + each + b"\r\n" for each in inside]) + f"--{mark}--".encode()


def text(words: bytes) -> bytes:
    return b"Content-Type: text/plain\r\n\r\n" + words


def forwarded(mail: bytes) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" + mail


def bodies(octets: bytes, mails: int = 0) -> list[bytes]:
    return [body.strip() for _, body in parts(octets, mails=mails)]


def test_parts_of_parts() -> None:
    assert bodies(text(b"one")) == [b"one"]
    inner = multipart("in", text(b"two"), text(b"three"))
    assert bodies(multipart("out", text(b"one"), inner)) == [b"one", b"two", b"three"]


def test_mails_in_mails() -> None:
    mail = multipart("a", forwarded(multipart("b", text(b"one"))), text(b"two"))
    assert bodies(mail)[1] == b"two"
    assert bodies(mail, mails=1) == [b"one", b"two"]
    deep = forwarded(forwarded(text(b"one")))
    assert bodies(deep, mails=2) == [b"one"]
    assert bodies(deep, mails=1) == [text(b"one")]


def test_only_so_deep() -> None:
    mail = text(b"one")
    for depth in range(module.DEEPEST):
        mail = multipart(f"m{depth}", mail)
    assert bodies(mail) == [b"one"]
    assert bodies(multipart("more", mail)) == []


@pytest.mark.parametrize("inside", [text(b"x"), b"Content-Type: multipart/mixed\r\n\r\n"])
def test_all_together_have_a_bound(monkeypatch: pytest.MonkeyPatch, inside: bytes) -> None:
    seen = 0
    split = module._split

    def counted(octets: bytes):
        nonlocal seen
        seen += 1
        return split(octets)

    monkeypatch.setattr(module, "_split", counted)
    mail = inside
    for mark in ("a", "b", "c"):
        mail = multipart(mark, *[mail] * 20)
    found = bodies(multipart("d", forwarded(mail), mail), mails=2)
    assert len(found) <= seen <= module.MOST_PARTS
