"""What EHLO announces: exactly what is taken, in Postfix's order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroad.smtp import Offer, SessionLimits
from postroad.smtp.offer import EXTENSIONS, announced
from smtp_invariants import SMTP

LIMITS = SessionLimits(message_size=1000, recipients=20)
FULL = replace(SMTP, mechanisms=("PLAIN", "CRAM-MD5", "LOGIN"), future_release=60)
LINES = {
    "PIPELINING": "PIPELINING",
    "SIZE": "SIZE 1000",
    "VRFY": "VRFY",
    "ETRN": "ETRN",
    "STARTTLS": "STARTTLS",
    "AUTH": "AUTH PLAIN CRAM-MD5 LOGIN",
    "AUTH=": "AUTH=LOGIN PLAIN",
    "XCLIENT": "XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT",
    "XFORWARD": "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT",
    "ENHANCEDSTATUSCODES": "ENHANCEDSTATUSCODES",
    "8BITMIME": "8BITMIME",
    "DSN": "DSN",
    "SMTPUTF8": "SMTPUTF8",
    "CHUNKING": "CHUNKING",
    "BINARYMIME": "BINARYMIME",
    "REQUIRETLS": "REQUIRETLS",
    "FUTURERELEASE": "FUTURERELEASE 60 2027-01-15T08:00:00Z",
    "DELIVERBY": "DELIVERBY",
    "MT-PRIORITY": "MT-PRIORITY",
    "LIMITS": "LIMITS RCPTMAX=20",
}

MISSING = [
    (FULL, LIMITS, {"REQUIRETLS"}),
    (replace(FULL, secure=True), LIMITS, {"STARTTLS"}),
    (replace(FULL, secure=True, requiretls=False), LIMITS, {"STARTTLS", "REQUIRETLS"}),
    (replace(FULL, plain_auth=False), LIMITS, {"AUTH", "AUTH=", "REQUIRETLS"}),
    (replace(FULL, mechanisms=()), LIMITS, {"AUTH", "AUTH=", "REQUIRETLS"}),
    (replace(FULL, broken_auth=False), LIMITS, {"AUTH=", "REQUIRETLS"}),
    (replace(FULL, chunking=False), LIMITS, {"CHUNKING", "BINARYMIME", "REQUIRETLS"}),
    (replace(FULL, binarymime=False), LIMITS, {"BINARYMIME", "REQUIRETLS"}),
    (replace(FULL, limits=False), LIMITS, {"LIMITS", "REQUIRETLS"}),
    (FULL, replace(LIMITS, recipients=0), {"LIMITS", "REQUIRETLS"}),
    *(
        (replace(FULL, **{field: type(getattr(FULL, field))()}), LIMITS, {keyword, "REQUIRETLS"})
        for field, keyword in (
            ("etrn", "ETRN"),
            ("vrfy", "VRFY"),
            ("starttls", "STARTTLS"),
            ("xclient", "XCLIENT"),
            ("xforward", "XFORWARD"),
            ("future_release", "FUTURERELEASE"),
            ("deliver_by", "DELIVERBY"),
            ("priority", "MT-PRIORITY"),
            ("dsn", "DSN"),
        )
    ),
    (
        Offer(dsn=False, chunking=False, limits=False),
        LIMITS,
        set(LINES) - {"PIPELINING", "SIZE", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"},
    ),
]


@pytest.mark.parametrize(("offer", "limits", "missing"), MISSING)
def test_announced(offer, limits, missing):
    expected = [line for keyword, line in LINES.items() if keyword not in missing]
    assert list(announced(offer, limits)) == expected


def test_size_without_a_limit_has_no_number():
    assert "SIZE" in announced(Offer(), replace(LIMITS, message_size=0))


def test_the_old_form_of_auth_names_only_what_old_clients_know():
    offer = replace(FULL, mechanisms=("SCRAM-SHA-256", "PLAIN"))
    assert "AUTH=PLAIN" in announced(offer, LIMITS)
    offer = replace(FULL, mechanisms=("SCRAM-SHA-256",))
    assert not any(line.startswith("AUTH=") for line in announced(offer, LIMITS))


def test_each_row_announces_its_keyword():
    offer = replace(FULL, secure=True)
    lines = {key: line(offer, LIMITS) for key, line in EXTENSIONS.items() if key != "STARTTLS"}
    assert all(line.startswith(key) for key, line in lines.items())
    assert all(len(line) <= 500 for line in lines.values())
