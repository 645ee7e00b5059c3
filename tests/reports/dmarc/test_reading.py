"""Reports of many shapes, and of none: what is read of them, and what is not."""

from __future__ import annotations

import codecs
import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmarc_feedback import BEGIN, END, SHAPES, record, xml
from postroad.reports.arrival import Malformed
from postroad.reports.dmarc import records
from postroad.reports.dmarc.feedback import DkimResult, Feedback, Reason, Row, SpfResult
from postroad.reports.dmarc.reading import Allowance, parse


def read(text: str | bytes, size: int = 1_000) -> Feedback:
    octets = text.encode() if isinstance(text, str) else text
    return parse(octets[at : at + size] for at in range(0, len(octets), size))


def read_with(text: str, allowance: Allowance) -> Feedback:
    return parse([text.encode()], allowance)


def shape(name: str) -> Feedback:
    return read((SHAPES / f"{name}.xml").read_bytes())


@pytest.mark.parametrize(
    ("name", "organization", "policy", "counts"),
    [
        ("google", "google.com", "none", (123, 120, 0)),
        ("microsoft", "Enterprise Outlook", "quarantine", (19, 17, 0)),
        ("yahoo", "Yahoo", "reject", (9, 9, 0)),
        ("mailru", "Mail.Ru", "reject", (1, 0, 0)),
        ("fastmail", "FastMail Pty Ltd", "none", (4, 0, 0)),
        ("western", "Müller & Söhne", "none", (1, 1, 0)),
        ("rfc9990", "Sample Receiver", "quarantine", (125, 123, 0)),
        ("sparse", "small.example", "", (5, 0, 6)),
    ],
)
def test_shapes(name, organization, policy, counts) -> None:
    report = shape(name)
    assert report.organization == organization
    assert (report.published.domain, report.published.policy) == ("example.org", policy)
    assert report.begins == BEGIN
    assert (report.messages, report.passed, report.skipped) == counts


def test_all_of_a_row() -> None:
    report = shape("fastmail")
    ((row, count),) = report.rows
    assert count == 4
    assert row == Row(
        source="2001:db8::25",
        header_from="example.org",
        envelope_from="lists.example",
        envelope_to="",
        disposition="none",
        dkim=False,
        spf=False,
        reasons=(
            Reason("mailing_list", "list <users.lists.example>"),
            Reason("local_policy", "Policy ignored due to local white list"),
        ),
        signatures=(
            DkimResult("example.org", "s1", "fail"),
            DkimResult("lists.example", "", "pass"),
        ),
        senders=(SpfResult("lists.example", "mfrom", "pass"),),
    )
    assert report.errors == ("the record has a tag that is not known",)
    assert (report.contact, report.id) == ("reports@fastmaildmarc.com", "87654321")
    assert (report.begins, report.ends, report.records) == (BEGIN, END, 1)


def test_who_it_went_to() -> None:
    rows = [row for row, _ in shape("microsoft").rows]
    assert [row.envelope_to for row in rows] == ["customer.example"] * 2
    assert [row.envelope_from for row in rows] == ["example.org", ""]
    assert rows[1].senders == (SpfResult("host.invalid", "helo", "none"),)


def test_the_newer_standard() -> None:
    report = shape("rfc9990")
    said = report.published
    assert (said.absent, said.below, said.testing) == ("reject", "none", "y")
    assert said.found_by == "treewalk"
    (one, count), (other, _) = report.rows
    # Nothing of another namespace is taken for a part of the report.
    assert (one.source, count, one.disposition) == ("192.0.2.123", 123, "none")
    assert other.reasons == (Reason("policy_test_mode", ""),)


def test_an_address_is_always_written_the_same() -> None:
    ((row, _),) = shape("western").rows
    assert row.source == "192.0.2.9"


def test_what_is_missing_is_not_known() -> None:
    report = shape("sparse")
    assert report.id == f"example.org!{BEGIN}"
    assert report.ends == report.begins == BEGIN
    ((row, count),) = report.rows
    assert (row.disposition, row.dkim, row.signatures, count) == ("", False, (), 5)


