"""A report as mail: a few words for people, and the report as a file. Pure.

What the header says, and what kind of multipart it is, differs between the kinds of reports.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.utils import formatdate

__all__ = ["Attached", "Head", "message"]

_LINE = 76  # characters of base64, RFC 2045 §6.8


@dataclass(frozen=True, slots=True)
class Head:
    """What a report says about itself and its sender.

    Attributes:
        domain: whom it is about.
        submitter: the name of this server.
        author: the address it is from.
        to: the address it goes to.
        id: of the report.
    """

    domain: str
    submitter: str
    author: str
    to: str
    id: str

    @property
    def message_id(self) -> str:
        """The same for the same report to the same address: a repeat can be known for one."""
        unique = hashlib.sha256(f"{self.id} {self.to}".encode()).hexdigest()[:32]
        return f"{unique}@{self.submitter}"


@dataclass(frozen=True, slots=True)
class Attached:
    """The file.

    Attributes:
        kind: its media type.
        name: of the file.
        octets: what is in it.
    """

    kind: str
    name: str
    octets: bytes


def message(
    head: Head,
    words: Sequence[str],
    attached: Attached,
    now: float,
    *,
    multipart: str,
    fields: Iterable[str] = (),
) -> bytes:
    """The whole message, lines ended by CRLF.

    The subject is the same for both kinds (RFC 8460 §5.3, RFC 9990 §3.5.2).

    Args:
        head: from whom, to whom.
        words: for people, in lines.
        attached: the report.
        now: seconds since the epoch.
        multipart: the media type of the whole, with its parameters but the boundary.
        fields: more lines of the header.
    """
    body = base64.b64encode(attached.octets).decode("ascii")
    boundary = f"=_{hashlib.sha256(head.id.encode()).hexdigest()[:32]}"
    lines = [
        f"Date: {formatdate(now)}",
        f"From: <{head.author}>",
        f"To: <{head.to}>",
        f"Subject: Report Domain: {head.domain}",
        f" Submitter: {head.submitter}",
        f" Report-ID: <{head.id}>",
        f"Message-ID: <{head.message_id}>",
        *fields,
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f"Content-Type: {multipart};",
        f'\tboundary="{boundary}"',
        "",
        "This is a MIME-encapsulated message.",
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        *words,
        "",
        f"--{boundary}",
        f"Content-Type: {attached.kind}",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment;",
        f'\tfilename="{attached.name}"',
        "",
        *(body[at : at + _LINE] for at in range(0, len(body), _LINE)),
        "",
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode("ascii")
