"""In whose name users may have mail signed."""

from __future__ import annotations

import pytest

from postroad.app.signing_rights import SigningRights
from postroad.model import Address
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
    assert await SigningRights(Owners(), said.append).may_write(user, author) is may
    assert said == []


async def test_what_cannot_be_found_out_is_said() -> None:
    said: list[Event] = []
    rights = SigningRights(Owners(is_away=True), said.append)
    assert not await rights.may_write("ann@example.org", "list@example.net")
    (event,) = said
    assert "whether <list@example.net> is ann@example.org's own: no answer" in event.text