def test_rows_that_are_alike_are_one() -> None:
    report = read(xml(record(count=2), record("192.0.2.2"), record(count=3)))
    assert [(row.source, count) for row, count in report.rows] == [
        ("192.0.2.1", 5),
        ("192.0.2.2", 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "not xml",
        '{"json": 1}',
        "<html></html>",
        "<feedback></feedback>",
        xml()[:-20],
        xml() + "<more/>",
        xml().replace("<org_name>Receiver</org_name><email>dmarc@receiver.example</email>", ""),
        xml().replace("<begin>1700006400</begin>", ""),
        xml().replace("<begin>1700006400</begin>", "<begin>yesterday</begin>"),
        xml().replace("<begin>1700006400</begin>", "<begin>99999999999999999</begin>"),
        xml(record(header_from=""), domain=""),
        xml().replace("<record>", "<record>" + "<a>" * 20 + "</a>" * 20),
        xml().replace("</org_name>", "</org_name><email><bad@bad.example></email>"),
    ],
)
def test_no_report(text: str) -> None:
    with pytest.raises(Malformed):
        read(text)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE feedback [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>',
        '<!DOCTYPE feedback SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE feedback [<!ENTITY % x SYSTEM "http://192.0.2.1/x"> %x;]>',
        "<!DOCTYPE feedback>",
    ],
)
def test_a_document_type_is_refused(doctype: str) -> None:
    text = xml().replace("<feedback>", f"{doctype}<feedback>").replace("Receiver", "&b;")
    with pytest.raises(Malformed, match="document type"):
        read(text)


def test_an_entity_that_nobody_declared() -> None:
    with pytest.raises(Malformed, match="undefined entity"):
        read(xml().replace("Receiver", "&b;"))


NAME = "Müller"


@pytest.mark.parametrize(
    "octets",
    [
        xml(organization=NAME).encode("utf-8-sig"),
        xml(organization=NAME).encode("utf-16"),
        xml(organization=NAME).encode("utf-16-le"),
        xml(organization=NAME).encode("utf-16-be"),
        codecs.BOM_UTF16_BE + xml(organization=NAME).encode("utf-16-be"),
        xml(organization=NAME).encode("utf-32"),
        # What it says of itself is wrong.
        xml(organization=NAME).replace("UTF-8", "utf-16").encode(),
        xml(organization=NAME).replace("UTF-8", "klingon").encode(),
        xml(organization=NAME).replace("UTF-8", "idna").encode(),
        xml(organization=NAME).replace("UTF-8", "ISO-8859-1").encode("latin-1"),
        xml(organization=NAME).replace("UTF-8", "Windows-1252").encode("cp1252"),
        b"\r\n\r\n  " + xml(organization=NAME).encode(),
        xml(organization=NAME).partition("\n")[2].encode(),
        xml(organization=NAME).replace("<?xml ", '<?xml vrsion="9" ').encode(),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_encodings(octets: bytes, size: int) -> None:
    assert read(octets, size).organization == NAME


def test_what_is_no_text_is_replaced() -> None:
    octets = xml(organization="A@B@C").encode().replace(b"A@B@C", b"A\xffB\x07\x00C\x1b[2J")
    report = read(octets)
    assert report.organization == "A?B C [2J".replace("?", "\N{REPLACEMENT CHARACTER}")
    assert report.organization.isprintable()


def test_texts_are_short_and_in_one_line() -> None:
    report = read(xml(organization="  Long\n\t name " + "x" * 100_000))
    assert report.organization.startswith("Long name xxx")
    assert len(report.organization) <= 255


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        ("1", 1),
        (" 12\n", 12),
        ("+3", 3),
        ("4.0", 4),
        ("1000000000000", 10**12),
        ("0", None),
        ("-1", None),
        ("1000000000001", None),
        ("1e3", None),
        ("٣", None),
        ("", None),
        ("9" * 5_000, None),
    ],
)
def test_counts(count: str, expected: int | None) -> None:
    report = read(xml(record(count=count)))
    assert [found for _, found in report.rows] == ([] if expected is None else [expected])
    assert report.skipped == (0 if expected is not None or count == "0" else 1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1700006400.0", BEGIN),
        ("2023-11-15T00:00:00+00:00", BEGIN),
        ("2023-11-15T01:00:00+01:00", BEGIN),
        (datetime.fromtimestamp(BEGIN, UTC).strftime("%Y-%m-%d %H:%M:%S"), BEGIN),
    ],
)
def test_times(text: str, moment: int) -> None:
    assert read(xml().replace(f"<begin>{BEGIN}", f"<begin>{text}")).begins == moment


