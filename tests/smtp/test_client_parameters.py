"""The parameters that the client writes are those that the server reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.model import ByMode, Notify, Return
from postroad.smtp.client import Parameters, RecipientParameters, Transaction
from postroad.smtp.client_parameters import of_mail, of_recipient
from postroad.smtp.events import By
from postroad.smtp.extensions import Extensions
from postroad.smtp.xtext import (
    decode_utf8_address,
    decode_xtext,
    encode_utf8_address,
    encode_xtext,
)

DSN = Extensions(dsn=True)
ALL = Extensions(dsn=True, require_tls=True, deliver_by=0, priority=True)
WANTED = Parameters(Return.FULL, "id", True, By(60, ByMode.RETURN, trace=True), 4)


def mail(parameters: Parameters, offered: Extensions) -> str:
    wanted = Transaction("a@x.org", ("b@x.net",), 7, parameters=parameters)
    return of_mail(wanted, offered, smtputf8=False)


@pytest.mark.parametrize(
    ("offered", "words"),
    [
        (Extensions(), ""),
        (DSN, " RET=FULL ENVID=id"),
        (Extensions(require_tls=True), " REQUIRETLS"),
        (Extensions(deliver_by=30), " BY=60;RT"),
        (Extensions(priority=True), " MT-PRIORITY=4"),
        (ALL, " RET=FULL ENVID=id REQUIRETLS BY=60;RT MT-PRIORITY=4"),
    ],
)
def test_each_goes_where_it_is_known(offered, words):
    assert mail(WANTED, offered) == words


def test_an_envid_that_became_too_long_is_left_out():
    assert mail(Parameters(envid="=" * 33), DSN) == f" ENVID={'+3D' * 33}"
    assert mail(Parameters(envid="=" * 34), DSN) == ""


@pytest.mark.parametrize(
    ("notify", "words"),
    [
        (None, ""),
        (Notify.NEVER, " NOTIFY=NEVER"),
        (Notify.SUCCESS, " NOTIFY=SUCCESS"),
        (Notify.DELAY | Notify.FAILURE, " NOTIFY=FAILURE,DELAY"),
        (Notify.SUCCESS | Notify.FAILURE | Notify.DELAY, " NOTIFY=SUCCESS,FAILURE,DELAY"),
    ],
)
def test_notify(notify, words):
    assert of_recipient(RecipientParameters(notify), None, DSN) == words
    assert of_recipient(RecipientParameters(notify), None, Extensions()) == ""


@pytest.mark.parametrize(
    ("orcpt", "words"),
    [
        ("rfc822;bob@x.net", " ORCPT=rfc822;bob@x.net"),
        ('rfc822;"b b"@x.net', ' ORCPT=rfc822;"b+20b"@x.net'),
        ("rfc822;a=b+c@x.net", " ORCPT=rfc822;a+3Db+2Bc@x.net"),
        ("x400;/S=bob/", " ORCPT=x400;/S+3Dbob/"),
        ("utf-8;jürgen@x.net", " ORCPT=utf-8;j\\x{FC}rgen@x.net"),
        ("UTF-8;a+b@x.net", " ORCPT=UTF-8;a\\x{2B}b@x.net"),
        ("rfc822;" + "x" * 493, " ORCPT=rfc822;" + "x" * 493),
        ("rfc822;" + "x" * 494, ""),
        ("rfc822;", ""),
        ("bob@x.net", ""),
        ("a b;bob@x.net", ""),
        ("a\r\nRSET;bob@x.net", ""),
        ("rfc822;bob@x.net\r\nRSET", " ORCPT=rfc822;bob@x.net+0D+0ARSET"),
    ],
)
def test_orcpt(orcpt, words):
    assert of_recipient(RecipientParameters(orcpt=orcpt), None, DSN) == words


printable = st.text(min_size=1).filter(str.isprintable)


@given(printable)
def test_xtext_is_read_as_it_was_meant(text):
    written = encode_xtext(text)
    assert written.isascii()
    assert decode_xtext(written) == text


@given(printable)
def test_an_address_in_utf8_is_read_as_it_was_meant(text):
    written = encode_utf8_address(text)
    assert written.isascii()
    assert " " not in written
    assert decode_utf8_address(written) == text


@given(st.text(), st.text(), st.text())
def test_nothing_that_is_said_becomes_another_parameter(envid, kind, address):
    words = mail(Parameters(envid=envid), DSN)
    words += of_recipient(RecipientParameters(orcpt=f"{kind};{address}"), None, DSN)
    assert words.count(" ") <= 2
    assert not set(words) & set("\r\n\0")
