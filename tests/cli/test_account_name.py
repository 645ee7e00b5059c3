"""Tests of the names of accounts that commands are given."""

import os

import pytest

from postroad.cli.account_name import account_name
from postroad.cli.refusal import Refusal


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("john@example.org", "john@example.org"),
        ("John@EXAMPLE.org", "john@example.org"),
        ("J\u00d6RG@m\u00fcller.example", "j\u00f6rg@xn--mller-kva.example"),
    ],
)
def test_it_is_in_the_form_that_is_kept(given: str, kept: str) -> None:
    assert account_name(given) == kept


@pytest.mark.parametrize("given", ["", "john", "@example.org", "john@\x1b[31m"])
def test_what_is_none_is_refused(given: str) -> None:
    with pytest.raises(Refusal, match="is no account's name, such as john@") as caught:
        account_name(given)
    assert caught.value.status == os.EX_USAGE
    assert caught.value.message.isprintable()
