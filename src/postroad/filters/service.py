"""A connection to a service that filters ask: octets out, a bounded answer in, one per message.

It knows nothing of what is asked. Whatever goes wrong is `ServiceFailed`, in words for an operator;
the time that all of it may take is the filter's `timeout`, and is kept by `filters.joined`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from postroad.filters.place import Place
from postroad.net.local_socket import local_socket

__all__ = ["ServiceFailed", "exchange"]

_CONNECT = 10.0
"""Seconds: these services are on this machine or beside it."""


class ServiceFailed(Exception):
    """A service is away, or answers nonsense; the message says what."""


@asynccontextmanager
async def _connected(
    place: Place,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection for one question; it is closed at the end, whatever happened.

    Args:
        place: where the service listens.

    Raises:
        ServiceFailed: nobody answers there, or the connection broke meanwhile.
    """
    try:
        async with asyncio.timeout(_CONNECT):
            if place.path:
                connected = await local_socket(place.path)
                reader, writer = await asyncio.open_unix_connection(sock=connected)
            else:
                reader, writer = await asyncio.open_connection(place.host, place.port)
    except TimeoutError:
        raise ServiceFailed(f"connect to {place}: no answer within {_CONNECT:g} s") from None
    except OSError as error:
        raise ServiceFailed(f"connect to {place}: {_words(error)}") from None
    try:
        yield reader, writer
    except OSError as error:
        raise ServiceFailed(f"{place}: the connection broke: {_words(error)}") from None
    finally:
        writer.close()
        # What was not sent yet is of no use to anybody.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def exchange(place: Place, question: AsyncIterator[bytes], limit: int) -> bytes:
    """Send a question, and read all that the service says until it closes the connection.

    It is listened to from the start, because a service that has heard enough answers and hangs up,
    and what it said is lost with the connection if nobody has read it by then.

    Args:
        place: where the service listens.
        question: what is sent, in pieces.
        limit: octets that it may say.

    Raises:
        ServiceFailed: nobody answers there, it says more, or the connection broke without a word.
        SpoolError: the message cannot be read.
    """
    async with _connected(place) as (reader, writer):
        answer = asyncio.get_running_loop().create_task(_heard(reader, limit))
        try:
            async for piece in question:
                # A transport that is closed takes nothing: uvloop's raises a RuntimeError then.
                if answer.done() or writer.transport.is_closing():
                    break
                writer.write(piece)
                await writer.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # what it said before is the answer; if it said nothing, `_heard` knows why
        except BaseException:
            await _broken_off(answer)
            raise
        try:
            found = await answer
        except asyncio.CancelledError:
            await _broken_off(answer)
            raise
    if isinstance(found, ServiceFailed):
        raise found
    return found


async def _broken_off(task: asyncio.Task[bytes | ServiceFailed]) -> None:
    """Let go of a task; it is ended when this returns."""
    task.cancel()
    await asyncio.wait([task])


async def _heard(reader: asyncio.StreamReader, limit: int) -> bytes | ServiceFailed:
    """All that a service says; what it said before the connection broke is an answer too."""
    found = bytearray()
    try:
        while piece := await reader.read(65_536):
            found += piece
            if len(found) > limit:
                return ServiceFailed(f"its answer is larger than {limit} octets")
    except OSError as error:
        if not found:
            return ServiceFailed(f"the connection broke: {_words(error)}")
    return bytes(found)


def _words(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
