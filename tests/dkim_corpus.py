"""Signed messages, and what becomes of them on the way or in bad hands: always the same.

Each is a seed, signed in one of several ways, and one or two mutations of it. What a mutation does
is in its name; whether a signature survives it is not said here: two verifiers are to agree on it.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from dkim_signer import Terms, signature
from postroad.mailauth.dkim.canonicalization import Canonicalization
from postroad.mailauth.dkim.signed_input import signed_input
from postroad.mailauth.dkim.signing_key import SigningKey
from postroad.model.fields import Fields

__all__ = ["MADE", "MUTATIONS", "Case", "corpus"]

MADE = 1_700_000_000
"""`t=` of the signatures, seconds since the epoch."""

HEADER = (
    b"Received: from a.example by b.example; Tue, 14 Nov 2023 22:13:20 +0000\r\n"
    b"From: Ann <ann@example.org>\r\n"
    b"To: bob@example.net,\r\n\tcarol@example.net\r\n"
    b"Subject: A  subject with   blanks \r\n"
    b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
    b"Message-ID: <1@example.org>\r\n"
    b"X-Other: one\r\n"
    b"X-Other: two\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain;\r\n charset=us-ascii\r\n"
)
BODIES = (
    b"Hello,\r\n\r\nthis is  a message. \r\n\tIndented\twith tabs.\r\nEnd\r\n",
    b"One line\r\n\r\n\r\n",
    b"",
    b"\r\n\r\n",
    b" \r\n\t\r\n",
    b"Text with trailing blanks   \r\n \r\nand more\t \r\n \r\n",
)
NAMES = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type")
TERMS = (
    *(
        Terms(header=h, body=b, names=NAMES)
        for h in ("simple", "relaxed")
        for b in ("simple", "relaxed")
    ),
    Terms(names=("From", "From", "To", "To", "Subject", "Subject", "Date")),
    Terms(names=("from", "SUBJECT", "x-other", "X-Other", "X-Other")),
    Terms(names=NAMES, length=8, body="simple"),
    Terms(names=NAMES, length=0),
    Terms(names=NAMES, extra={"t": str(MADE), "x": "4000000000"}),
    Terms(names=NAMES, extra={"i": "ann@news.example.org"}),
    Terms(names=NAMES, extra={"i": "@EXAMPLE.org", "q": "dns/txt", "z": "From:ann|To:b=7Co"}),
)


@dataclass(frozen=True)
class Message:
    """A message that is being worked on: field lines with their ends, and a body."""

    lines: tuple[bytes, ...]
    body: bytes

    @property
    def octets(self) -> bytes:
        return b"".join(self.lines) + b"\r\n" + self.body

    def at(self, name: bytes) -> int:
        prefix = name.lower() + b":"
        return next(n for n, line in enumerate(self.lines) if line.lower().startswith(prefix))

    def put(self, at: int, *lines: bytes) -> Message:
        return replace(self, lines=(*self.lines[:at], *lines, *self.lines[at + 1 :]))

    def edit(self, name: bytes, change: Callable[[bytes], bytes]) -> Message:
        at = self.at(name)
        return self.put(at, change(self.lines[at]))

    def tag(self, name: bytes, value: bytes | None) -> Message:
        """With another value of a tag of the signature; `None`: without the tag."""
        pattern = re.compile(rb"([:;][ \t\r\n]*)" + name + rb"=[^;\r]*(?:\r\n[ \t][^;\r]*)*;?")
        text = b"" if value is None else name + b"=" + value + b";"
        return self.edit(
            b"DKIM-Signature",
            lambda line: pattern.sub(rb"\1" + text.replace(b"\\", rb"\\"), line, count=1),
        )


Mutation = Callable[[Message, random.Random], Message]


def _fold(name: bytes) -> Mutation:
    return lambda m, r: m.edit(name, lambda line: line.replace(b" ", b"\r\n ", 1))


def _case(name: bytes) -> Mutation:
    return lambda m, r: m.edit(
        name, lambda line: line.partition(b":")[0].swapcase() + b":" + line.partition(b":")[2]
    )


def _space(name: bytes, before: bytes, after: bytes) -> Mutation:
    return lambda m, r: m.edit(name, lambda line: line.replace(before, after))


def _append(name: bytes, text: bytes) -> Mutation:
    return lambda m, r: m.edit(name, lambda line: line.removesuffix(b"\r\n") + text + b"\r\n")


def _add(line: bytes, *, top: bool) -> Mutation:
    def change(m: Message, r: random.Random) -> Message:
        lines = (line, *m.lines) if top else (*m.lines, line)
        return replace(m, lines=lines)

    return change


def _drop(name: bytes) -> Mutation:
    return lambda m, r: m.put(m.at(name))


def _swap(m: Message, r: random.Random) -> Message:
    one, other = r.sample(range(len(m.lines)), 2)
    lines = list(m.lines)
    lines[one], lines[other] = lines[other], lines[one]
    return replace(m, lines=tuple(lines))


def _body(change: Callable[[bytes], bytes]) -> Mutation:
    return lambda m, r: replace(m, body=change(m.body))


def _tag(name: bytes, value: bytes | None) -> Mutation:
    return lambda m, r: m.tag(name, value)


def _signature(change: Callable[[bytes], bytes]) -> Mutation:
    return lambda m, r: m.edit(b"DKIM-Signature", change)


def _cut(m: Message, r: random.Random) -> Message:
    return m.edit(b"DKIM-Signature", lambda line: line[: -r.randrange(3, 60)] + b"\r\n")


def _flip(m: Message, r: random.Random) -> Message:
    def change(line: bytes) -> bytes:
        at = line.rindex(b"b=") + 3 + r.randrange(40)
        return line[:at] + (b"A" if line[at : at + 1] != b"A" else b"B") + line[at + 1 :]

    return m.edit(b"DKIM-Signature", change)


def _blank_in_b(m: Message, r: random.Random) -> Message:
    def change(line: bytes) -> bytes:
        at = line.rindex(b"b=") + 3 + r.randrange(40)
        return line[:at] + r.choice((b" ", b"\t", b"\r\n ", b"\r\n\t  ")) + line[at:]

    return m.edit(b"DKIM-Signature", change)


def _again(m: Message, r: random.Random) -> Message:
    line = m.lines[m.at(b"DKIM-Signature")]
    return replace(m, lines=(line, *m.lines))


def _broken_first(m: Message, r: random.Random) -> Message:
    line = m.lines[m.at(b"DKIM-Signature")]
    return replace(m, lines=(line.replace(b"bh=", b"bh=AAAA", 1), *m.lines))


def _parts(line: bytes) -> tuple[bytes, list[bytes]]:
    head, _, rest = line.partition(b":")
    return head, rest.removesuffix(b"\r\n").split(b";")


def _first_tag_last(line: bytes) -> bytes:
    head, parts = _parts(line)
    return head + b":" + b";".join([*parts[1:], parts[0]]) + b"\r\n"


MUTATIONS: dict[str, Mutation] = {
    "untouched": lambda m, r: m,
    # What hops do to headers.
    **{
        f"fold {name.decode()}": _fold(name) for name in (b"From", b"Subject", b"Date", b"Received")
    },
    **{
        f"case of {name.decode()}": _case(name) for name in (b"From", b"Subject", b"DKIM-Signature")
    },
    "no blank after the colon": _space(b"From", b"From: ", b"From:"),
    "blank before the colon": _space(b"From", b"From:", b"From :"),
    "blanks after the colon": _space(b"Date", b"Date: ", b"Date:  \t "),
    "tab for a blank": _space(b"Date", b" Nov", b"\tNov"),
    "unfolded": _space(b"To", b"\r\n\t", b" "),
    "unfolded without a blank": _space(b"To", b"\r\n\t", b""),
    "more blanks in Subject": _space(b"Subject", b" with", b"     with"),
    "blank within a word": _space(b"Subject", b"subject", b"sub ject"),
    "trailing blanks": _append(b"From", b" \t"),
    "trailing text": _append(b"Subject", b"x"),
    "subject tagged": _space(b"Subject", b"A  sub", b"[list] A  sub"),
    "top Received": _add(b"Received: from c.example by d.example; now\r\n", top=True),
    "top unsigned field": _add(b"X-New: 1\r\n", top=True),
    "bottom unsigned field": _add(b"X-New: 1\r\n", top=False),
    "From on top": _add(b"From: eve@example.com\r\n", top=True),
    "From at the bottom": _add(b"From: eve@example.com\r\n", top=False),
    "Subject on top": _add(b"Subject: eve\r\n", top=True),
    "Subject at the bottom": _add(b"Subject: eve\r\n", top=False),
    "X-Other on top": _add(b"X-Other: three\r\n", top=True),
    "X-Other at the bottom": _add(b"X-Other: three\r\n", top=False),
    "without Date": _drop(b"Date"),
    "without Subject": _drop(b"Subject"),
    "without one X-Other": _drop(b"X-Other"),
    "without Message-ID": _drop(b"Message-ID"),
    "two fields swapped": _swap,
    # What hops do to bodies.
    "line added": _body(lambda b: b + b"A footer\r\n"),
    "empty lines added": _body(lambda b: b + b"\r\n\r\n"),
    "blank lines added": _body(lambda b: b + b" \r\n \t\r\n"),
    "empty line first": _body(lambda b: b"\r\n" + b),
    "line ends with a blank": _body(lambda b: b.replace(b"\r\n", b" \r\n")),
    "line ends without blanks": _body(lambda b: re.sub(rb"[ \t]+\r\n", b"\r\n", b)),
    "blanks made one": _body(lambda b: re.sub(rb"[ \t]+", b" ", b)),
    "blanks doubled": _body(lambda b: b.replace(b" ", b"  ")),
    "blanks at the start of lines": _body(lambda b: b.replace(b"\r\n", b"\r\n ")),
    "all blanks away": _body(lambda b: b.replace(b" ", b"")),
    "empty body": _body(lambda b: b""),
    "one letter": _body(lambda b: b.replace(b"e", b"E", 1)),
    "dots": _body(lambda b: b + b".\r\n..\r\n"),
    "8-bit": _body(lambda b: b + "é\r\n".encode()),
    "long line": _body(lambda b: b + b"x" * 3000 + b"\r\n"),
    # What happens to signatures.
    "b cut": _cut,
    "b changed": _flip,
    "blank in b": _blank_in_b,
    "signature twice": _again,
    "a broken one above": _broken_first,
    "tags in one line": _signature(lambda line: line.replace(b"\r\n\t", b" ")),
    "blanks around equals": _signature(lambda line: line.replace(b"d=", b"d = ")),
    "trailing semicolon": _append(b"DKIM-Signature", b";"),
    "two semicolons": _signature(lambda line: line.replace(b";", b";;", 1)),
    "unknown tag": _signature(
        lambda line: line.replace(b" d=", b" n=note; d=", 1).replace(b"\td=", b"\tnn=note; d=", 1)
    ),
    "v not first": _signature(_first_tag_last),
    "tag twice": _signature(lambda line: line.replace(b"d=", b"d=example.org; d=", 1)),
    "no v": _tag(b"v", None),
    "v=2": _tag(b"v", b"2"),
    "no a": _tag(b"a", None),
    "no d": _tag(b"d", None),
    "no s": _tag(b"s", None),
    "no h": _tag(b"h", None),
    "no bh": _tag(b"bh", None),
    "a in capitals": _tag(b"a", b"RSA-SHA256"),
    "a=rsa-sha1": _tag(b"a", b"rsa-sha1"),
    "a unknown": _tag(b"a", b"dsa-sha256"),
    "a of the other kind": _tag(b"a", b"ed25519-sha256"),
    "c unknown": _tag(b"c", b"nofws"),
    "c without a body": _tag(b"c", b"relaxed"),
    "c in capitals": _tag(b"c", b"Relaxed/Relaxed"),
    "no c": _tag(b"c", None),
    "d in capitals": _tag(b"d", b"EXAMPLE.ORG"),
    "d of somebody else": _tag(b"d", b"example.com"),
    "d is a top-level domain": _tag(b"d", b"org"),
    "d empty": _tag(b"d", b""),
    "s in capitals": _tag(b"s", b"MAIL"),
    "s unknown": _tag(b"s", b"nobody"),
    "s revoked": _tag(b"s", b"revoked"),
    "s small": _tag(b"s", b"small"),
    "s of a testing key": _tag(b"s", b"testing"),
    "s of a strict key": _tag(b"s", b"strict"),
    "s for SHA-1": _tag(b"s", b"sha1"),
    "s of another service": _tag(b"s", b"other"),
    "s of garbage": _tag(b"s", b"garbage"),
    "h without From": _tag(b"h", b"To:Subject:Date"),
    "h with blanks": _signature(lambda line: line.replace(b"From:To", b"From : To")),
    "h folded": _signature(lambda line: line.replace(b"From:To", b"From:\r\n\t To")),
    "h empty": _tag(b"h", b""),
    "h with an empty name": _signature(lambda line: line.replace(b"From:To", b"From::To")),
    "h names itself": _signature(lambda line: line.replace(b"From:To", b"From:DKIM-Signature:To")),
    "l larger than the body": _signature(lambda line: line.replace(b"d=", b"l=100000; d=", 1)),
    "l is no number": _signature(lambda line: line.replace(b"d=", b"l=many; d=", 1)),
    "l negative": _signature(lambda line: line.replace(b"d=", b"l=-1; d=", 1)),
    "x in the past": _signature(lambda line: line.replace(b"d=", b"x=1000; d=", 1)),
    "x before t": _signature(
        lambda line: line.replace(b"d=", b"t=1600000000; x=1500000000; d=", 1)
    ),
    "t in the future": _signature(lambda line: line.replace(b"d=", b"t=4100000000; d=", 1)),
    "t is no number": _signature(lambda line: line.replace(b"d=", b"t=now; d=", 1)),
    "i elsewhere": _signature(lambda line: line.replace(b"d=", b"i=ann@example.com; d=", 1)),
    "i of a subdomain": _signature(lambda line: line.replace(b"d=", b"i=@sub.example.org; d=", 1)),
    "i of a lookalike": _signature(lambda line: line.replace(b"d=", b"i=@badexample.org; d=", 1)),
    "i without at": _signature(lambda line: line.replace(b"d=", b"i=example.org; d=", 1)),
    "q unknown": _signature(lambda line: line.replace(b"d=", b"q=http; d=", 1)),
    "bh cut": _signature(lambda line: re.sub(rb"bh=....", b"bh=", line)),
    "bh is no base64": _signature(lambda line: re.sub(rb"bh=....", b"bh=!!!!", line)),
    "b empty": _signature(lambda line: line[: line.rindex(b"b=") + 2] + b"\r\n"),
    "b is no base64": _append(b"DKIM-Signature", b"!"),
    "octets of no charset": _signature(lambda line: line.replace(b"d=", b"n=\xff\xfe; d=", 1)),
}


OF_TAGS = tuple(MUTATIONS)[
    tuple(MUTATIONS).index("tags in one line") : tuple(MUTATIONS).index("b empty")
]
"""Mutations of the tags: each is there with the old signature, and signed as it is."""


@dataclass(frozen=True)
class Case:
    """One message.

    Attributes:
        name: the seed, and what was done to it.
        octets: all of it.
    """

    name: str
    octets: bytes


def _signed_again(message: Message, key: SigningKey, terms: Terms) -> Message:
    """With the right signature in the first field, whatever was done to its other tags."""
    at = message.at(b"DKIM-Signature")
    line = message.lines[at]
    bare = line[: line.rindex(b"b=") + 2] + b"\r\n"
    fields = Fields.of(b"".join(message.put(at, bare).lines))
    field = next(each for each in fields if each.key == "dkim-signature")
    octets = signed_input(fields, terms.names, field, Canonicalization(terms.header))
    value = base64.b64encode(key.sign(hashlib.sha256(octets).digest()))
    return message.put(at, bare.removesuffix(b"\r\n") + value + b"\r\n")


def _seeds(
    rsa: SigningKey, ed25519: SigningKey
) -> Iterator[tuple[str, Message, SigningKey, Terms]]:
    fields = Fields.of(HEADER)
    for number, terms in enumerate(TERMS):
        body = BODIES[number % len(BODIES)]
        signed = fields.inserted(1, signature(fields, body, rsa, terms))
        if number % 3 == 0:
            signed = signed.inserted(1, signature(fields, body, ed25519, terms))
        name = f"{terms.header}/{terms.body} {number}"
        top = ed25519 if number % 3 == 0 else rsa
        yield name, Message(tuple([field.octets for field in signed]), body), top, terms


def corpus(rsa: SigningKey, ed25519: SigningKey) -> Iterator[Case]:
    """All cases: each seed with each mutation, and some with two."""
    chance = random.Random(6376)
    for seed, message, key, terms in _seeds(rsa, ed25519):
        for name, mutation in MUTATIONS.items():
            changed = mutation(message, chance)
            yield Case(f"{seed}, {name}", changed.octets)
            if name in OF_TAGS:
                again = _signed_again(changed, key, terms)
                yield Case(f"{seed}, {name} and signed so", again.octets)
        for _ in range(30):
            one, other = chance.sample(sorted(MUTATIONS), 2)
            try:
                changed = MUTATIONS[other](MUTATIONS[one](message, chance), chance)
            except StopIteration:  # the first took away what the second changes
                continue
            yield Case(f"{seed}, {one}, {other}", changed.octets)
