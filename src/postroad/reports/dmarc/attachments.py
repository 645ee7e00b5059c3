"""The reports in a mail, or in a file of any kind that an operator has. Pure.

A report is a file in a mail (RFC 7489 §7.2.1.1, RFC 9990 §3.5). Its type and its name are what its
sender thinks that they are, so every part is looked at, and the first octets of what is in it
decide. What one mail may cost is bounded for all of its parts together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postroad.reports.arrival import Malformed
from postroad.reports.dmarc.feedback import Feedback
from postroad.reports.dmarc.reading import Allowance, parse
from postroad.reports.dmarc.unpacking import looks_like_report, unpacked
from postroad.reports.parts import decoded, held, parts

__all__ = ["MOST_MAIL", "in_file", "in_mail"]

MOST_MAIL = 10_485_760
"""Octets of a mail that is looked at: a policy may ask for reports of at most that much."""

MOST_REPORTS = 5
"""Files of one mail that are read. Senders put one into each."""

_FORWARDED = 2  # mails in mails


def in_mail(chunks: Iterable[bytes], allowance: Allowance | None = None) -> list[Feedback]:
    """The reports in a mail.

    Args:
        chunks: header and body, in pieces.
        allowance: what may be read, of all of them together; as much as of any, when left out.

    Raises:
        Malformed: there is none that can be read.
    """
    return _read(_files(held(chunks, MOST_MAIL)), allowance)


def in_file(octets: bytes) -> list[Feedback]:
    """The reports in a file: XML, packed or not, or a stored mail.

    Raises:
        Malformed: there is none that can be read.
    """
    if looks_like_report(octets):
        return _read(iter([octets]))
    return in_mail([octets])


def _read(files: Iterator[bytes | Malformed], allowance: Allowance | None = None) -> list[Feedback]:
    allowance = allowance or Allowance()
    found: list[Feedback] = []
    trouble: Malformed | None = None
    for count, file in enumerate(files):
        if count >= MOST_REPORTS:
            break
        try:
            if isinstance(file, Malformed):
                raise file
            found.append(parse(unpacked(file), allowance))
        except Malformed as error:
            trouble = trouble or error
    if not found:
        raise trouble or Malformed("the mail has no part that is a report")
    return found


def _files(mail: bytes) -> Iterator[bytes | Malformed]:
    """The files that may be reports, and what is wrong with those that cannot be taken out."""
    for head, body in parts(mail, mails=_FORWARDED):
        try:
            octets = decoded(head, body)
        except Malformed as error:
            if head.get_content_maintype() == "application":
                yield error
            continue
        if looks_like_report(octets):
            yield octets
