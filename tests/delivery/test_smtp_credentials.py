from __future__ import annotations

import os

import pytest

from postroad.delivery.credentials import (
    Credentials,
    CredentialsError,
    load_credentials,
    read_secret,
)
from postroad.delivery.settings import RelaySettings


def settings(file, **changes: object) -> RelaySettings:
    given = {"smarthost": "[mx]:587", "username": "john", "password_file": file, **changes}
    return RelaySettings(**given)


def written(tmp_path, text: bytes, mode: int = 0o600):
    file = tmp_path / "password"
    file.write_bytes(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("text", [b"summersun", b"summersun\n", b"summersun\r\nmore\n"])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_the_first_line_is_the_password(tmp_path, text, mode):
    login = load_credentials(settings(written(tmp_path, text, mode)))
    assert login == Credentials("john", "summersun")
    assert "summersun" not in repr(login)


def test_spaces_belong_to_the_password(tmp_path):
    login = load_credentials(settings(written(tmp_path, b" a b \n")))
    assert login == Credentials("john", " a b ")


def test_no_login():
    assert load_credentials(RelaySettings()) is None


@pytest.mark.parametrize(
    ("text", "mode", "changes", "message"),
    [
        (b"x\n", 0o644, {}, "everybody may read this password: chmod 600"),
        (b"\n", 0o600, {}, "the first line, the password, is empty"),
        (b"\xff\n", 0o600, {}, "is not UTF-8"),
        (b"x\n", 0o600, {"username": ""}, "relay.username is not"),
        (b"x\n", 0o600, {"password_file": None}, "relay.password_file is not"),
        (b"x\n", 0o600, {"smarthost": ""}, "relay.smarthost is not"),
    ],
)
def test_what_is_wrong_with_a_login(tmp_path, text, mode, changes, message):
    with pytest.raises(CredentialsError, match=message) as raised:
        load_credentials(settings(written(tmp_path, text, mode), **changes))
    assert "\n" not in str(raised.value)


def test_a_named_pipe_is_no_password_file_and_nobody_waits_for_it(tmp_path):
    file = tmp_path / "password"
    os.mkfifo(file, 0o600)
    with pytest.raises(CredentialsError, match="has to be in a regular file"):
        read_secret(file)


def test_an_absent_file(tmp_path):
    with pytest.raises(CredentialsError, match="no such file or directory"):
        load_credentials(settings(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("changes", "level"),
    [({}, "may"), ({"username": "john"}, "verify"), ({"username": "john", "tls": "may"}, "may")],
)
def test_the_level_of_tls_in_force(changes, level):
    assert RelaySettings(**changes).tls_level == level
