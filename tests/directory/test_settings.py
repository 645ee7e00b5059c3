from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from postroad.directory import DirectorySettings
from postroad.directory.oauth.settings import OAuthSettings
from postroad.sasl import SecretKind


@pytest.mark.parametrize("given", ["", "+", "+-", "=", "."])
def test_a_delimiter_is_any_marks_an_address_may_hold(given):
    settings = TypeAdapter(DirectorySettings).validate_python({"recipient_delimiter": given})
    assert settings.recipient_delimiter == given


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"recipient_delimiter": "x"}, "marks an address may hold"),
        ({"recipient_delimiter": "@"}, "marks an address may hold"),
        ({"recipient_delimiter": "+ "}, "marks an address may hold"),
        ({"password_threads": 0}, "at least one thread"),
        ({"success_cache": "soon"}, "a duration is"),
    ],
)
def test_what_is_refused(given, text):
    with pytest.raises(ValidationError, match=text):
        TypeAdapter(DirectorySettings).validate_python(given)


def test_times_are_read_as_durations():
    settings = TypeAdapter(DirectorySettings).validate_python({"success_cache": "5m"})
    assert settings.success_cache == 300.0


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"default_scheme": "ROT13"}, "one of ARGON2ID"),
        ({"default_scheme": "SHA.b32"}, "one of ARGON2ID"),
        ({"secrets": ["PLAIN"]}, "one of CRAM-MD5, SCRAM-SHA-1, SCRAM-SHA-256, not PLAIN"),
        ({"certificates": {"John": "john@example.org"}}, "a certificate is named by"),
        ({"certificates": {"sha256:abc": "john@example.org"}}, "has 64 hexadecimal digits"),
    ],
)
def test_what_is_refused_of_passwords_and_certificates(given, text):
    with pytest.raises(ValidationError, match=text):
        TypeAdapter(DirectorySettings).validate_python(given)


@pytest.mark.parametrize("scheme", ["PLAIN", "plain-md5", "SHA.hex", "CRYPT", "SSHA.b64"])
def test_a_default_scheme_is_any_of_dovecots(scheme):
    settings = TypeAdapter(DirectorySettings).validate_python({"default_scheme": scheme})
    assert settings.default_scheme == scheme


def test_the_secrets_to_keep():
    assert DirectorySettings().kinds == {SecretKind.SCRAM_SHA_256}
    assert DirectorySettings(secrets=()).kinds == frozenset()
    both = DirectorySettings(secrets=("CRAM-MD5", "SCRAM-SHA-1"))
    assert both.kinds == {SecretKind.CRAM_MD5, SecretKind.SCRAM_SHA_1}


@pytest.mark.parametrize(
    "url",
    ["https://login.example.org/keys", "http://127.0.0.1:8080/", "http://[::1]/", ""],
)
def test_where_an_issuer_may_be_asked(url):
    settings = TypeAdapter(OAuthSettings).validate_python({"key_set": url, "introspection": url})
    assert settings.key_set == url


@pytest.mark.parametrize(
    "given",
    [
        {"key_set": "http://login.example.org/keys"},
        {"introspection": "ftp://login.example.org"},
        {"key_set": "/etc/keys.json"},
        {"key_set": "https://"},
        {"key_set": "https://[::1"},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
    ],
)
def test_what_would_not_be_safe(given):
    with pytest.raises(ValidationError, match=r"a URL that begins with https|one of RS256"):
        TypeAdapter(OAuthSettings).validate_python(given)
