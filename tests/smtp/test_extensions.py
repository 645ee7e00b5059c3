from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.smtp.extensions import Extensions, Limits


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("SIZE", Extensions(size=0)),
        ("SIZE 1000", Extensions(size=1000)),
        ("SIZE 1e3", Extensions(size=0)),
        (f"SIZE {'9' * 21}", Extensions(size=0)),
        ("SIZE ²", Extensions(size=0)),
        ("pipelining", Extensions(pipelining=True)),
        ("8BITMIME", Extensions(eight_bit_mime=True)),
        ("SMTPUTF8", Extensions(smtputf8=True)),
        ("STARTTLS", Extensions(starttls=True)),
        ("EnhancedStatusCodes", Extensions(enhanced_status_codes=True)),
        ("AUTH PLAIN login", Extensions(mechanisms=frozenset({"PLAIN", "LOGIN"}))),
        ("AUTH=PLAIN", Extensions(mechanisms=frozenset({"PLAIN"}))),
        ("DSN", Extensions(dsn=True)),
        ("CHUNKING", Extensions(chunking=True)),
        ("REQUIRETLS", Extensions(require_tls=True)),
        ("DELIVERBY", Extensions(deliver_by=0)),
        ("DELIVERBY 240", Extensions(deliver_by=240)),
        ("DELIVERBY -1", Extensions(deliver_by=0)),
        ("DELIVERBY 1234567890", Extensions(deliver_by=0)),
        ("MT-PRIORITY", Extensions(priority=True)),
        ("MT-PRIORITY STANAG4406", Extensions(priority=True)),
        ("LIMITS RCPTMAX=20", Extensions(limits=Limits(recipients=20))),
        (
            "limits mailmax=5 RcptDomainMax=1 FOO=1 BAR",
            Extensions(limits=Limits(messages=5, domains=1)),
        ),
        ("LIMITS", Extensions()),
        ("LIMITS RCPTMAX=0", Extensions()),
        ("LIMITS RCPTMAX=-1 MAILMAX=x RCPTDOMAINMAX=1234567", Extensions()),
        ("XCLIENT NAME ADDR", Extensions()),
        ("BINARYMIME", Extensions()),
        ("", Extensions()),
    ],
)
def test_each_line(line, offered):
    assert Extensions.parse([line]) == offered


def test_binarymime_needs_chunking():
    offered = Extensions.parse(["BINARYMIME", "CHUNKING"])
    assert offered.binary_mime


@given(st.lists(st.text(max_size=60), max_size=10))
def test_no_server_can_say_what_cannot_be_read(lines):
    offered = Extensions.parse(lines)
    assert offered.size is None or offered.size >= 0
    assert offered.deliver_by is None or offered.deliver_by >= 0
