"""The parameters of MAIL and RCPT: what each value means, and the words that refuse the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model import Address, BodyType, ByMode, Notify, Reply, Return
from postroad.smtp import By, Mail, Offer, Rcpt, SessionLimits, replies
from postroad.smtp.commands import COMMANDS
from postroad.smtp.parameters import MAIL, RCPT
from postroad.smtp.standing import Standing
from postroad.smtp.xtext import decode_utf8_address, decode_xtext

EVERYTHING = Offer(
    secure=True,
    mechanisms=("PLAIN",),
    requiretls=True,
    future_release=3600,
    future_release_end=2_000_000_000,
    deliver_by=True,
    priority=True,
)
ALICE = Address("alice", "example.net")
JOHN = Address("john", "example.org")
PLAIN = Mail(ALICE, None, BodyType.SEVEN_BIT, smtputf8=False, auth=None)


def standing(offer: Offer = EVERYTHING, **known: object) -> Standing:
    return Standing(offer, SessionLimits(message_size=1000), **known)


def mail(parameters: str, offer: Offer = EVERYTHING) -> object:
    return COMMANDS["MAIL"].read(f"FROM:<alice@example.net> {parameters}", standing(offer))


def rcpt(parameters: str, offer: Offer = EVERYTHING, **known: object) -> object:
    return COMMANDS["RCPT"].read(f"TO:<john@example.org> {parameters}", standing(offer, **known))


MAILS = [
    # RFC 3461 §4.3 and §4.4
    ("RET=FULL", replace(PLAIN, ret=Return.FULL)),
    ("ret=hdrs", replace(PLAIN, ret=Return.HEADERS)),
    ("RET", replies.BAD_RET),
    ("RET=", replies.BAD_RET),
    ("RET=HEADERS", replies.BAD_RET),
    ("RET=FULL RET=HDRS", replies.repeated_option("RET")),
    ("ENVID=QQ314159", replace(PLAIN, envid="QQ314159")),
    ("ENVID=a+2Bb+3Dc+20d", replace(PLAIN, envid="a+b=c d")),
    (f"ENVID={'x' * 100}", replace(PLAIN, envid="x" * 100)),
    (f"ENVID={'x' * 101}", replies.BAD_ENVID),
    ("ENVID", replies.BAD_ENVID),
    ("ENVID=", replies.BAD_ENVID),
    ("ENVID=a+", replies.BAD_ENVID),
    ("ENVID=a+2b", replies.BAD_ENVID),
    ("ENVID=a=b", replies.BAD_ENVID),
    ("ENVID=a+0D+0Ab", replies.BAD_ENVID),
    ("ENVID=a+00", replies.BAD_ENVID),
    ("ENVID=+C3+BC", replies.BAD_ENVID),
    ("ENVID=\xfc", replies.BAD_ENVID),
    # RFC 3030 §3
    ("BODY=BINARYMIME", replace(PLAIN, body=BodyType.BINARY_MIME)),
    ("body=binarymime", replace(PLAIN, body=BodyType.BINARY_MIME)),
    ("BODY=BINARY", replies.unsupported_option("BODY=BINARY")),
    # RFC 8689 §3
    ("REQUIRETLS", replace(PLAIN, require_tls=True)),
    ("REQUIRETLS=YES", replies.unsupported_option("REQUIRETLS=YES")),
    ("REQUIRETLS REQUIRETLS", replies.repeated_option("REQUIRETLS")),
    # RFC 4865 §4.2
    ("HOLDFOR=0", replace(PLAIN, hold_for=0)),
    ("HOLDFOR=3600", replace(PLAIN, hold_for=3600)),
    ("HOLDFOR=3601", replies.HOLD_TOO_LONG),
    ("HOLDFOR=1000000000", replies.BAD_HOLDFOR),
    ("HOLDFOR=-1", replies.BAD_HOLDFOR),
    ("HOLDFOR=+1", replies.BAD_HOLDFOR),
    ("HOLDFOR=1.5", replies.BAD_HOLDFOR),
    ("HOLDFOR=\u0661", replies.BAD_HOLDFOR),
    ("HOLDFOR=", replies.BAD_HOLDFOR),
    ("HOLDFOR", replies.BAD_HOLDFOR),
    ("HOLDUNTIL=2027-01-15T08:00:00Z", replace(PLAIN, hold_until=1_800_000_000)),
    ("HOLDUNTIL=2027-01-15t08:00:00.5z", replace(PLAIN, hold_until=1_800_000_000.5)),
    ("HOLDUNTIL=2027-01-15T09:30:00+01:30", replace(PLAIN, hold_until=1_800_000_000)),
    ("HOLDUNTIL=1970-01-01T00:00:00Z", replace(PLAIN, hold_until=0)),
    ("HOLDUNTIL=2027-01-15", replies.BAD_HOLDUNTIL),
    ("HOLDUNTIL=2027-01-15T08:00:00", replies.BAD_HOLDUNTIL),
    ("HOLDUNTIL=2027-13-15T08:00:00Z", replies.BAD_HOLDUNTIL),
    ("HOLDUNTIL=2027-02-29T08:00:00Z", replies.BAD_HOLDUNTIL),
    ("HOLDUNTIL=2027-01-15T25:00:00Z", replies.BAD_HOLDUNTIL),
    ("HOLDUNTIL=2027-01-15T08:00:00+99:00", replies.BAD_HOLDUNTIL),
    ("HOLDUNTIL=20270115T080000Z", replies.BAD_HOLDUNTIL),
    ("HOLDUNTIL=0000-01-15T08:00:00Z", replies.BAD_HOLDUNTIL),
    ("HOLDUNTIL=", replies.BAD_HOLDUNTIL),
    ("HOLDUNTIL", replies.BAD_HOLDUNTIL),
    ("HOLDFOR=5 HOLDUNTIL=2027-01-15T08:00:00Z", replies.HOLD_TWICE),
    ("HOLDUNTIL=2027-01-15T08:00:00Z HOLDFOR=0", replies.HOLD_TWICE),
    # RFC 2852 §4
    ("BY=120;R", replace(PLAIN, by=By(120, ByMode.RETURN, trace=False))),
    ("BY=+120;nt", replace(PLAIN, by=By(120, ByMode.NOTIFY, trace=True))),
    ("BY=-5;N", replace(PLAIN, by=By(-5, ByMode.NOTIFY, trace=False))),
    ("BY=0;NT", replace(PLAIN, by=By(0, ByMode.NOTIFY, trace=True))),
    ("BY=999999999;RT", replace(PLAIN, by=By(999_999_999, ByMode.RETURN, trace=True))),
    ("BY=0;R", replies.BAD_BY),
    ("BY=-1;R", replies.BAD_BY),
    ("BY=1000000000;N", replies.BAD_BY),
    ("BY=5", replies.BAD_BY),
    ("BY=5;", replies.BAD_BY),
    ("BY=5;X", replies.BAD_BY),
    ("BY=5;TN", replies.BAD_BY),
    ("BY=;N", replies.BAD_BY),
    ("BY=--5;N", replies.BAD_BY),
    ("BY", replies.BAD_BY),
    # RFC 6710 §4.1
    ("MT-PRIORITY=0", PLAIN),
    ("MT-PRIORITY=9", replace(PLAIN, priority=9)),
    ("mt-priority=-9", replace(PLAIN, priority=-9)),
    ("MT-PRIORITY=10", replies.BAD_PRIORITY),
    ("MT-PRIORITY=-10", replies.BAD_PRIORITY),
    ("MT-PRIORITY=+1", replies.BAD_PRIORITY),
    ("MT-PRIORITY=-0", replies.BAD_PRIORITY),
    ("MT-PRIORITY=", replies.BAD_PRIORITY),
    ("MT-PRIORITY", replies.BAD_PRIORITY),
    # Any of them only once, and none that nobody knows.
    ("SIZE=1  RET=FULL ", replace(PLAIN, size=1, ret=Return.FULL)),
    ("NOTIFY=NEVER", replies.unsupported_option("NOTIFY=NEVER")),
    ("SIZE=1 X-COLOR=red", replies.unsupported_option("X-COLOR=red")),
]


@pytest.mark.parametrize(("parameters", "result"), MAILS)
def test_mail(parameters, result):
    assert mail(parameters) == result


GOOD = {
    "SIZE": "=1",
    "BODY": "=7BIT",
    "SMTPUTF8": "",
    "AUTH": "=<>",
    "RET": "=FULL",
    "ENVID": "=x",
    "REQUIRETLS": "",
    "HOLDFOR": "=1",
    "HOLDUNTIL": "=2027-01-15T08:00:00Z",
    "BY": "=5;N",
    "MT-PRIORITY": "=1",
}


@pytest.mark.parametrize("name", MAIL)
def test_each_may_come_once_only(name):
    written = f"{name}{GOOD[name]}"
    assert isinstance(mail(written), Mail)
    assert mail(f"{written} {written.lower()}") == replies.repeated_option(name)


NOTHING = Offer(dsn=False, chunking=False, limits=False)
ALWAYS = {"SIZE", "BODY", "SMTPUTF8"}


@pytest.mark.parametrize("name", sorted(set(MAIL) - ALWAYS))
def test_what_is_not_offered_is_unknown(name):
    assert mail(f"{name}=1", NOTHING) == replies.unsupported_option(f"{name}=1")


@pytest.mark.parametrize("name", RCPT)
def test_what_is_not_offered_is_unknown_to_rcpt(name):
    assert rcpt(f"{name}=1", NOTHING) == replies.unsupported_option(f"{name}=1")


WITHOUT = [
    (replace(EVERYTHING, secure=False), "REQUIRETLS"),
    (replace(EVERYTHING, secure=False), "AUTH=<>"),
    (replace(EVERYTHING, chunking=False), "BODY=BINARYMIME"),
    (replace(EVERYTHING, binarymime=False), "BODY=BINARYMIME"),
    (replace(EVERYTHING, future_release=0), "HOLDFOR=0"),
    (replace(EVERYTHING, future_release=0), "HOLDUNTIL=2027-01-15T08:00:00Z"),
]


@pytest.mark.parametrize(("offer", "parameter"), WITHOUT)
def test_what_is_not_offered_now_is_unknown(offer, parameter):
    assert isinstance(mail(parameter, EVERYTHING), Mail)
    assert mail(parameter, offer) == replies.unsupported_option(parameter)


SMTPUTF8 = {"smtputf8": True}
RCPTS = [
    # RFC 3461 §4.1
    ("NOTIFY=NEVER", {}, Rcpt(JOHN, Notify.NEVER)),
    ("notify=success", {}, Rcpt(JOHN, Notify.SUCCESS)),
    ("NOTIFY=FAILURE,DELAY", {}, Rcpt(JOHN, Notify.FAILURE | Notify.DELAY)),
    (
        "NOTIFY=DELAY,SUCCESS,FAILURE",
        {},
        Rcpt(JOHN, Notify.SUCCESS | Notify.FAILURE | Notify.DELAY),
    ),
    ("NOTIFY=NEVER,DELAY", {}, replies.BAD_NOTIFY),
    ("NOTIFY=SUCCESS,", {}, replies.BAD_NOTIFY),
    ("NOTIFY=,SUCCESS", {}, replies.BAD_NOTIFY),
    ("NOTIFY=ALWAYS", {}, replies.BAD_NOTIFY),
    ("NOTIFY=", {}, replies.BAD_NOTIFY),
    ("NOTIFY", {}, replies.BAD_NOTIFY),
    ("NOTIFY=NEVER NOTIFY=NEVER", {}, replies.repeated_option("NOTIFY")),
    # RFC 3461 §4.2
    ("ORCPT=rfc822;Bob@Example.com", {}, Rcpt(JOHN, orcpt="rfc822;Bob@Example.com")),
    ("ORCPT=rfc822;a+2Bb+40x", {}, Rcpt(JOHN, orcpt="rfc822;a+b@x")),
    ("ORCPT=X400;/c=us/", {}, replies.BAD_ORCPT),
    ("ORCPT=x400;/c+3Dus/", {}, Rcpt(JOHN, orcpt="x400;/c=us/")),
    (f"ORCPT=rfc822;{'x' * 493}", {}, Rcpt(JOHN, orcpt=f"rfc822;{'x' * 493}")),
    (f"ORCPT=rfc822;{'x' * 494}", {}, replies.BAD_ORCPT),
    ("ORCPT=rfc822", {}, replies.BAD_ORCPT),
    ("ORCPT=rfc822;", {}, replies.BAD_ORCPT),
    ("ORCPT=;x", {}, replies.BAD_ORCPT),
    ("ORCPT=rfc(822;x", {}, replies.BAD_ORCPT),
    ("ORCPT=rfc822;a+0D+0ARCPT", {}, replies.BAD_ORCPT),
    ("ORCPT=rfc822;+C3+BC@x", {}, replies.BAD_ORCPT),
    ("ORCPT=rfc822;+FF", {}, replies.BAD_ORCPT),
    ("ORCPT=rfc822;jürgen@x", SMTPUTF8, replies.BAD_ORCPT),
    ("ORCPT=", {}, replies.BAD_ORCPT),
    ("ORCPT", {}, replies.BAD_ORCPT),
    ("ORCPT=rfc822;x ORCPT=rfc822;x", {}, replies.repeated_option("ORCPT")),
    # RFC 6533 §3
    (r"ORCPT=utf-8;j\x{FC}rgen@x.example", {}, Rcpt(JOHN, orcpt="utf-8;jürgen@x.example")),
    (r"ORCPT=UTF-8;\x{1F600}@x", {}, Rcpt(JOHN, orcpt="UTF-8;\U0001f600@x")),
    (r"ORCPT=utf-8;a\x{2B}b\x{3D}\x{5C}", {}, Rcpt(JOHN, orcpt="utf-8;a+b=\\")),
    ("ORCPT=utf-8;jürgen@x", SMTPUTF8, Rcpt(JOHN, orcpt="utf-8;jürgen@x")),
    ("ORCPT=utf-8;jürgen@x", {}, replies.BAD_ORCPT),
    ("ORCPT=utf-8;a+b", {}, replies.BAD_ORCPT),
    (r"ORCPT=utf-8;\x{D800}", {}, replies.BAD_ORCPT),
    (r"ORCPT=utf-8;\x{110000}", {}, replies.BAD_ORCPT),
    (r"ORCPT=utf-8;\x{0A}", {}, replies.BAD_ORCPT),
    (r"ORCPT=utf-8;\x{fc}", {}, replies.BAD_ORCPT),
    (r"ORCPT=utf-8;\x{FC", {}, replies.BAD_ORCPT),
    (r"ORCPT=utf-8;\xFC", {}, replies.BAD_ORCPT),
    ("RET=FULL", {}, replies.unsupported_option("RET=FULL")),
]


@pytest.mark.parametrize(("parameters", "known", "result"), RCPTS)
def test_rcpt(parameters, known, result):
    assert rcpt(parameters, **known) == result


def xtext(text: str) -> str:
    plain = set(range(0x21, 0x7F)) - {0x2B, 0x3D}
    return "".join(chr(o) if o in plain else f"+{o:02X}" for o in text.encode())


@given(st.text(min_size=1))
def test_xtext_gives_back_clean_text_and_nothing_else(text):
    assert decode_xtext(xtext(text)) == (text if text.isprintable() else None)


@given(st.text(min_size=1))
def test_utf8_addresses_in_seven_bits(text):
    plain = set(range(0x21, 0x7F)) - {0x2B, 0x3D, 0x5C}
    written = "".join(c if ord(c) in plain else f"\\x{{{ord(c):02X}}}" for c in text)
    assert decode_utf8_address(written) == (text if text.isprintable() else None)


@given(st.text() | st.from_regex(r"(\+[0-9A-F]{0,2}|\\x\{[0-9A-F]{0,7}\}?|[a-z=;])*"))
def test_whatever_is_decoded_is_printable(text):
    for decode in (decode_xtext, decode_utf8_address):
        decoded = decode(text) if text else None
        assert decoded is None or decoded.isprintable()


WORDS = st.sampled_from([*MAIL, *RCPT, "X", ""])
VALUES = st.sampled_from(["", "=", "=1", "=FULL", "=<>", "=5;R", "=-5;N", "=rfc822;x", "=7BIT"])


@given(st.lists(st.tuples(WORDS, VALUES | st.text().map(lambda text: f"={text}")), max_size=6))
def test_any_parameters_are_read_or_refused(words):
    parameters = " ".join(name + value for name, value in words)
    for result in (mail(parameters), rcpt(parameters)):
        assert isinstance(result, Mail | Rcpt | Reply)
        if isinstance(result, Reply):
            assert result.code in {501, 552, 553, 555}
            assert len(result.encode()) <= 512