def test_an_end_before_the_beginning() -> None:
    assert read(xml(ends=5)).ends == BEGIN


def test_a_cdata_section_and_comments_within_a_value() -> None:
    report = read(xml().replace("Receiver", "Re<!-- x --><![CDATA[cei]]>ver"))
    assert report.organization == "Receiver"


def test_more_rows_than_are_kept_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_ROWS", 3)
    report = read(xml(*[record(f"192.0.2.{n}", n, dkim="fail", spf="fail") for n in range(1, 8)]))
    *_, (last, count) = report.rows
    assert len(report.rows) == 4
    assert (last.source, last.header_from, count) == ("", "", 4 + 5 + 6 + 7)
    assert report.messages == 28


def test_long_texts_take_the_place_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_ROW_TEXT", 1_000)
    long = tuple((f"{'x' * 200}{n}.example", "", "pass") for n in range(3))
    report = read(xml(*[record(f"192.0.2.{n}", signatures=long) for n in range(1, 8)]))
    assert len(report.rows) == 2
    assert report.messages == 7


def test_many_rows_and_results_in_one_record() -> None:
    row = "<row><source_ip>192.0.2.1</source_ip><count>1</count></row>"
    signature = "<dkim><domain>a.example</domain><result>pass</result></dkim>"
    text = xml().replace("<row>", row * 50 + "<row>", 1)
    text = text.replace("<auth_results>", f"<auth_results>{signature * 500}")
    report = read(text)
    assert report.messages == 6
    assert report.skipped == 45
    assert len(report.rows[0][0].signatures) == 6


def test_an_allowance_is_used_up() -> None:
    octets = xml().encode()
    allowance = Allowance(octets=2 * len(octets) - 1)
    parse([octets], allowance)
    with pytest.raises(Malformed, match="longer than"):
        parse([octets], allowance)
    allowance = Allowance(elements=50)
    parse([octets], allowance)
    with pytest.raises(Malformed, match="too many elements"):
        parse([octets], allowance)
    attributes = "".join(f" a{n}='1'" for n in range(30))
    with pytest.raises(Malformed, match="too many elements"):
        read_with(xml().replace("<record>", f"<record{attributes}>", 1), Allowance(elements=40))


@pytest.mark.parametrize(
    "costly",
    [
        "<record/>" * 20,
        "<record>" + "<row/>" * 20 + "</record>",
        "<record><row>" + ("<count>" + "\x7f" * 250 + "</count>") * 2 + "</row></record>",
    ],
)
def test_what_takes_long_costs_more_than_its_elements(costly: str) -> None:
    head, tail = xml().split("<record>")[0], "</feedback>"
    read_with(f"{head}<a>{'<b/>' * 25}</a>{tail}", Allowance(elements=60))
    with pytest.raises(Malformed, match="too many elements"):
        read_with(head + costly + "<a/>" + tail, Allowance(elements=60))


def test_what_anybody_can_send_may_cost_less() -> None:
    """A long honest report fits; who is proved to have a domain is a stranger all the same."""
    head, _, _ = xml(record()).partition("<record>")
    signed = record(signatures=(("example.org", "s1", "pass"),))
    allowance = Allowance.of_stranger()
    text = head + signed * 20_000 + "</feedback>"
    assert read_with(text, allowance).records == 20_000
    with pytest.raises(Malformed, match=r" of mail$"):
        read_with(text, allowance)


