"""The From header: whether a user writes in somebody else's name where readers see it.

MAIL's sender is what servers see; people see the From field, and nothing that is asked at MAIL or
RCPT looks at it. Where a listener says so (`from_header`), every address in the From fields of a
message from somebody who has logged in must be the user's own, by the same rule as for MAIL.

What is decided: all addresses of all From fields count, and what cannot be read for sure is
nobody's (`model.authors` errs on this side). A message without a From field, or with an empty
group (RFC 6854), claims to be nobody's, and passes. Sender and Resent-From are not looked at: they
say who else had to do with a message, and a forger who wrote them would be excused by them. A
quoted name or an encoded word may look like an address; it is none, and replies do not go there.

It is an option, and off: programs with several identities, and those that hand a message on as it
is («redirect»), write what an account does not own, and only the operator knows whether such are
in use. `warn` tells of them in the log and refuses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from postroad.intake import UNREADABLE
from postroad.model import Address, Reply
from postroad.policy import LookupUnavailable

__all__ = ["FromHeaderMode", "NotTheirs", "Owners", "judge_authors"]

FromHeaderMode = Literal["ignore", "warn", "reject"]
"""What becomes of mail in somebody else's name."""

_LONGEST = 510  # octets of a reply line without its CRLF, RFC 5321 §4.5.3.1.5


@dataclass(frozen=True, slots=True)
class NotTheirs:
    """Why a message is refused.

    Attributes:
        reply: a 553, or a 451 if it cannot be found out now whose the address is.
        author: the address; empty where the header cannot be read.
    """

    reply: Reply
    author: str = ""


class Owners(Protocol):
    """Who knows whose an address is."""

    async def owns(self, user: str, address: Address) -> bool:
        """Whether the account may send as the address; may raise `LookupUnavailable`."""
        ...


async def judge_authors(authors: Sequence[str], user: str, owners: Owners) -> NotTheirs | None:
    """The refusal of a message with these authors; `None` where they are all the user's.

    Args:
        authors: of `Entry.authors`.
        user: who has logged in.
        owners: knows whose an address is.

    Returns:
        What is said of the first address that is not the user's.
    """
    for author in authors:
        if author == UNREADABLE:
            words = f"From header rejected: unreadable, so not known to be owned by user {user}"
            return NotTheirs(_reply(553, "5.7.1", words))
        try:
            owned = await owners.owns(user, Address.parse(author))
        except LookupUnavailable:
            return NotTheirs(_reply(451, "4.3.0", f"<{author}>: Temporary lookup failure"), author)
        if not owned:
            words = f"<{author}>: From header address rejected: not owned by user {user}"
            return NotTheirs(_reply(553, "5.7.1", words), author)
    return None


def _reply(code: int, enhanced: str, words: str) -> Reply:
    """One line, short enough for SMTP whatever the addresses are."""
    room = _LONGEST - len(f"{code} {enhanced} ")
    return Reply.of(code, enhanced, words.encode()[:room].decode(errors="ignore"))
