"""The tables that a configuration names: mistakes in them, and files that must be readable."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load
from postroad.config.examination import examine
from postroad.config.tables import named_tables, table_files

BEGIN = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n'
LISTENER = '[listeners.mx]\ntls = "none"\n'


def _load(folder: Path, text: str) -> str:
    """The mistakes in a configuration, without the name of its file."""
    file = folder / "postroad.toml"
    file.write_text(BEGIN + f'state_directory = "{folder}/state"\n' + text)
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            LISTENER + '[listeners.mx.policy]\nsender = [\n"check_sender_access hsh:/etc/x",\n]\n',
            (
                "postroad.toml:8: [listeners.mx.policy] sender: there are no tables of type"
                ' "hsh"; did you mean hash:?'
            ),
        ),
        (
            LISTENER + '[listeners.mx.policy]\nclient = ["check_client_access cidr:{{1.2.3.4}}"]',
            (
                "postroad.toml:7: [listeners.mx.policy] client: rule 1: expected"
                ' "network value", and "1.2.3.4" has no value'
            ),
        ),
        (
            LISTENER + '[listeners.mx.policy]\nhelo = ["check_helo_access hash:FOLDER/none"]',
            "[listeners.mx.policy] helo: none: no such file or directory",
        ),
        (
            LISTENER + '[listeners.mx.policy]\nrecipient = ["check_recipient_access'
            ' unionmap:{regexp:FOLDER/wrong, static:DUNNO}"]',
            "[listeners.mx.policy] recipient: wrong:2: the pattern is not closed",
        ),
        (
            LISTENER + '[policy]\nrelay_clientcerts = "hash:names"',
            "[policy] relay_clientcerts: hash: expected an absolute path",
        ),
        (
            LISTENER + '[login]\nsender_login_maps = "mysql:FOLDER/none.cf"',
            "[login] sender_login_maps: none.cf: no such file or directory",
        ),
        (
            LISTENER + '[policy.classes]\nstrict = ["check_sender_access hash:FOLDER/none"]\n'
            '[listeners.mx.policy]\ndata = ["strict"]',
            "[listeners.mx.policy] data: none: no such file or directory",
        ),
    ],
)
def test_mistakes(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "wrong").write_text("/right/ OK\n/wrong OK\n")
    assert words in _load(tmp_path, text.replace("FOLDER", str(tmp_path)))


def test_one_mistake_is_told_of_once(tmp_path: Path) -> None:
    table = '["check_sender_access hsh:/etc/x"]'
    text = f"{LISTENER}[listeners.mx.policy]\nsender = {table}\nrecipient = {table}\n"
    assert _load(tmp_path, text).count("hsh") == 1


def test_files_with_passwords_are_for_nobody_else(tmp_path: Path) -> None:
    file, table = tmp_path / "postroad.toml", tmp_path / "t.cf"
    table.write_text("dbname = x\nquery = SELECT '%s'\npassword = secret\n")
    table.chmod(0o644)
    file.write_text(
        f'{BEGIN}state_directory = "{tmp_path}/state"\n{LISTENER}[listeners.mx.policy]\n'
        f'sender = ["check_sender_access unionmap:{{mysql:{table}, static:DUNNO}}"]\n'
    )
    found = [each.message for each in examine(file, load(file), datetime.now(UTC), None)]
    assert f"{table} is open to others (-rw-r--r--); chmod o-rwx it" in found


def test_the_files_that_the_server_must_read(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text("key DUNNO\n")
    file = tmp_path / "postroad.toml"
    file.write_text(
        f'{BEGIN}state_directory = "{tmp_path}/state"\n{LISTENER}[listeners.mx.policy]\n'
        f'sender = ["check_sender_access hash:{tmp_path}/a, reject_unknown_sender_domain"]\n'
        f'helo = ["check_helo_access unionmap:{{inline:{{x=OK}}, hash:{tmp_path}/b}}"]\n'
        f'[login]\nsender_login_maps = "hash:{tmp_path}/c"\n'
    )
    configuration = load(file)
    assert set(table_files(configuration)) == {tmp_path / "a", tmp_path / "b", tmp_path / "c"}
    keys = [path for path, _ in named_tables(configuration)]
    assert ("listeners", "mx", "policy", "sender", 0) in keys
    assert ("login", "sender_login_maps") in keys
