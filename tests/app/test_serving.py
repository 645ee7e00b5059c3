"""Where mail lies, told to a Dovecot completely."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fake_directory import FakeDirectory
from postroad.app.serving import CompletePlaces
from postroad.directory import DirectoryUnavailable, Place
from postroad.mailbox import MaildirLocation
from postroad.mailbox.settings import MailboxSettings

JOHN = "john@example.org"
OURS = (os.geteuid() or None, os.getegid() or None)


def places(said: Place, template: str = "", **settings: object) -> CompletePlaces:
    directory = FakeDirectory(users={JOHN: "x"}, places={JOHN: said})
    location = MaildirLocation(template, Path("/var/lib/postroad"), roots=("/srv",))
    return CompletePlaces(directory, location, MailboxSettings(**settings))


@pytest.mark.parametrize(
    ("said", "template", "expected"),
    [
        (
            Place(),
            "",
            Place(
                "/var/lib/postroad/mail/example.org/john",
                "maildir:/var/lib/postroad/mail/example.org/john/Maildir",
                *OURS,
            ),
        ),
        (
            Place("/srv/john", "", 1001, 1002, 1 << 20, 5),
            "~/Maildir",
            Place("/srv/john", "maildir:/srv/john/Maildir", 1001, 1002, 1 << 20, 5),
        ),
        (
            Place("/srv/john", "maildir:~/M:LAYOUT=fs:INBOX=~/M/in"),
            "",
            Place("/srv/john", "maildir:/srv/john/M:INBOX=/srv/john/M/in:LAYOUT=fs", *OURS),
        ),
    ],
)
async def test_a_place(said: Place, template: str, expected: Place) -> None:
    assert await places(said, template).place(JOHN) == expected


async def test_who_does_not_keep_the_mail_does_not_say_where_it_is() -> None:
    said = Place(quota_bytes=100)
    elsewhere = places(said, transport="lmtp:unix:/run/lmtp", quota_messages=7)
    assert await elsewhere.place(JOHN) == said


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Place(), (2048, 7)),
        (Place(quota_bytes=100), (100, 7)),
        (Place(quota_bytes=0, quota_messages=0), (0, 0)),
    ],
)
async def test_the_usual_quota_is_told_as_well(said: Place, told: tuple[int, int]) -> None:
    found = await places(said, quota="2k", quota_messages=7).place(JOHN)
    assert (found.quota_bytes, found.quota_messages) == told


async def test_a_place_that_is_not_allowed_is_told_to_nobody() -> None:
    with pytest.raises(DirectoryUnavailable):
        await places(Place("/etc", "maildir:/etc/cron.d")).place(JOHN)
