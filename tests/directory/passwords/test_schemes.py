"""Stored hashes of every scheme. The vectors were made by `doveadm pw` and libxcrypt's crypt(3)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peers.needs import program
from postroad.directory.passwords.crypts import MAX_SHA_ROUNDS
from postroad.directory.passwords.libcrypt import crypt
from postroad.directory.passwords.schemes import (
    MAX_STORED,
    SCHEMES,
    Lane,
    StoredHash,
    matches,
    read_hash,
)

USER = "john@example.org"
PASSWORD = "summersun"

VECTORS = [
    line
    for line in Path(__file__).with_name("stored_hashes.txt").read_text().splitlines()
    if not line.startswith("#")
]
SYSTEM = tuple(f"{{CRYPT}}${form}$" for form in ("y", "gy", "7", "3"))


def vector(scheme):
    return next(each for each in VECTORS if each.startswith(f"{{{scheme}}}"))


needs_libcrypt = pytest.mark.skipif(
    crypt(b"summersun", b"$y$j9T$abcdefgh") is None, reason="this libcrypt has no yescrypt"
)


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(each, marks=needs_libcrypt if each.startswith(SYSTEM) else ())
        for each in VECTORS
    ],
)
def test_the_right_password_is_right_and_any_other_wrong(stored):
    right, wrong = matches(stored, PASSWORD, USER), matches(stored, "Wintersun", USER)
    assert (right.right, right.objection) == (True, "")
    # LANMAN knows no small letters, DES and PLAIN-TRUNC no tails: the first letter tells them all.
    assert (wrong.right, wrong.objection) == (False, "")


def test_there_is_a_vector_for_each_scheme():
    named = {read_hash(each).name for each in VECTORS}
    assert named == set(SCHEMES)


@pytest.mark.parametrize(
    ("stored", "default", "right"),
    [
        (PASSWORD, "PLAIN", True),
        ("c3VtbWVyc3Vu", "PLAIN.b64", True),
        ("14cbfb845af1f030e372b1cb9275e6dd", "plain-md5", True),
        ("Ap5TVNW58HqFzaJttpTA9LG+U+8=", "SHA", True),
        ("$1$2Rl3aPyr$TPx2EgCuFpYLQjLHUVQ7D.", "PLAIN", True),
        (PASSWORD, "CRYPT", False),
    ],
)
def test_a_hash_without_braces_is_of_the_default_scheme(stored, default, right):
    assert matches(stored, PASSWORD, USER, default).right is right


@pytest.mark.parametrize(
    ("stored", "password"),
    [
        ("{BLF-CRYPT}$2y$05$JmvXWGNGK6Qy9iFrn6.jiukWsPArCVTPM1Y6WMbbILpQ9btqUwQ1a", "x" * 1000),
        ("{CRYPT}$6$abc$" + "x" * 86, "ü" * 1024),
        ("{DES-CRYPT}jL54sUlzZJIXU", ""),
        ("{DES-CRYPT}jL54sUlzZJIXU", "summersun\0"),
        ("{BLF-CRYPT}$2y$05$JmvXWGNGK6Qy9iFrn6.jiukWsPArCVTPM1Y6WMbbILpQ9btqUwQ1a", "summersun\0"),
        ("{LANMAN}13cd14ab04b919cf385257124db42069", "ü\0€" * 9),
        ("{NTLM}c589bf544426dd0dbc310b34320b9c28", "\ud800"),
        (vector("SCRAM-SHA-256"), "\ud800"),
        (vector("ARGON2ID"), "\ud800"),
        (vector("DIGEST-MD5"), "\ud800"),
    ],
)
def test_odd_passwords_are_wrong_and_nothing_else(stored, password):
    assert matches(stored, password, USER) == matches("{PLAIN}x", "y")


def test_bcrypt_looks_at_72_octets():
    stored = (
        "{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuujf8SX2ahXLwp9w/B.Y5XdysS6yR576q"  # of a hundred
    )
    assert matches(stored, "x" * 72)
    assert matches(stored, "x" * 100)
    assert not matches(stored, "x" * 71)


@pytest.mark.parametrize(
    ("stored", "objection"),
    [
        ("", "a damaged DES-CRYPT hash"),
        ("{", "an unknown password scheme, ''"),
        ("{SHA", "an unknown password scheme, ''"),
        ("{NOPE}x", "an unknown password scheme, 'NOPE'"),
        ("{OTP}sha1 1024 d970444fdccb7b42 9fd0a005ab499eb5", "an unknown password scheme, 'OTP'"),
        ("{SHA.b32}x", "an unknown encoding, 'B32'"),
        ("{SHA}x", "a damaged SHA hash"),
        ("{SHA}Ap5TVNW58HqFzaJttpTA9LG=", "a damaged SHA hash"),
        ("{SHA.hex}zz", "a damaged SHA hash"),
        ("{SHA}Äp5TVNW58HqFzaJttpTA9LG+U+8=", "a damaged SHA hash"),
        ("{SSHA}Ap5TVNW58HqFzaJttpTA9LG+U+8=", "a salted hash is longer than its digest"),
        ("{MD5}zz", "neither an MD5-CRYPT nor a PLAIN-MD5 hash"),
        ("{PLAIN-TRUNC}summersun", "a PLAIN-TRUNC password begins with its length and a hyphen"),
        ("{ARGON2ID}", "this is no Argon2i or Argon2id hash"),
        ("{ARGON2ID}$argon2d$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43, "this is no Argon2i"),
        ("{ARGON2ID}$argon2id$v=19$m=1,t=0,p=1$c2FsdHNhbHQ$" + "A" * 43, "the library refuses"),
        ("{ARGON2ID}$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43, "costs too much"),
        ("{ARGON2ID}$argon2id$v=19$m=65536,t=17,p=1$c2FsdHNhbHQ$" + "A" * 43, "costs too much"),
        ("{ARGON2ID}$argon2id$v=19$m=4096,t=1,p=99$c2FsdHNhbHQ$" + "A" * 43, "costs too much"),
        ("{BLF-CRYPT}$2y$99$" + "a" * 53, "a bcrypt hash of cost 99, not 4 to 14"),
        ("{BLF-CRYPT}$2y$00$" + "a" * 53, "a bcrypt hash of cost 0, not 4 to 14"),
        ("{BLF-CRYPT}$2y$05$short", "this is no bcrypt hash"),
        ("{CRYPT}$2y$31$" + "a" * 53, "a bcrypt hash of cost 31, not 4 to 14"),
        ("{PBKDF2}$1$salt$999999999$" + "a" * 40, "a PBKDF2 hash of 999999999 rounds"),
        ("{PBKDF2}$1$salt$0$" + "a" * 40, "a PBKDF2 hash of 0 rounds"),
        ("{PBKDF2}$2$salt$1$" + "a" * 40, "this is no PBKDF2 hash"),
        ("{SCRAM-SHA-1}1,2", "this is no SCRAM verifier"),
        (vector("SCRAM-SHA-1").replace("SHA-1", "SHA-256"), "this is no SCRAM verifier"),
        (vector("SCRAM-SHA-1").replace("}4096", "}9999999"), "9999999 iterations costs too much"),
        ("{SHA512-CRYPT}$5$abc$" + "a" * 43, "a hash of another scheme than its name says"),
        ("{SHA512-CRYPT}$6$abc", "a damaged SHA512-CRYPT hash"),
        ("{CRYPT}$6$rounds=999999999$abc$" + "a" * 86, "of 999999999 rounds, more than 1000000"),
        ("{CRYPT}$sha1$999999999$abc$" + "a" * 28, "of 999999999 rounds"),
        ("{CRYPT}$md5,rounds=999999999$abc$$" + "a" * 22, "of 999999999 rounds"),
        ("{CRYPT}_zzzzabcd" + "a" * 11, "of 16777215 rounds, more than 50000"),
        ("{CRYPT}$y$jFT$abcdefgh$" + "a" * 43, "a yescrypt hash costs too much"),
        ("{CRYPT}$y$jzT$abcdefgh$" + "a" * 43, "a damaged yescrypt hash"),
        ("{CRYPT}$7$zzzzzz/....abcdefgh$" + "a" * 43, "a scrypt hash costs too much"),
        ("{CRYPT}$7$CU....zzzzzabcdefgh$" + "a" * 43, "a scrypt hash costs too much"),
        ("{CRYPT}$2x$31$" + "a" * 53, "a damaged bcrypt hash"),
        ("{CRYPT}$nope$x", "a damaged crypt(3) hash"),
        ("{CRYPT}" + "x" * MAX_STORED, "a stored hash that is too long"),
    ],
)
def test_what_cannot_be_checked_matches_nothing_and_says_why(stored, objection):
    if "94096" in objection:
        stored, objection = (
            stored.replace("94096,", "9409600,"),
            "9409600 iterations costs too much",
        )
    verdict = matches(stored, PASSWORD, USER)
    assert not verdict
    assert objection in verdict.objection


@pytest.mark.parametrize(
    ("stored", "lane"),
    [
        ("{PLAIN}x", Lane.INLINE),
        ("{SSHA512}" + "A" * 100, Lane.INLINE),
        ("{CRAM-MD5}" + "0" * 64, Lane.INLINE),
        ("{ARGON2ID}x", Lane.THREAD),
        ("{BLF-CRYPT}x", Lane.THREAD),
        ("{PBKDF2}x", Lane.THREAD),
        ("{SCRAM-SHA-256}x", Lane.THREAD),
        ("{CRYPT}$2y$05$x", Lane.THREAD),
        ("{CRYPT}$y$j9T$x", Lane.THREAD),
        ("{CRYPT}$6$x", Lane.PROCESS),
        ("{SHA512-CRYPT}$6$x", Lane.PROCESS),
        ("{SHA256-CRYPT}$5$x", Lane.PROCESS),
        ("{MD5}$1$x", Lane.PROCESS),
        ("{MD5-CRYPT}$1$x", Lane.PROCESS),
        ("{DES-CRYPT}x", Lane.PROCESS),
        ("$1$abc$x", Lane.PROCESS),
    ],
)
def test_what_holds_the_interpreter_runs_elsewhere(stored, lane):
    assert read_hash(stored).lane is lane


BODIES = st.one_of(
    st.text(max_size=100),
    st.sampled_from([each.partition("}")[2] or each for each in VECTORS]).map(
        lambda text: text[:-1]
    ),
    st.from_regex(r"\$(1|2[abxy]|5|6|7|y|gy|3|sha1|md5)[$,][a-z0-9=,./]{0,12}\$.{0,60}\Z"),
)


@given(
    scheme=st.sampled_from([*SCHEMES, "NOPE", ""]),
    encoding=st.sampled_from(["", ".b64", ".hex", ".x"]),
    body=BODIES,
    password=st.text(st.characters(codec=None), max_size=20),
)
def test_nothing_that_is_stored_raises(scheme, encoding, body, password):
    found = read_hash(f"{{{scheme}{encoding}}}{body}")
    if isinstance(found, StoredHash):
        assert isinstance(found.lane, Lane)
        assert found.check(password, USER).right in (True, False)


def test_the_bounds_let_pass_what_programs_make():
    stored = f"{{CRYPT}}$6$rounds={MAX_SHA_ROUNDS}$abc$" + "a" * 86
    assert isinstance(read_hash(stored), StoredHash)
    assert "rounds" not in matches("{CRYPT}$6$rounds=1000$abc$" + "a" * 86, PASSWORD).objection


@pytest.mark.peer
def test_every_scheme_of_the_real_doveadm_in_every_encoding():
    doveadm = program("doveadm")

    def said(*words: str) -> str:
        ran = subprocess.run([doveadm, "pw", *words], capture_output=True, text=True, check=True)
        return ran.stdout.strip()

    # doveadm cannot check its own PLAIN-TRUNC, and OTP is used up by logging in.
    schemes = set(said("-l").split()) - {"PLAIN-TRUNC", "OTP", "SKEY", "RPA"}
    assert schemes <= set(SCHEMES)
    for scheme in sorted(schemes):
        for encoding in ("", ".b64", ".hex"):
            stored = said("-s", scheme + encoding, "-p", "größer als 7 €", "-u", USER)
            assert matches(stored, "größer als 7 €", USER).right, stored
            assert not matches(stored, "Größer als 7 €", USER).right, stored


@pytest.mark.peer
@pytest.mark.parametrize(
    "scheme",
    [
        "ARGON2ID",
        "BLF-CRYPT",
        "CRAM-MD5",
        "PLAIN",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "SHA256-CRYPT",
        "SHA512-CRYPT",
        "SSHA512",
    ],
)
def test_the_real_doveadm_takes_what_is_made_here(scheme):
    from postroad.directory.passwords.password import MAKERS, OWASP, hash_password

    assert scheme in MAKERS
    stored = hash_password("größer", OWASP, scheme)
    for password, right in (("größer", True), ("kleiner", False)):
        ran = subprocess.run(
            [program("doveadm"), "pw", "-t", stored, "-p", password, "-u", USER],
            capture_output=True,
            check=False,
        )
        assert (ran.returncode == 0) is right, ran.stderr
