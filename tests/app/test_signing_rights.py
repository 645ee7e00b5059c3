"""In whose name users may have mail signed."""

from __future__ import annotations

import os
import pwd

import pytest

from postroad.app.signing_rights import SigningRights
from postroad.maildrop.settings import SendmailSettings
from postroad.model import Address, Login
from postroad.model.journal import Event
from postroad.policy import LookupUnavailable


class Owners:
    """Implements `Owners`."""

    def __init__(self, *, is_away: bool = False) -> None:
        self._is_away = is_away

    async def owns(self, user: str, address: Address) -> bool:
        if self._is_away:
            raise LookupUnavailable("no answer")
        return (user, str(address)) == ("ann@example.org", "list@example.net")


@pytest.mark.parametrize(
    ("user", "author", "may"),
    [
        ("ann@example.org", "list@example.net", True),
        ("ann@example.org", "ceo@example.net", False),
        ("eve@example.org", "list@example.net", False),
    ],
)
async def test_who_owns_an_address_may(user: str, author: str, may: bool) -> None:
    said: list[Event] = []
    rights = SigningRights(Owners(), SendmailSettings(), "example.org", said.append)
    assert await rights.may_write(Login(user, "PLAIN"), author) is may
    assert said == []


async def test_what_cannot_be_found_out_is_said() -> None:
    said: list[Event] = []
    rights = SigningRights(Owners(is_away=True), SendmailSettings(), "example.org", said.append)
    assert not await rights.may_write(Login("ann@example.org", "PLAIN"), "list@example.net")
    (event,) = said
    assert "whether <list@example.net> is ann@example.org's own: no answer" in event.text


DAEMON = pwd.getpwnam("daemon").pw_uid
SHOP = SendmailSettings(sender_check=True, senders={"daemon": ("shop@example.net",)})


@pytest.mark.parametrize(
    ("settings", "uid", "author", "may"),
    [
        (SHOP, DAEMON, "daemon@example.org", True),
        (SHOP, DAEMON, "shop@example.net", True),
        (SHOP, DAEMON, "boss@example.org", False),
        (SHOP, os.getuid(), "boss@example.org", True),  # the server's own user
        (SendmailSettings(), DAEMON, "boss@example.org", True),
    ],
)
async def test_programs_may_as_they_may_send(
    settings: SendmailSettings, uid: int, author: str, may: bool
) -> None:
    said: list[Event] = []
    rights = SigningRights(Owners(), settings, "example.org", said.append)
    assert await rights.may_write(Login(f"uid={uid}", "local"), author) is may
    # Somebody who has logged in by that name is no program.
    assert not await rights.may_write(Login(f"uid={uid}", "PLAIN"), author)
