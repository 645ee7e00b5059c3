"""on_message: a service of yours is asked over HTTP what it thinks of the sender.

    [filters.reputation.settings]
    url = "http://127.0.0.1:8080/reputation"

The service answers with JSON: {"points": 3.5}. While it is away, `on_failure` of the filter says
what becomes of mail. One client for all messages keeps its connections open.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx2

from postroad.filter import Answer, Message, reject

REFUSED = 10.0
_settings: dict[str, str] = {}
_clients: list[httpx2.AsyncClient] = []


def setup(settings: Mapping[str, str]) -> None:
    """Read where the service is."""
    _settings["url"] = settings["url"]


async def start() -> None:
    """Make the client, in each worker of the server."""
    _clients.append(httpx2.AsyncClient(timeout=10.0))


async def stop() -> None:
    """Let go of its connections."""
    while _clients:
        await _clients.pop().aclose()


async def on_message(message: Message) -> Answer | None:
    """Ask the service, and write what it says into the header."""
    answer = await _clients[0].get(_settings["url"], params={"sender": message.sender})
    answer.raise_for_status()
    verdict = answer.json()
    points = float(verdict["points"])
    message.score(points, "REPUTATION")
    message.remove_header("X-Reputation")
    message.add_header("X-Reputation", f"{points:g}")
    if points >= REFUSED:
        return reject("550 5.7.1 Your mail is not wanted here")
    return None
