"""MD5 from the middle, beside the whole one of the standard library."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.sasl.md5 import block_state, digest_from
from postroad.sasl.secrets import CramSecret


@pytest.mark.parametrize(
    ("text", "digest"),
    [  # RFC 1321, appendix A.5
        (b"", "d41d8cd98f00b204e9800998ecf8427e"),
        (b"abc", "900150983cd24fb0d6963f7d28e17f72"),
        (b"1234567890" * 8, "57edf4a22be3c955ac49da2e2107b67a"),
    ],
)
def test_the_vectors_of_the_rfc(text, digest):
    assert digest_from(None, text).hex() == digest


@given(st.binary(max_size=300))
def test_it_is_the_digest_of_the_standard_library(octets):
    assert digest_from(None, octets) == hashlib.md5(octets).digest()


@given(st.binary(min_size=64, max_size=64), st.binary(max_size=200))
def test_it_goes_on_from_a_first_block(block, rest):
    assert digest_from(block_state(block), rest) == hashlib.md5(block + rest).digest()


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_cram_secret_is_as_good_as_the_password(password, message):
    assert CramSecret.of(password).digest(message) == hmac.digest(password, message, "md5")


def test_a_cram_secret_is_what_dovecot_keeps():
    secret = CramSecret.of(b"summersun")
    kept = "4e3771a1a672bdc8bd8db861c1f2a29a8e043c99300ca203a1a92bbea7506691"
    assert (secret.outer + secret.inner).hex() == kept
    assert "4e37" not in repr(secret)
