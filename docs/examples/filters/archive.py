"""on_message: a copy of all mail goes to an archive, with its sender and recipients in the header.

    [filters.archive.settings]
    archive = "archive@example.org"

The copy is the same message, so the archive's fields are seen by all who get it: put nothing there
that is not for them. Recipients are not, as there may be hidden ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from postroad.filter import Answer, Message

_archive = ""


def setup(settings: Mapping[str, str]) -> None:
    """Read where the archive is."""
    global _archive  # noqa: PLW0603 - a filter's settings are its module's
    _archive = settings["archive"]


async def on_message(message: Message) -> Answer | None:
    """Add the archive to the recipients."""
    message.add_header("X-Archived-Sender", message.sender or "<>")
    message.add_recipient(_archive)
    return None
