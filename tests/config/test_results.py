"""Entries of access tables that mean nothing: found before mail comes for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load
from postroad.config.results import result_objection

BEGIN = """\
hostname = "mail.example.org"
domains = ["example.org"]
state_directory = "state"

[policy.classes]
strict = ["reject_non_fqdn_sender", "check_helo_access inline:{{{{bad = {helo}}}}}"]

[listeners.mx]
tls = "none"

[listeners.mx.policy]
sender = ["check_sender_access hash:{folder}/senders", "strict"]
data = ["check_sender_access hash:{folder}/late"]
"""


def _file(folder: Path, *, senders: str = "", late: str = "", helo: str = "OK") -> Path:
    (folder / "senders").write_text(senders)
    (folder / "late").write_text(late)
    file = folder / "postroad.toml"
    text = BEGIN.replace("{folder}", str(folder)).replace("{{", "{").replace("}}", "}")
    file.write_text(text.replace("{helo}", helo))
    return file


@pytest.mark.parametrize(
    "entry",
    [
        "OK",
        "DUNNO",
        "REJECT",
        "reject go away",
        "554 5.7.1 go away",
        "12345",
        "HOLD",
        "FILTER smtp:[127.0.0.1]:10025",
        "REDIRECT john@example.org",
        "strict",
        "reject_unknown_sender_domain, permit",
    ],
)
def test_what_means_something(tmp_path: Path, entry: str) -> None:
    load(_file(tmp_path, senders=f"a@b.example {entry}\n"))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("REJCT go away", "REJCT: unknown restriction; did you mean reject?"),
        ("55x no", "55x: unknown restriction"),
        ("FILTER nowhere", "FILTER nowhere"),
        ("REDIRECT john", "expected an address, user@domain"),
        ("check_sender_access hash:/etc/x", "a look-up table cannot stand here"),
    ],
)
def test_what_means_nothing(tmp_path: Path, entry: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(_file(tmp_path, senders=f"a@b.example OK\nc@d.example {entry}\n"))
    said = str(caught.value)
    assert said.startswith(
        f"{tmp_path}/postroad.toml:12: [listeners.mx.policy] sender: hash:{tmp_path}/senders: "
    )
    assert words in said
    assert "means nothing" in said


def test_a_table_is_read_for_the_list_that_asks_it(tmp_path: Path) -> None:
    rule = "a@b.example reject_unlisted_recipient\n"
    load(_file(tmp_path, senders=rule))
    with pytest.raises(ConfigurationError) as caught:
        load(_file(tmp_path, late=rule))
    assert ":13: [listeners.mx.policy] data: " in str(caught.value)


def test_tables_of_classes_are_read_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(_file(tmp_path, helo="NO"))
    assert ':12: [listeners.mx.policy] sender: inline:{{bad = NO}}: the entry "NO"' in str(
        caught.value
    )


SERVERS = """\
hostname = "mail.example.org"
domains = ["example.org"]
state_directory = "state"
[listeners.mx]
tls = "none"
[listeners.mx.policy]
"""
PERMITS = "check_sender_mx_access must not permit; write DUNNO for an exception"
NO_FIELD = "a header field cannot be added when the content is complete"


@pytest.mark.parametrize(
    ("lists", "entry", "words"),
    [
        ("recipient = ['check_sender_mx_access {}']", "OK", PERMITS),
        ("recipient = ['check_sender_mx_access {}']", "12345", PERMITS),
        ("recipient = ['check_sender_mx_access {}']", "permit", "permit, as permit would"),
        (
            "recipient = ['check_helo_ns_access {}']",
            "reject_unknown_sender_domain, warn_if_reject known",
            "check_helo_ns_access must not permit, as permit_mynetworks would",
        ),
        ("recipient = ['check_sender_mx_access {}']", "DISCARD", ""),
        ("recipient = ['check_sender_mx_access {}']", "DUNNO", ""),
        ("recipient = ['check_sender_mx_access {}']", "reject_unknown_sender_domain", ""),
        ("recipient = ['check_sender_mx_access {}']", "check_policy_service unix:/x", "table"),
        ("end_of_data = ['check_client_access {}']", "PREPEND X-Seen: late", NO_FIELD),
        ("data = ['check_client_access {}']", "PREPEND X-Seen: in time", ""),
        ("sender = ['check_sender_access {}']", "greylist", ""),
        ("delay_reject = false\nsender = ['check_sender_access {}']", "greylist", "asked at MAIL"),
        ("delay_reject = false\nrecipient = ['check_sender_access {}']", "greylist", ""),
        (
            "sender = ['check_sender_access {}', 'check_sender_ns_access {}']",
            "OK",
            "check_sender_ns_access must not permit",
        ),
    ],
)
def test_what_means_nothing_to_one_restriction(
    tmp_path: Path, lists: str, entry: str, words: str
) -> None:
    (tmp_path / "table").write_text(f"a.example {entry}\n")
    file = tmp_path / "postroad.toml"
    asked = lists.replace("{}", f"texthash:{tmp_path}/table")
    file.write_text(f"{SERVERS}{asked}\n[policy.classes]\nknown = ['permit_mynetworks']\n")
    found = []
    try:
        load(file)
    except ConfigurationError as error:
        found = [str(mistake) for mistake in error.mistakes]
    assert bool(found) == bool(words)
    assert all(words in mistake for mistake in found)


def test_an_objection_to_a_new_content(tmp_path: Path) -> None:
    configuration = load(_file(tmp_path, senders="a@b.example OK\n"))
    table = f"hash:{tmp_path}/senders"
    assert result_objection(configuration, table, frozenset({"OK", "REJECT"})) == ""
    assert result_objection(configuration, table, None) == ""
    assert result_objection(configuration, "hash:/other", frozenset({"NO"})) == ""
    assert '"NO" means nothing' in result_objection(configuration, table, frozenset({"OK", "NO"}))
