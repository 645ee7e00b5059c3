from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad.mailbox import Whereabouts
from postroad.mailbox.folder import INBOX, MAX_ON_DISK, FolderName, encoded, folder_path

ROOT = Path("/var/vmail/john")
WHERE = Whereabouts.at(ROOT)
NESTED = Whereabouts(ROOT, ROOT, ROOT, nested=True)
UTF8 = Whereabouts(ROOT, ROOT, ROOT, utf8=True)


@pytest.mark.parametrize(
    ("name", "on_disk"),
    [
        ("lists", "lists"),
        ("Entwürfe", "Entw&APw-rfe"),
        ("a&b", "a&-b"),
        ("日本語", "&ZeVnLIqe-"),  # RFC 3501 §5.1.3
        ("台北", "&U,BTFw-"),
        ("ü&ü", "&APw-&-&APw-"),
        ("😀", "&2D3eAA-"),
    ],
)
def test_names_in_modified_utf7(name, on_disk):
    assert encoded(name) == on_disk


@pytest.mark.parametrize(
    ("where", "name", "path"),
    [
        (WHERE, "INBOX", "/var/vmail/john"),
        (WHERE, "inbox", "/var/vmail/john"),
        (WHERE, "Lists.python", "/var/vmail/john/.Lists.python"),
        (WHERE, "Entwürfe", "/var/vmail/john/.Entw&APw-rfe"),
        (NESTED, "Lists.python", "/var/vmail/john/Lists/python"),
        (UTF8, "Entwürfe", "/var/vmail/john/.Entwürfe"),
    ],
)
def test_where_a_folder_is(where, name, path):
    assert folder_path(where, FolderName.parse(name)) == Path(path)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../etc",
        "a..b",
        ".hidden",
        "end.",
        "a/b",
        "/etc",
        "a\\b",
        "~root",
        "a\0b",
        "a\nb",
        "a\u202eb",
        "50%",
        "a*",
        '"quoted"',
        " lists",
        "lists ",
        "x" * (MAX_ON_DISK + 1),
        "ü" * 100,
        ".".join("a" * 20),
    ],
)
def test_what_is_no_name_of_a_folder(name):
    with pytest.raises(ValueError, match="folder"):
        FolderName.parse(name)


@given(st.text(max_size=80))
def test_no_name_leads_out_of_the_mailbox(name):
    try:
        folder = FolderName.parse(name)
    except ValueError:
        return
    for where in (WHERE, NESTED, UTF8):
        path = folder_path(where, folder)
        assert path == ROOT or (ROOT in path.parents and ".." not in path.parts)
        assert all(len(part.encode()) <= 255 for part in path.parts)
        if where is not NESTED:
            assert folder == INBOX or path.parent == ROOT


@pytest.mark.parametrize("name", ["new", "cur", "Lists.tmp"])
def test_a_maildirs_own_folders_are_none_in_folders(name):
    assert FolderName.parse(name).fits(WHERE)
    assert not FolderName.parse(name).fits(NESTED)


@pytest.mark.parametrize(
    ("where", "name", "can_be_made"),
    [
        (NESTED, "lists/dovecot", True),
        (NESTED, "Subscriptions", True),
        (NESTED, "lists/subscriptions", True),
        (NESTED, "INBOX", True),
        (NESTED, "maildirsize", False),
        (NESTED, "subscriptions", False),
        (NESTED, "postroad-moves", False),
        (NESTED, "postroad-moves.new", False),
        (NESTED, "lists/dovecot-uidlist", False),
        (NESTED, "dovecot.index.log", False),
        (WHERE, "maildirsize", True),
        (WHERE, "dovecot-uidlist", True),
    ],
)
def test_no_folder_is_made_in_place_of_a_file(
    where: Whereabouts, name: str, can_be_made: bool
) -> None:
    assert FolderName.parse(name, "/").can_be_made(where) is can_be_made
