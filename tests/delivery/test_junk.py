"""What is filed as junk, by the fields of our own filters and by thresholds of accounts."""

from __future__ import annotations

import pytest

from postroad.delivery.filing import TO_INBOX, DetailFiling, Filed
from postroad.delivery.junk import JunkFiling, is_junk, why_junk
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


def verified(comment: str, flag: str = "YES", status: str = "") -> Fields:
    """With DMARC's result as our border writes it, below the mark."""
    results = (
        "mail.example.org;\r\n\tspf=none smtp.mailfrom=a@x.test;\r\n"
        f"\tdmarc=fail ({comment})\r\n\theader.from=bank.example"
    )
    field = f"Authentication-Results: {results}\r\n".encode()
    return Fields.of(fields(flag, "6.0" if status else "", status).octets + field)


SPAM = fields("YES", "7.2", "Yes, score=7.2 required=5.0")
QUARANTINE = "p=quarantine dis=quarantine"
BY_DMARC = "DMARC quarantine of mail from bank.example"
BY_RULES = "marked as spam by a filter's own rules"


@pytest.mark.parametrize(
    ("header", "threshold", "words"),
    [
        (fields(), None, ""),
        (fields("", "2.2", "No, score=2.2 required=5.0"), 1.0, "2.2 points, of 1 for this account"),
        (fields("", "2.2", "No, score=2.2 required=5.0"), 2.5, ""),
        (SPAM, None, "7.2 points, of 5"),
        (SPAM, 6.5, "7.2 points, of 6.5 for this account"),
        (fields("YES", "1000000.0", "Yes, required=5.0"), None, "1000000 points, of 5"),
        (fields("YES", "2.0", "Yes, score=2.0 required=5.0 marked=rules"), 9.0, BY_RULES),
        (verified(QUARANTINE), None, BY_DMARC),
        (verified(QUARANTINE, status="Yes, score=6.0 required=5.0 marked=dmarc"), 3.0, BY_DMARC),
        (fields("YES", "6.0", "Yes, required=5.0 marked=dmarc"), None, "DMARC quarantine"),
        # A filter's own mark on mail that fails DMARC, without consequence of that.
        (verified("p=none dis=none"), None, "marked as spam"),
        (verified(QUARANTINE, flag=""), None, ""),
        (verified(QUARANTINE, status="Yes, score=6.0 required=5.0"), None, "6 points, of 5"),
    ],
)
def test_why_mail_is_junk(header: Fields, threshold: float | None, words: str) -> None:
    assert why_junk(header, threshold) == words


def message(header: str) -> StoredMessage:
    return StoredMessage("Q1", Envelope(None), 0.0, 0.0, Octets(f"{header}\r\nbody\r\n".encode()))


TO_LISTS = StoredRecipient(1, Address("john+lists", "example.org"), Address("john", "example.org"))
JUNK = Filed(FolderName.parse("Junk"), create=True, why="7 points, of 5")


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
