"""on_message: a line below plain text that users send.

Mail of users is signed after the filters, so that the signature covers the line. What came signed
from elsewhere would be broken by it: the filter is for `mail = ["ours"]`. Only mail of one part and
plain text is changed; to write into HTML, attachments and signed parts is to break them.
"""

from __future__ import annotations

from postroad.filter import Answer, Message

LINE = "Example Ltd, 1 Example Street, registered in Exampleshire."


async def on_message(message: Message) -> Answer | None:
    """Add the line."""
    kind = message.header("Content-Type").lower() or "text/plain"
    encoding = message.header("Content-Transfer-Encoding").lower() or "7bit"
    if message.origin != "ours" or not kind.startswith("text/plain") or encoding != "7bit":
        return None
    body = (await message.octets()).partition(b"\r\n\r\n")[2]
    message.replace_body(body.rstrip(b"\r\n") + f"\r\n\r\n-- \r\n{LINE}\r\n".encode())
    return None
