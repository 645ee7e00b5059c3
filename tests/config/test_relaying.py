"""The relay proof of a file: which line lets strangers through, and what counts as known."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load
from postroad.config.relaying import proved, relay_faults, silent_tables, trusted_at
from postroad.config.tables import FileValues

HEAD = 'hostname = "mail.example.org"\ndomains = ["example.org"]\n'
ANYBODY = "an open relay: anybody, without a login, can send to any domain: "
TO_RELAY = "{}:{}: [listeners.mx.policy] relay: " + ANYBODY


def written(folder: Path, text: str, **tables: str) -> Path:
    for name, content in tables.items():
        (folder / name).write_text(content)
    file = folder / "postroad.toml"
    file.write_text(HEAD + text.replace("HERE", str(folder)))
    return file


def mistakes(file: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(file)
    return [str(mistake) for mistake in caught.value.mistakes]


RELAY = """[listeners.mx]
tls = "none"
[listeners.mx.policy]
relay = [
    "permit_mynetworks, permit_sasl_authenticated",
    "check_sender_access",
    "hash:HERE/senders",
    "reject_unauth_destination",
]
"""


def test_the_line_that_lets_strangers_through(tmp_path: Path) -> None:
    file = written(tmp_path, RELAY, senders="a@elsewhere.test OK\nb@elsewhere.test REJECT\n")
    table = f"hash:{tmp_path}/senders"
    assert mistakes(file) == [
        TO_RELAY.format(file, 9)
        + "permit_mynetworks: lets it pass, because the client is not in trusted_networks; then "
        "permit_sasl_authenticated: lets it pass, because the client has not logged in; then "
        f"check_sender_access {table}: can answer OK (entry values: OK), which permits"
    ]


def test_networks_of_a_listener_alone(tmp_path: Path) -> None:
    text = '[listeners.mx]\ntls = "none"\n'
    text += '[listeners.inner]\npreset = "mx"\nbind = [":26"]\ntls = "none"\n'
    file = written(tmp_path, text + 'trusted_networks = ["0.0.0.0/0"]\n')
    mistake, *_ = mistakes(file)
    assert mistake.startswith(f"{file}:9: [listeners.inner] trusted_networks: an open relay: ")
    file = written(tmp_path, text + 'trusted_networks = ["127.0.0.1/32"]\n')
    configuration = load(file)
    listeners = configuration.listeners
    assert str(trusted_at(configuration, listeners["inner"])) == "127.0.0.1/32"
    assert trusted_at(configuration, listeners["mx"]).contains("127.0.0.2")


def test_a_table_that_only_refuses(tmp_path: Path) -> None:
    configuration = load(written(tmp_path, RELAY, senders="a@elsewhere.test REJECT\n"))
    assert proved(configuration) == (
        "proved: without a login or a trusted address nobody reaches another domain"
    )


def test_commands_that_only_look_at_state_need_no_table(tmp_path: Path) -> None:
    load(written(tmp_path, RELAY), examine_files=False)


def test_a_table_that_cannot_be_opened_is_a_fault_of_its_own(tmp_path: Path) -> None:
    (mistake,) = mistakes(written(tmp_path, RELAY))
    assert "open relay" not in mistake
    assert f"{tmp_path}/senders" in mistake


def test_what_is_open_whatever_tables_hold_is_told_once(tmp_path: Path) -> None:
    text = RELAY.replace("reject_unauth_destination", "permit")
    file = written(tmp_path, text, senders="a@elsewhere.test REJECT\n")
    (mistake,) = mistakes(file)
    assert mistake.startswith(TO_RELAY.format(file, 10))
    assert mistake.endswith("permit: permits it, because it applies to everything")


def test_each_rule_that_lets_strangers_through_has_its_line(tmp_path: Path) -> None:
    text = RELAY.replace("reject_unauth_destination", "permit")
    file = written(tmp_path, text, senders="a@elsewhere.test OK\n")
    found = mistakes(file)
    assert [line.split(" ")[0] for line in found] == [f"{file}:9:", f"{file}:10:"]


def test_a_class_by_its_line(tmp_path: Path) -> None:
    text = (
        '[policy]\nclasses = {known = ["check_helo_access inline:{{a.test = OK}}"]}\n'
        '[listeners.mx]\ntls = "none"\n[listeners.mx.policy]\nrelay = ["warn_if_reject", "known"]\n'
    )
    file = written(tmp_path, text)
    assert mistakes(file) == [
        TO_RELAY.format(file, 8) + "warn_if_reject known: its restrictions are asked; then "
        "check_helo_access inline:{{a.test = OK}}: can answer OK (entry values: OK), which permits"
    ]


@pytest.mark.parametrize(
    ("networks", "rest"),
    [
        ("", "(there are no mx_backup_networks)"),
        (
            'mx_backup_networks = ["::/0"]',
            "(mx_backup_networks hold too much of the Internet: ::/0)",
        ),
    ],
)
def test_a_backup_of_anybody(tmp_path: Path, networks: str, rest: str) -> None:
    text = (
        f'[policy]\n{networks}\n[listeners.mx]\ntls = "none"\n'
        '[listeners.mx.policy]\nrelay = ["permit_mx_backup"]\n'
    )
    file = written(tmp_path, text)
    assert mistakes(file) == [
        TO_RELAY.format(file, 8) + "permit_mx_backup: finds us named as the backup of any domain "
        f"that wants that {rest}, which permits"
    ]


def test_what_else_than_a_login_is_relied_on(tmp_path: Path) -> None:
    text = (
        '[policy]\nmx_backup_networks = ["10.0.0.0/8"]\n[listeners.mx]\ntls = "none"\n'
        "[listeners.mx.policy]\n"
        'relay = ["permit_mx_backup, permit_tls_all_clientcerts, permit_inet_interfaces"]\n'
    )
    assert proved(load(written(tmp_path, text))) == (
        "proved: without a login, a trusted address, a certificate that an authority of [tls] "
        "client_ca_file vouches for (which must be your own: a public one vouches for anybody), "
        "one of this machine's own addresses or a domain with its best mail exchangers in "
        "mx_backup_networks nobody reaches another domain"
    )


def test_a_table_is_read_once(tmp_path: Path) -> None:
    table = tmp_path / "t"
    table.write_text("a OK\n")
    values = FileValues()
    assert values(f"hash:{table}") == {"OK"}
    table.unlink()
    assert values(f"hash:{table}") == {"OK"}
    assert values(f"hash:{table}.new") == frozenset()


def test_lists_with_mistakes_are_left_to_those_who_tell_of_them(tmp_path: Path) -> None:
    file = written(tmp_path, '[listeners.mx]\ntls = "none"\n')
    configuration = load(file)
    assert list(relay_faults(configuration, silent_tables)) == []
    text = '[listeners.mx]\ntls = "none"\n[listeners.mx.policy]\nrelay = ["permit", "rejct"]\n'
    assert [line for line in mistakes(written(tmp_path, text)) if "open relay" in line] == []
