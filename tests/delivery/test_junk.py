"""What is filed as junk, by the fields of our own filters and by thresholds of accounts."""

from __future__ import annotations

import pytest

from postroad.delivery.filing import TO_INBOX, DetailFiling, Filed
from postroad.delivery.junk import JunkFiling, is_junk
from postroad.filters.scoring import Wish
from postroad.mailbox.folder import FolderName
from postroad.model import Address, Envelope, StoredMessage, StoredRecipient
from postroad.model.content import Octets
from postroad.model.fields import Fields


def fields(flag: str = "", score: str = "", status: str = "") -> Fields:
    lines = {"X-Spam-Flag": flag, "X-Spam-Score": score, "X-Spam-Status": status}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return Fields.of(f"{text}Subject: x\r\n".encode())


@pytest.mark.parametrize(
    ("header", "threshold", "junk"),
    [
        (fields(), None, False),
        (fields(), 1.0, False),
        (fields("YES", "7.2", "Yes, score=7.2 required=5.0"), None, True),
        (fields("YES", "7.2", "Yes, score=7.2 required=5.0"), 7.2, True),
        (fields("YES", "7.2", "Yes, score=7.2 required=5.0"), 8.0, False),
        (fields("", "4.0", "No, score=4.0 required=5.0"), None, False),
        (fields("", "4.0", "No, score=4.0 required=5.0"), 3.0, True),
        # DMARC's mark, and a service's own rules: no threshold of points explains them.
        (fields("YES"), 100.0, True),
        (fields("YES", "2.0", "Yes, score=2.0 required=5.0"), 100.0, True),
        # They say so where points would explain it too.
        (fields("YES", "6.0", "Yes, score=6.0 required=5.0 marked=dmarc"), 8.0, True),
        (fields("YES", "6.0", "Yes, score=6.0 required=5.0\r\n\ttests=marked"), 8.0, False),
        # As SpamAssassin writes them itself behind a content filter.
        (fields("YES", "", "Yes, score=6.5 required=5.0 tests=A"), 8.0, False),
        (fields("", "", "No, score=3.5 required=5.0\r\n\ttests=A"), 3.0, True),
        (fields("no", "nonsense"), 1.0, False),
    ],
)
def test_which_mail_is_junk(header: Fields, threshold: float | None, *, junk: bool) -> None:
    assert is_junk(header, threshold) is junk


def message(header: str) -> StoredMessage:
    return StoredMessage("Q1", Envelope(None), 0.0, 0.0, Octets(f"{header}\r\nbody\r\n".encode()))


TO_LISTS = StoredRecipient(1, Address("john+lists", "example.org"), Address("john", "example.org"))
JUNK = Filed(FolderName.parse("Junk"), create=True)


async def test_junk_goes_before_address_extensions_and_the_rest_as_usual() -> None:
    wishes = {"john@example.org": Wish(junk=50.0)}

    async def wish(user: str) -> Wish:
        return wishes.get(user, Wish())

    filing = JunkFiling(
        DetailFiling("+", create=False),
        FolderName.parse("Junk"),
        wish,
    )
    spam = message("X-Spam-Flag: YES\r\nX-Spam-Score: 7.0\r\nX-Spam-Status: required=5.0\r\n")

    assert await filing.file("anna@example.org", TO_LISTS, spam) == (JUNK,)
    lists = (Filed(FolderName.parse("lists")),)
    assert await filing.file("john@example.org", TO_LISTS, spam) == lists
    assert await filing.file("anna@example.org", TO_LISTS, message("Subject: x\r\n")) == lists


async def no_wish(user: str) -> Wish:
    return Wish()


async def test_what_stands_in_the_body_or_below_ours_says_nothing() -> None:
    filing = JunkFiling(DetailFiling("+", create=False), FolderName.parse("Junk"), no_wish)
    plain = TO_LISTS._replace(address=Address("john", "example.org"))
    body = message("Subject: x\r\n\r\nX-Spam-Flag: YES\r\n")
    assert await filing.file("john@example.org", plain, body) == TO_INBOX
    forged = message("X-Spam-Flag: NO\r\nSubject: x\r\nX-Spam-Flag: YES\r\n")
    assert await filing.file("john@example.org", plain, forged) == TO_INBOX
    large = message("Subject: x\r\n" + "A: b\r\n" * 30_000)
    assert await filing.file("john@example.org", plain, large) == TO_INBOX
