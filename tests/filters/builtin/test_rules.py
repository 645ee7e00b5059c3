"""Every rule: mail that it applies to, mail that it looks like it applies to, and hostile mail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.filters.builtin.appraisal import hits_of
from postroad.filters.builtin.bands import BANDS, MOST_READ, READ_CAP, band_of
from postroad.filters.builtin.case import Case, Here
from postroad.filters.builtin.mailer_rules import MAILER_RULES
from postroad.filters.builtin.manner_rules import MANNER_RULES
from postroad.filters.builtin.markup_rules import MARKUP_RULES
from postroad.filters.builtin.rules import POINTS, RULES
from postroad.filters.builtin.topic_rules import MOST_TALK, TALK_CAP, TOPIC_RULES
from postroad.filters.builtin.trial_rules import GTUBE, TRIAL_RULES
from postroad.model import Client, Envelope
from postroad.model.content import Octets
from postroad.model.fields import Fields
from postroad.model.letter import Finding, Origin
from spam_world import CLIENT, case, dkim, dmarc, names, octets, spf

NAMELESS = Client("192.0.2.7", 25)
UNCONFIRMED = replace(CLIENT, name="unknown")
DIAL_UP = replace(CLIENT, reverse_name="ppp-7.dialup.example.net")
NUMBERED = replace(CLIENT, reverse_name="192-0-2-7.example.net")
PLAIN, HTML = "Content-Type: text/plain\n", "Content-Type: text/html\n"
ANSWER = {"Subject": "Re: Lunch"}
LIST = {"List-Id": "<talk.lists.example.net>"}


def of_html(source: str, **header: str) -> bytes:
    return octets({"MIME-Version": "1.0", "Content-Type": "text/html", **header}, source)


def of_parts(*parts: str, kind: str = "mixed") -> bytes:
    header = {"MIME-Version": "1.0", "Content-Type": f'multipart/{kind}; boundary="b"'}
    return octets(header, "".join(f"--b\n{each}\n" for each in parts) + "--b--\n")


def of_file(name: str, content: str = "x", kind: str = "application/octet-stream") -> bytes:
    about = f'Content-Type: {kind}\nContent-Disposition: attachment; filename="{name}"\n'
    return of_parts(f"{PLAIN}\nhello", f"{about}\n{content}")


def link(target: str, shown: str = "here") -> bytes:
    return of_html(f'<p>Look <a href="{target}">{shown}</a></p>')


PAID = "You sent 0.1 BTC to 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2."
ESTATE = (
    "Strictly confidential: the deceased left an inheritance; you are next of kin, beneficiary."
)


def bare(**header: str | None) -> bytes:
    return octets({name.replace("_", "-"): value for name, value in header.items()})


AS_US = bare(From="john@example.org")

APPLIES: list[tuple[str, Case]] = [
    ("CLIENT_NO_NAME", case(client=NAMELESS)),
    ("CLIENT_NAME_UNSURE", case(client=UNCONFIRMED)),
    ("CLIENT_NAME_NUMBERS", case(client=NUMBERED)),
    ("CLIENT_NAME_NUMBERS", case(client=replace(CLIENT, reverse_name="7.2.000.192.in.example"))),
    ("CLIENT_NAME_DYNAMIC", case(client=DIAL_UP)),
    ("HELO_IS_OURS", case(hello="MAIL.example.org.")),
    ("HELO_IS_OURS", case(hello="example.org")),
    ("HELO_IS_ADDRESS", case(hello="192.0.2.7")),
    ("HELO_NO_DOMAIN", case(hello="pc17")),
    ("SPF_FAIL", case(findings=(spf("fail"),))),
    ("SPF_SOFTFAIL", case(findings=(spf("softfail"), dmarc("none")))),
    ("SPF_HELO_FAIL", case(findings=(spf("fail", identity="helo"),))),
    ("DKIM_INVALID", case(findings=(dkim("fail"),))),
    ("DMARC_FAIL", case(findings=(dmarc("fail", "reject"),))),
    ("DMARC_FAIL_NONE", case(findings=(dmarc("fail", "none"),))),
    ("DMARC_PASS", case(findings=(dmarc("pass"),))),
    ("DKIM_AUTHOR", case(findings=(dkim("pass", "mail.example.com"), dmarc("none")))),
    ("AUTH_NONE", case(findings=(spf("none"), Finding("dkim", "none")))),
    (
        "AUTHOR_OURS",
        case(bare(From="john@example.org"), findings=(spf("pass", "example.net"), dkim("none"))),
    ),
    ("DATE_MISSING", case(bare(Date=None))),
    ("DATE_UNREADABLE", case(bare(Date="yesterday"))),
    ("DATE_UNREADABLE", case(bare(Date=""))),
    ("DATE_UNREADABLE", case(bare(Date="Tue, 14 Nov 99999999999999999999 22:12:40 +0000"))),
    ("DATE_FUTURE", case(bare(Date="Wed, 15 Nov 2023 22:12:40 +0000"))),
    ("DATE_FAR_FUTURE", case(bare(Date="Thu, 14 Nov 2030 22:12:40 +0000"))),
    ("DATE_PAST", case(bare(Date="Tue, 14 Nov 2000 22:12:40 +0000"))),
    ("DATE_PAST", case(bare(Date="Tue, 14 Nov 2000 22:12:40 +0000", Received=None))),
    ("MESSAGE_ID_MISSING", case(bare(Message_ID=None))),
    ("MESSAGE_ID_ODD", case(bare(Message_ID="<>"))),
    ("MESSAGE_ID_ODD", case(bare(Message_ID="1234"))),
    ("FROM_MISSING", case(bare(From=None))),
    ("SUBJECT_MISSING", case(bare(Subject=None))),
    ("HEADER_TWICE", case(bare(subject="Another"))),
    ("HEADER_RAW", case(bare(Subject="Grüße"))),
    ("TO_MISSING", case(bare(To=None))),
    ("TO_UNDISCLOSED", case(bare(To="undisclosed-recipients:;"))),
    ("MIME_NO_VERSION", case(bare(Content_Transfer_Encoding="8bit"))),
    ("RECEIVED_NO_ADDRESS", case(bare(Received="from x ([300.1.2.3]) by y; Tue"))),
    ("RECEIVED_FUTURE", case(bare(Received="from x by y; Tue, 21 Nov 2023 22:13:00 +0000"))),
    ("FROM_UNREADABLE", case(bare(From="a@b@c"))),
    ("FROM_UNREADABLE", case(bare(From="a@example.com, b@example.com"))),
    ("FROM_NAME_ADDRESS", case(bare(From='"help@bank.example" <x@example.com>'))),
    ("FROM_NAME_ADDRESS", case(bare(From="=?utf-8?Q?help=40bank=2Eexample?= <x@example.com>"))),
    ("REPLY_TO_OTHER", case(bare(Reply_To="x@example.net"))),
    ("REPLY_TO_FREEMAIL", case(bare(Reply_To="x@gmail.com"))),
    ("SUBJECT_CAPITALS", case(bare(Subject="ACT NOW TODAY"))),
    ("SUBJECT_GAPS", case(bare(Subject="V-I-A-G-R-A for you"))),
    ("SUBJECT_EMPTY", case(bare(Subject=""))),
    ("SUBJECT_NO_REPLY", case(octets(ANSWER))),
    ("ALPHABETS_MIXED", case(bare(Subject="=?utf-8?B?UNCw0YNQYWw=?="))),  # half Cyrillic
    ("HTML_ONLY", case(of_html("<p>hello</p>"))),
    ("HTML_PICTURES", case(of_html('<img src="https://example.com/1.png">'))),
    ("HTML_FORM", case(of_html('<form action="https://example.com"><input></form>'))),
    ("HTML_ACTIVE", case(of_html("<script>1</script>hello"))),
    ("BODY_EMPTY", case(octets(body="\n \n"))),
    (
        "TEXT_BASE64",
        case(
            octets(
                {"MIME-Version": "1.0", "Content-Transfer-Encoding": "base64"},
                "SGVsbG8gSm9obiwgc2VlIHlvdSBhdCBub29uIG9uIEZyaWRheS4=\n",
            )
        ),
    ),
    ("TEXT_SCATTERED", case(octets(body="v\u200bi\u200ba\u200bg\u200br\u200ba " * 5))),
    ("TEXT_SCATTERED", case(octets(body="v\u00adi\u00ada\u00adg\u00adr\u00ada " * 10))),
    ("TEXT_SCATTERED", case(bare(Subject="=?utf-8?Q?v=C2=ADi=C2=ADagra?="))),
    ("MIME_EXCESS", case(of_parts(*[f"{PLAIN}\nx"] * 200))),
    (
        "MIME_NO_PARTS",
        case(octets({"MIME-Version": "1.0", "Content-Type": "multipart/mixed; boundary=b"})),
    ),
    (
        "FRAUD_RANSOM",
        case(
            octets(
                body="I have hacked your webcam. Send 900 USD in Bitcoin to"
                " 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 within 48 hours."
            )
        ),
    ),
    (
        "FRAUD_MILLIONS",
        case(
            octets(
                body="I am a barrister. My late client left $ 9.5 million and no next of kin:"
                " you shall be the beneficiary."
            )
        ),
    ),
    ("LINK_ADDRESS", case(link("http://192.0.2.66/login"))),
    ("LINK_ADDRESS", case(link("http://3221226050/"))),
    ("LINK_ADDRESS", case(link("http://0xC0.0.2.0x42/"))),
    ("LINK_USER", case(link("https://bank.example@192.0.2.66/"))),
    ("LINK_RUNS", case(link(" JavaScript:alert(1)"))),
    ("LINK_RUNS", case(link("javascript:void(alert(1))"))),
    ("LINK_LIES", case(link("https://evil.example.net/", "https://www.bank.example/"))),
    ("LINK_ALPHABETS", case(link("https://xn--pypal-4ve.example/"))),
    ("FILE_PROGRAM", case(of_file("setup.EXE"))),
    ("FILE_PROGRAM", case(of_file("setup.exe. "))),
    ("FILE_PROGRAM", case(of_file("ann@example.com", "MZ\0\0"))),
    ("FILE_PROGRAM", case(of_file("tool.com"))),
    ("FILE_TWO_ENDINGS", case(of_file("invoice.pdf.scr"))),
    ("FILE_TRICKY_NAME", case(of_file("gpj\u202eexe"))),
    ("FILE_TRICKY_NAME", case(of_file("report" + " " * 40 + ".exe"))),
    ("FILE_DISGUISED", case(of_file("invoice.pdf", "MZ\0\0"))),
    ("FILE_MACROS", case(of_file("sheet.xlsm"))),
    ("FILE_PAGE", case(of_file("login.html"))),
    ("GTUBE", case(octets(body=f"To try it out:\n{GTUBE}\n"))),
    ("GTUBE", case(of_html(f"<p>{GTUBE}"))),
]

APPLIES_NOT: list[tuple[str, Case]] = [
    ("CLIENT_NO_NAME", case(client=replace(NAMELESS, reverse_unsure=True))),
    ("CLIENT_NO_NAME", case(client=replace(NAMELESS, address="10.0.0.1"))),
    ("CLIENT_NO_NAME", case(client=NAMELESS, origin=Origin.OURS)),
    ("CLIENT_NO_NAME", case(here=Here(names_clients=False), client=NAMELESS)),
    ("CLIENT_NAME_UNSURE", case(client=replace(UNCONFIRMED, name_unsure=True))),
    ("CLIENT_NAME_NUMBERS", case(client=replace(CLIENT, reverse_name="mx7.example.net"))),
    ("CLIENT_NAME_DYNAMIC", case(client=replace(CLIENT, reverse_name="mx7.mobile.de"))),
    ("HELO_IS_ADDRESS", case(hello="[192.0.2.7]")),
    ("HELO_IS_OURS", case(hello="example.org", origin=Origin.NEIGHBOUR)),
    ("HELO_IS_OURS", case(hello="example.org", findings=(spf("pass", "example.org", "helo"),))),
    ("HELO_IS_OURS", case(AS_US, hello="example.org")),
    ("HELO_NO_DOMAIN", case(hello="[IPv6:2001:db8::1]")),
    ("SPF_FAIL", case(findings=(spf("fail"), dmarc("pass")))),
    ("SPF_FAIL", case(findings=(spf("fail"), dmarc("fail", "reject", "trusted_forwarder")))),
    ("SPF_FAIL", case(findings=(spf("temperror"),))),
    ("SPF_FAIL", case(findings=(spf("fail"), dmarc("fail", "reject")))),
    ("SPF_FAIL", case(AS_US, findings=(spf("fail", "example.org"), dkim("none")))),
    ("SPF_SOFTFAIL", case(findings=(spf("temperror"),))),
    ("SPF_HELO_FAIL", case(findings=(spf("fail"), spf("fail", identity="helo")))),
    ("DKIM_INVALID", case(findings=(dkim("temperror"),))),
    ("DKIM_INVALID", case(findings=(dkim("fail"), dmarc("fail", "none")))),
    ("DMARC_FAIL_NONE", case(findings=(spf("fail"), dmarc("fail", "none")))),
    ("AUTH_NONE", case(AS_US, findings=(spf("none"), Finding("dkim", "none")))),
    ("DKIM_INVALID", case(findings=(dkim("fail"), dkim("pass", "example.net")))),
    ("DMARC_FAIL", case(findings=(dmarc("fail", "reject", "trusted_forwarder"),))),
    ("DMARC_FAIL", case(findings=(dmarc("temperror", "reject"),))),
    ("AUTH_NONE", case(findings=(spf("temperror"), Finding("dkim", "none")))),
    ("AUTH_NONE", case()),
    (
        "AUTHOR_OURS",
        case(bare(From="john@example.org"), findings=(spf("pass", "example.org"), dkim("none"))),
    ),
    ("AUTHOR_OURS", case(bare(From="john@example.org"), findings=(spf("temperror"),))),
    ("AUTHOR_OURS", case(bare(From="john@example.org"))),
    ("AUTHOR_OURS", case(octets(LIST | {"From": "john@example.org"}), findings=(spf("none"),))),
    ("DATE_UNREADABLE", case(bare(Date="14 Nov 23 22:12 GMT"))),
    ("DATE_PAST", case(bare(Date="Fri, 10 Nov 2023 22:12:40 +0000"))),
    (  # a moderator let it wait
        "DATE_PAST",
        case(
            bare(
                Date="Tue, 5 Sep 2023 22:12:40 +0000",
                Received="from pc by list.example; Tue, 5 Sep 2023 22:13:00 +0000",
            )
        ),
    ),
    ("DATE_FUTURE", case(bare(Date="Wed, 15 Nov 2023 08:12:40 +0900"))),
    ("DATE_FAR_FUTURE", case(bare(Date="Thu, 14 Nov 2030 22:12:40 +0000"), arrived=0.0)),
    ("MESSAGE_ID_ODD", case(bare(Message_ID="<a.b+c@[192.0.2.1]>"))),
    ("HEADER_RAW", case(bare(Subject="Grüße"), envelope=Envelope(None, smtputf8=True))),
    ("TO_MISSING", case(bare(To=None, Cc="john@example.org"))),
    ("RECEIVED_NO_ADDRESS", case(bare(Received="from x ([10.1.2.3]) by y"))),
    ("RECEIVED_FUTURE", case(bare(Received="from x by y; no date"))),
    ("FROM_NAME_ADDRESS", case(bare(From='"ann@mail.example.com" <ann@example.com>'))),
    ("FROM_NAME_ADDRESS", case(octets(LIST | {"From": '"a@x.example" <talk@example.net>'}))),
    (
        "FROM_NAME_ADDRESS",
        case(bare(From='"Eva (eva@gmail.com)" <a@example.com>', Reply_To="Eva <eva@gmail.com>")),
    ),
    ("REPLY_TO_OTHER", case(octets(LIST | {"Reply-To": "talk@example.net"}))),
    ("REPLY_TO_OTHER", case(bare(Reply_To="ann@mail.example.com"))),
    ("REPLY_TO_FREEMAIL", case(bare(From="a@gmail.com", Reply_To="b@gmail.com"))),
    ("SUBJECT_CAPITALS", case(bare(Subject="RFC 5321"))),
    ("SUBJECT_CAPITALS", case(bare(Subject="=?utf-8?B?5pel5pys6Kqe?="))),
    ("SUBJECT_GAPS", case(bare(Subject="Version 1.2.3.4 of A B C"))),
    ("SUBJECT_GAPS", case(bare(Subject="Release 1.2.3.4.5"))),
    ("SUBJECT_GAPS", case(bare(Subject="=?utf-8?B?6YCaIOefpSDkuaYg6K+3IOafpQ==?="))),  # Chinese
    ("SUBJECT_NO_REPLY", case(octets(ANSWER | {"In-Reply-To": "<1@x.example>"}))),
    ("SUBJECT_NO_REPLY", case(bare(Subject="Report"))),
    ("ALPHABETS_MIXED", case(bare(Subject="=?utf-8?B?U01TLdC60LAgzrwgzpR0?="))),
    ("ALPHABETS_MIXED", case(bare(Subject="=?utf-8?B?zrxUb3JyZW50?="))),  # with a mu
    ("ALPHABETS_MIXED", case(bare(Subject="=?utf-8?B?TkbOukI=?="))),  # with a kappa
    ("ALPHABETS_MIXED", case(bare(Subject="=?utf-8?B?adGB0YLQvtGAadGP?="))),  # with a Latin i
    ("HTML_ONLY", case(of_parts(f"{PLAIN}\nx", f"{HTML}\n<p>x", kind="alternative"))),
    ("HTML_PICTURES", case(of_html('<img src="x">' + "many words here " * 20))),
    (
        "HTML_PICTURES",
        case(
            of_html(
                '<img src="x">Your code is 482913. Use it in ten minutes and tell it to nobody here'
            )
        ),
    ),
    ("BODY_EMPTY", case(of_file("report.pdf"))),
    ("TEXT_BASE64", case(of_parts(f"{PLAIN}Content-Transfer-Encoding: base64\n\nR3LDvMOfZQ=="))),
    ("TEXT_SCATTERED", case(octets(body="\u0645\u06cc\u200c\u062e\u0648\u0645 " * 50))),
    ("TEXT_SCATTERED", case(octets(body="Wo\u00adchen\u00adend\u00adti\u00adcket " * 20))),
    ("MIME_EXCESS", case(octets(body="x" * 600_000))),
    ("MIME_EXCESS", case(of_parts(*[f"{PLAIN}\nx"] * 20))),
    ("FRAUD_RANSOM", case(octets(body="We take Bitcoin: 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"))),
    ("FRAUD_RANSOM", case(octets(body=f"{PAID} If your account was hacked: within 24 hours"))),
    ("FRAUD_MILLIONS", case(octets(body="The bank of England has a business proposal."))),
    ("FRAUD_MILLIONS", case(octets(body=f"{ESTATE} Your share is 40,000 pounds."))),
    (
        "FRAUD_MILLIONS",
        case(octets(body="Transfer of funds, $ 2.5 million, to our foreign account")),
    ),
    ("LINK_ADDRESS", case(link("http://192.168.0.1/"))),
    ("LINK_ADDRESS", case(link("http://127.0.0.1:8080/"))),
    ("LINK_ADDRESS", case(link("http://999.1.2.3.4/"))),
    ("LINK_USER", case(link("https://john@example.com/"))),
    ("LINK_USER", case(link("https://ann.lee@example.com/"))),
    ("LINK_RUNS", case(link("javascript:void(0);"))),
    ("LINK_RUNS", case(link("javascript:;"))),
    ("LINK_LIES", case(link("https://click.example.com/?u=1", "www.shop.example"))),
    ("LINK_LIES", case(link("https://www.bank.example/a", "bank.example/login"))),
    ("LINK_LIES", case(link("https://docs.example.net/x", "readme.html"))),
    (
        "LINK_LIES",
        case(
            link("https://c.mailer.example/1", "www.shop.example"),
            findings=(dkim("pass", "mailer.example"),),
        ),
    ),
    (
        "LINK_LIES",
        case(
            link("https://c.mailer.example/1", "www.example.com"),
            findings=(dkim("pass", "example.com"),),
        ),
    ),
    ("LINK_LIES", case(link("https://docs.example.net/x", "README.md"))),
    ("LINK_ALPHABETS", case(link("https://xn--bcher-kva.example/"))),
    ("FILE_PROGRAM", case(of_file("exe"))),
    ("FILE_PROGRAM", case(of_file("www.example.pdf"))),
    ("FILE_PROGRAM", case(of_file("ann@example.com", kind="application/pgp-keys"))),
    ("FILE_PROGRAM", case(of_file("notes on www.example.com", kind="text/plain"))),
    ("FILE_TWO_ENDINGS", case(of_file("setup-1.2.exe"))),
    ("FILE_TRICKY_NAME", case(of_file("Gruppe 1 - Bericht.pdf"))),
    ("FILE_TRICKY_NAME", case(of_file("\u202b\u062f\u0639\u0648\u0629\u202c.pdf"))),
    ("FILE_DISGUISED", case(of_file("notes.txt", "MZ is a code"))),
    ("FILE_DISGUISED", case(of_file("setup.exe", "MZ\0\0"))),
    ("FILE_PAGE", case(of_html("<p>hello"))),
    ("GTUBE", case(octets(body=GTUBE[:-1]))),
]


@pytest.mark.parametrize(("rule", "looked_at"), APPLIES)
def test_a_rule_applies(rule: str, looked_at: Case) -> None:
    assert rule in names(looked_at)


@pytest.mark.parametrize(("rule", "looked_at"), APPLIES_NOT)
def test_a_rule_does_not_apply(rule: str, looked_at: Case) -> None:
    assert rule not in names(looked_at)


def test_nobody_has_anything_against_usual_mail() -> None:
    assert names(case()) == set()


def test_every_rule_is_tried_and_named_once() -> None:
    elsewhere = {*MAILER_RULES, *MANNER_RULES, *TOPIC_RULES, *MARKUP_RULES}  # each by its own test
    assert {each.name for each in RULES if each not in elsewhere} == {name for name, _ in APPLIES}
    assert len(POINTS) == len(RULES) + len(BANDS) + 2


def test_every_rule_is_in_the_documents_with_its_points() -> None:
    text = (Path(__file__).parents[3] / "docs" / "spam.md").read_text()
    rows = {line for line in text.splitlines() if line.startswith("| `")}
    told = {f"| `{each.name}` | {each.points:g} | {each.words} |" for each in RULES}
    told |= {f"| `{each.name}` | {each.points:g} | from {each.least:g} on |" for each in BANDS}
    told |= {f"| `{TALK_CAP}` | {MOST_TALK:g} | what topics count together at most |"}
    told |= {f"| `{READ_CAP}` | {MOST_READ:g} | what rules about text count at most beside it |"}
    assert told <= rows, "\n".join(sorted(told - rows))


def test_no_rule_alone_makes_spam() -> None:
    assert all(abs(each.points) <= 3.0 for each in RULES if each not in TRIAL_RULES)


def test_operators_points_hold_and_zero_asks_nobody() -> None:
    looked_at = case(bare(Date=None, Subject=None))
    found = {each.name: each.points for each in hits_of(looked_at, {"DATE_MISSING": 3.5})}
    assert found == {"DATE_MISSING": 3.5, "SUBJECT_MISSING": 0.8}
    assert [each.name for each in hits_of(looked_at, {"DATE_MISSING": 0})] == ["SUBJECT_MISSING"]


def test_words_of_a_message_cannot_break_a_line() -> None:
    looked_at = case(of_file("a\u202e\u0007.exe" + "x" * 200))
    (said,) = [each.words for each in hits_of(looked_at, {}) if each.name == "FILE_TRICKY_NAME"]
    assert said.isprintable()
    assert len(said) < 120


@pytest.mark.parametrize(
    ("probability", "band"),
    [
        (0.0, "BAYES_00"),
        (0.0099, "BAYES_00"),
        (0.01, "BAYES_05"),
        (0.5, "BAYES_50"),
        (0.98, "BAYES_95"),
        (0.99, "BAYES_99"),
        (1.0, "BAYES_999"),
    ],
)
def test_the_band_of_a_probability(probability: float, band: str) -> None:
    assert band_of(probability).name == band


LINES = st.lists(st.sampled_from([*(b"From To Subject Date Received Reply-To".split()), b"X"]))


@given(LINES, st.binary(max_size=300), st.binary(max_size=300))
def test_no_octets_make_a_rule_raise(named: list[bytes], value: bytes, body: bytes) -> None:
    one = value.replace(b"\r", b"").replace(b"\n", b"\r\n ")
    header = b"".join(b"%s: %s\r\n" % (name, one) for name in named)
    looked_at = case(fields=Fields.of(header), body=Octets(body))
    assert all(each.name in POINTS for each in hits_of(looked_at, {}))


@given(st.text(max_size=200))
def test_no_html_makes_a_rule_raise(text: str) -> None:
    source = f'<a href="{text}">{text}</a>' + "<img src='//[x' ><form>"
    looked_at = case(of_html(source))
    assert "HTML_FORM" in names(looked_at) or "-->" not in source
