"""on_message: what comes for `list-NAME@…` goes to `NAME@lists.…` of the same domain."""

from __future__ import annotations

from postroad.filter import Answer, Message


async def on_message(message: Message) -> Answer | None:
    """Put the address of the list server in the place of each such recipient."""
    for address in message.recipients:
        local, _, domain = address.rpartition("@")
        if local.lower().startswith("list-"):
            message.add_recipient(f"{local[5:]}@lists.{domain}")
            message.remove_recipient(address)
    return None
