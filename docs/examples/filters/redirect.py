"""on_message: what comes for `list-NAME@example.org` goes to `NAME@lists.example.org`."""

from __future__ import annotations

from postroad.filter import Answer, Message

DOMAIN = "example.org"  # ours: an address elsewhere that looks alike is none of our lists


async def on_message(message: Message) -> Answer | None:
    """Put the address of the list server in the place of each such recipient."""
    for address in message.recipients:
        local, _, domain = address.rpartition("@")
        if domain.lower() == DOMAIN and local.lower().startswith("list-"):
            message.add_recipient(f"{local[5:]}@lists.{DOMAIN}")
            message.remove_recipient(address)
    return None
