from __future__ import annotations

import pytest

from postroad.directory.embedded.mistake import UnusableHash, UnusablePassword
from postroad.directory.passwords.credentials import (
    Credentials,
    credentials_of,
    credentials_of_hash,
    renewed,
)
from postroad.directory.passwords.password import (
    CHEAP,
    MAKERS,
    OWASP,
    PasswordProfile,
    hash_password,
)
from postroad.directory.passwords.schemes import matches
from postroad.sasl import CramSecret, ScramSecret, SecretKind

NONE: frozenset[SecretKind] = frozenset()
SHA256 = frozenset({SecretKind.SCRAM_SHA_256})
SCRAM = frozenset({SecretKind.SCRAM_SHA_1, SecretKind.SCRAM_SHA_256})
CRAM = frozenset({SecretKind.CRAM_MD5})


@pytest.mark.parametrize("kinds", [NONE, SHA256, SCRAM, CRAM])
@pytest.mark.parametrize("scheme", MAKERS)
def test_what_is_kept_is_of_the_password(scheme, kinds):
    made = credentials_of("größer", CHEAP, kinds, scheme)
    assert made.password.startswith(f"{{{scheme}}}")
    assert matches(made.password, "größer")
    for kind in SCRAM:
        secret = made.secret(kind)
        if kind in kinds:
            expected = ScramSecret.of(kind, "größer", secret.salt, CHEAP.iterations)
            assert secret == expected
        else:
            assert secret is None
    serves = scheme in {"PLAIN", "CRAM-MD5"}
    assert made.cram_md5 is serves
    expected = CramSecret.of("größer".encode()) if serves else None
    assert made.secret(SecretKind.CRAM_MD5) == expected


@pytest.mark.parametrize("password", ["", "a\0b", "x" * 1025, "\ud800"])
def test_passwords_nobody_could_use(password):
    with pytest.raises(UnusablePassword):
        credentials_of(password, CHEAP)


def test_schemes_nobody_should_make():
    with pytest.raises(UnusableHash, match="no hash of scheme MD5-CRYPT is made; one of ARGON2ID"):
        credentials_of("x", CHEAP, scheme="MD5-CRYPT")


def test_a_ready_verifier_serves_its_mechanism():
    text = hash_password("x", CHEAP, "SCRAM-SHA-256").partition("}")[2]
    made = credentials_of_hash("{SCRAM-SHA-256}" + text, CHEAP, SCRAM)
    assert (made.scram_sha_256, made.scram_sha_1) == (text, "")
    assert made.secret(SecretKind.SCRAM_SHA_256) is not None


def test_a_ready_hash_in_clear_text_serves_all():
    made = credentials_of_hash("{PLAIN.b64}c3VtbWVyc3Vu", CHEAP, SCRAM)
    assert made.password == "{PLAIN.b64}c3VtbWVyc3Vu"
    assert all(made.secret(kind) is not None for kind in SecretKind)


@pytest.mark.parametrize(
    ("stored", "objection"),
    [
        ("{NOPE}x", "unknown password scheme"),
        ("{SHA512-CRYPT}$6$abc$x", "a damaged SHA512-CRYPT hash"),
        ("{BLF-CRYPT}$2y$31$" + "a" * 53, "of cost 31"),
        ("summersun", "a damaged DES-CRYPT hash"),
        ("{SHA}", "a damaged SHA hash"),
    ],
)
def test_a_ready_hash_that_nobody_could_use(stored, objection):
    with pytest.raises(UnusableHash, match=objection):
        credentials_of_hash(stored, CHEAP)


def test_an_empty_password_is_none_as_a_hash_either():
    with pytest.raises(UnusablePassword):
        credentials_of_hash("{PLAIN}", CHEAP)


def test_a_ready_hash_of_the_default_scheme():
    made = credentials_of_hash("summersun", CHEAP, default="PLAIN")
    assert made.secret(SecretKind.CRAM_MD5) == CramSecret.of(b"summersun")


def test_what_is_as_wanted_is_left_alone():
    held = credentials_of("x", CHEAP, SHA256)
    assert renewed(held, "x", CHEAP, SHA256) is None


DEARER = PasswordProfile(memory=16, passes=1, lanes=1, iterations=CHEAP.iterations)
STRONGER = PasswordProfile(memory=8, passes=1, lanes=1, iterations=CHEAP.iterations + 1)


@pytest.mark.parametrize(
    ("held", "profile", "kinds", "hash_stays"),
    [
        (Credentials(hash_password("x", CHEAP)), CHEAP, SHA256, True),
        (credentials_of("x", CHEAP, SHA256), DEARER, SHA256, False),
        (credentials_of("x", CHEAP, SHA256), STRONGER, SHA256, True),
        (credentials_of("x", CHEAP, SHA256), CHEAP, NONE, True),
        (credentials_of("x", CHEAP, SHA256), CHEAP, SCRAM, True),
        (credentials_of("x", CHEAP, SHA256, "SSHA512"), CHEAP, SHA256, False),
        (credentials_of("x", CHEAP, SHA256, "PLAIN"), CHEAP, SHA256, False),
        (credentials_of("x", CHEAP, NONE, "PLAIN"), CHEAP, SHA256 | CRAM, True),
        (credentials_of("x", CHEAP, NONE, "CRAM-MD5"), CHEAP, SHA256 | CRAM, True),
        (credentials_of("x", CHEAP, NONE, "SSHA512"), CHEAP, CRAM, False),
        (
            credentials_of_hash(hash_password("x", CHEAP, "SCRAM-SHA-256"), CHEAP),
            CHEAP,
            NONE,
            False,
        ),
    ],
)
def test_what_is_not_becomes_so(held, profile, kinds, hash_stays):
    fresh = renewed(held, "x", profile, kinds)
    assert (fresh.password == held.password) is hash_stays
    assert matches(fresh.password, "x")
    assert renewed(fresh, "x", profile, kinds) is None
    for kind in SCRAM:
        assert (fresh.secret(kind) is not None) is (kind in kinds)


def test_plain_text_of_the_wanted_kind_stays_as_it_is():
    held = credentials_of("x", CHEAP, CRAM, "PLAIN")
    assert renewed(held, "x", CHEAP, CRAM) is None


def test_half_a_character_is_not_hashed_anew():
    assert renewed(Credentials("{PLAIN}x"), "\ud800", CHEAP, SHA256) is None


def test_a_damaged_verifier_is_none():
    assert Credentials("{PLAIN}x", scram_sha_256="x,y").secret(SecretKind.SCRAM_SHA_256) is None


def test_nothing_of_it_is_shown():
    secret = credentials_of("x", OWASP).secret(SecretKind.SCRAM_SHA_256)
    assert repr(secret.stored_key) not in repr(secret)
