"""What is wrong with accounts in files and in PAM, with its line in the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroad.config import ConfigurationError, load
from postroad.config.account_files import account_file_warnings, account_files

MINIMUM = """
hostname = "mail.example.org"
domains = ["example.org"]
[listeners.mx]
tls = "none"
"""


@pytest.fixture
def loading(tmp_path: Path):
    """Loads a configuration with `[directories.x]`; `FOLDER` in it is a folder of files."""
    for name, text in (
        ("users", "john:{PLAIN}x\n"),
        ("virtual", "john@example.org john\n"),
        ("aliases", "root: john\n"),
        ("mailboxes", "john@example.org john/\n"),
        ("bad_users", "# users\njohn it is:{PLAIN}x\n"),
        ("bad_virtual", "a@example.org b\nc@example.org @@\n"),
        ("bad_aliases", "root: john\nx\n"),
        ("bad_mailboxes", "john@example.org john\n"),
        ("service", "auth required pam_deny.so\n"),
    ):
        (tmp_path / name).write_text(text)

    def load_it(section: str):
        file = tmp_path / "postroad.toml"
        file.write_text(f"{MINIMUM}[directories.x]\n{section}".replace("FOLDER", str(tmp_path)))
        return load(file)

    return load_it


GOOD = """kind = "files"
passwd = "FOLDER/users"
virtual = ["hash:FOLDER/virtual", "inline:{a@example.org=b}"]
aliases = ["FOLDER/aliases"]
mailbox = ["hash:FOLDER/mailboxes"]
mailbox_base = "/var/mail"
"""


def test_files_that_can_be_used(loading, tmp_path: Path) -> None:
    configuration = loading(GOOD)
    everything = [tmp_path / name for name in ("users", "aliases", "virtual", "mailboxes")]
    assert list(account_files(configuration)) == everything
    assert list(account_files(configuration, secret=True)) == [tmp_path / "users"]


def test_a_pam_service_that_is_there(loading, tmp_path: Path) -> None:
    loading('kind = "pam"\nservice = "service"\nservice_directory = "FOLDER"\n')


def test_what_is_no_reason_not_to_start_is_warned_of(loading, tmp_path: Path) -> None:
    (tmp_path / "members").write_text("@@\n")
    (tmp_path / "odd_users").write_text("john:{PLAIN}x:0\n")
    (tmp_path / "odd_aliases").write_text(f"list: :include:{tmp_path}/members\n")
    configuration = loading(
        'kind = "files"\npasswd = "FOLDER/odd_users"\naliases = ["FOLDER/odd_aliases"]\n'
    )
    one, other = account_file_warnings(configuration)
    assert one.startswith(f"{tmp_path}/odd_users:1: uid: 0 is root's")
    assert other.startswith(f"{tmp_path}/members:1: ")
    (tmp_path / "odd_users").write_text("")
    empty = f"{tmp_path}/odd_users: there is no account in it"
    assert empty in account_file_warnings(configuration)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('kind = "files"\n', "[directories.x] kind: needs passwd, virtual, aliases or mailbox"),
        ('kind = "files"\npasswd = "FOLDER/none"\n', "passwd: FOLDER/none: no such file"),
        (
            'kind = "files"\npasswd = "FOLDER/bad_users"\n',
            'passwd: FOLDER/bad_users:2: "john it is" is no user: ',
        ),
        (
            'kind = "files"\nvirtual = ["hash:FOLDER/bad_virtual"]\n',
            "virtual: FOLDER/bad_virtual:2: ",
        ),
        ('kind = "files"\nvirtual = ["FOLDER/virtual"]\n', "did you mean hash:FOLDER/virtual?"),
        (
            'kind = "files"\naliases = ["FOLDER/bad_aliases"]\n',
            'aliases: FOLDER/bad_aliases:2: expected "name: target',
        ),
        (
            'kind = "files"\nmailbox = ["hash:FOLDER/bad_mailboxes"]\nmailbox_base = "/var/mail"\n',
            "FOLDER/bad_mailboxes:1: ",
        ),
        (
            'kind = "files"\npasswd = "FOLDER/users"\nusername_format = "%s"\n',
            'username_format: "%s" cannot be used here',
        ),
        (
            'kind = "files"\npasswd = "FOLDER/users"\ndefault_scheme = "BLF-CRIPT"\n',
            'no password scheme "BLF-CRIPT"; did you mean BLF-CRYPT?',
        ),
        (
            'kind = "files"\npasswd = "FOLDER/users"\ndefault_domain = "not a domain"\n',
            "default_domain: expected a domain",
        ),
        (
            'kind = "files"\npasswd = "FOLDER/users"\ncommand_time_limit = 0\n',
            "command_time_limit: a command that never ends",
        ),
        (
            'kind = "pam"\nservice = "nosuchservice"\n',
            "service: PAM has no service of this name: there is no /etc/pam.d/nosuchservice",
        ),
        ('kind = "pam"\nservice = "../x"\n', "service: expected the name of a file"),
        ('kind = "pam"\nminimum_uid = 0\n', "minimum_uid: cannot be less than 1"),
    ],
)
def test_a_mistake_is_one_line(loading, tmp_path: Path, section: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loading(section)
    found = [str(mistake).replace(str(tmp_path), "FOLDER") for mistake in caught.value.mistakes]
    assert any(words in line for line in found), found
    assert all(line.startswith("FOLDER/postroad.toml:") for line in found)