def test_what_has_nobodys_word_may_cost_less() -> None:
    allowance, proved = Allowance.of_nobody(), Allowance.of_stranger()
    assert allowance.octets <= proved.octets // 2
    assert allowance.elements <= proved.elements // 2
    with pytest.raises(Malformed, match="than may be read of mail that proves no author"):
        read_with(xml() + " " * allowance.octets, allowance)
    with pytest.raises(Malformed, match=r"too many elements.* for mail that proves no author"):
        read_with("<feedback>" + "<a/>" * 400_000, Allowance.of_nobody())


def test_the_octet_is_named_where_it_is_no_xml() -> None:
    with pytest.raises(Malformed, match=r"no XML: mismatched tag, at octet 18$"):
        read("<feedback>\n\n<a>\n</b></feedback>")


@pytest.mark.parametrize("begin", ["<!-- ", "<a b='", "<", "<?pi "])
def test_a_token_without_an_end(begin: str) -> None:
    def pieces():
        yield xml().rstrip().replace("</feedback>", begin).encode()
        yield from itertools.repeat(b"x" * 65_536, 100)

    with pytest.raises(Malformed, match="has no end"):
        parse(pieces())


def test_long_names_cost_nothing() -> None:
    name = "a" * 100_000
    text = f"<{name}>{'<b/>' * 200_000}</{name}>"
    assert read(xml().replace("<record>", f"{text}<record>", 1), 65_536).messages == 1


def test_white_space_before_a_value() -> None:
    report = read(xml(organization=" " * 100_000 + "Receiver"))
    assert report.organization == "Receiver"


def test_very_many_records() -> None:
    """Only what they come to is held: 20,000 of them, of 20 addresses."""

    def pieces():
        head, _, tail = xml(record()).partition("<record>")
        yield head.encode()
        for n in range(20_000):
            yield record(f"192.0.2.{n % 20}").encode()
        yield b"</feedback>"
        assert tail

    report = parse(pieces())
    assert (len(report.rows), report.messages, report.records) == (20, 20_000, 20_000)


@given(st.binary(max_size=2_000))
def test_whatever_comes(octets: bytes) -> None:
    for given_octets in (octets, b"<feedback>" + octets + b"</feedback>"):
        try:
            words = parse([given_octets]).organization
        except Malformed as error:
            words = str(error)
        assert words
        assert words.isprintable()


@given(
    st.sampled_from(sorted(SHAPES.glob("*.xml"))),
    st.integers(0, 5_000),
    st.binary(max_size=20),
    st.integers(0, 60),
)
def test_whatever_became_of_a_report(path, at: int, put: bytes, cut: int) -> None:
    octets = path.read_bytes()
    at = min(at, len(octets))
    try:
        report = parse([octets[:at] + put + octets[at + cut :]])
    except Malformed:
        return
    assert report.organization.isprintable()
    assert all(count > 0 and count <= 10**12 * 20 for _, count in report.rows)
    assert all(
        text.isprintable() and len(text) <= 255 for row, _ in report.rows for text in row[:5]
    )


@given(st.data(), st.sampled_from(sorted(SHAPES.glob("*.xml"))))
def test_any_split_reads_the_same(data, path) -> None:
    octets = path.read_bytes()
    at = data.draw(st.integers(0, len(octets)))
    assert parse([octets[:at], octets[at:]]) == parse([octets])


def test_a_declaration_is_looked_for_at_the_beginning_only() -> None:
    """Everywhere would take as many steps as the square of the spaces there."""
    text = xml()
    for above in ("", "\n \n", "\ufeff"):
        assert read(above + text).id == "id-1"
    declaration = text.partition("<feedback>")[0]
    with pytest.raises(Malformed, match="no XML"):
        read(text.replace("<record>", f"{declaration}<record>"))
