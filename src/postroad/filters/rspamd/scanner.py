"""A filter that asks rspamd about mail, over HTTP.

Rspamd decides by actions, whose thresholds are its own; ours hold beside them, so that accounts may
have their own. A message is spam if either says so. What rspamd wants changed in the header is
done, and so is its `rewrite subject`. Its wish to change the envelope's sender is not followed.
Nothing is thrown away: what it would discard is refused. An action that we do not know was made by
its operator against mail that is not plain, so that it counts as spam, and is told in the log.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2

from postroad.filters.examining import Examining
from postroad.filters.failure import failed
from postroad.filters.rspamd.answers import (
    MOST_ANSWER,
    Excess,
    Garbled,
    Verdict,
    read_verdict,
)
from postroad.filters.rspamd.endpoint import Endpoint
from postroad.filters.scoring import NO_WISHES, SCORED, Score, Scoring, Wishes
from postroad.filters.settings import FilterSettings
from postroad.filters.stages import Filter
from postroad.model import Reply
from postroad.model.fields import Fields
from postroad.model.letter import Finding, Letter, Opinion
from postroad.model.printable import printable
from postroad.net.http_failure import http_failure
from postroad.spool.reading import pieces

__all__ = ["Rspamd", "build"]

_HARMLESS = frozenset({"no action", "accept", "greylist", "soft reject"})
_REFUSED = frozenset({"reject", "discard"})
_SPAM = frozenset({"add header", "rewrite subject", "quarantine"})
_LATER = Reply.of(451, "4.7.1", "Try again later")
_CONNECT = 10.0  # seconds: it is on this machine, or beside it
_MOST_PASSWORD = 1000  # octets
_ENCODED = 45  # octets of a subject in one encoded word (RFC 2047 §2: 75 characters)


def build(
    settings: FilterSettings, name: str, *, hostname: str = "", wishes: Wishes = NO_WISHES
) -> Filter:
    """A filter.

    Args:
        settings: `[filters.NAME]`.
        name: how configuration and log name it.
        hostname: our name.
        wishes: knows the thresholds of accounts.
    """
    return Examining(name, Rspamd(settings, name, hostname=hostname, wishes=wishes))


class Rspamd:
    """Implements `Examiner`."""

    def __init__(
        self,
        settings: FilterSettings,
        name: str,
        *,
        hostname: str = "",
        wishes: Wishes = NO_WISHES,
    ) -> None:
        """See `build`."""
        self._settings = settings
        self._name = name
        self._hostname = hostname
        self._scoring = Scoring(name, settings, wishes)
        self._endpoint = Endpoint.parse(settings.url)
        self._tls: ssl.SSLContext | None = None

    async def examine(self, letter: Letter) -> Opinion:
        """Ask about a message."""
        until = asyncio.get_running_loop().time() + self._settings.timeout * SCORED
        try:
            verdict = read_verdict(await self._ask(letter))
        except Garbled as error:
            on_failure = self._settings.on_failure
            if on_failure == "accept" and isinstance(error, Excess):
                on_failure = "defer"  # else whoever writes a message could have it pass unseen
            return failed(self._name, on_failure, str(error))
        except (httpx2.HTTPError, OSError) as error:
            words = f"{self._endpoint}: {http_failure(error)}"
            return failed(self._name, self._settings.on_failure, words[:300])
        score = Score(
            verdict.points,
            self._settings.junk,
            verdict.symbols,
            is_spam=verdict.action not in _HARMLESS,
            is_refused=verdict.action in _REFUSED,
        )
        if self._is_deferred(verdict.action):
            return self._deferred(verdict)
        fields = verdict.changed(letter.fields)
        if verdict.action == "rewrite subject" and verdict.subject:
            fields = _with_subject(fields, verdict.subject)
        opinion = await self._scoring.opinion(
            letter, score, fields=fields, refusal=verdict.words, until=until
        )
        return self._followed(verdict.action, opinion)

    def _followed(self, action: str, opinion: Opinion) -> Opinion:
        """With what an action asks for beside the score."""
        if action == "quarantine" and opinion.reply is None:
            return replace(opinion, hold=f"{self._name}: it asks for quarantine")
        if action in _HARMLESS or action in _REFUSED or action in _SPAM:
            return opinion
        unknown = Finding(self._name, "spam", f"it asks for an action that is not known: {action}")
        return replace(opinion, findings=(unknown, *opinion.findings))

    def _is_deferred(self, action: str) -> bool:
        greylist = action == "greylist" and self._settings.greylist == "defer"
        return greylist or action == "soft reject"

    def _deferred(self, verdict: Verdict) -> Opinion:
        words = verdict.words
        reply = Reply.of(451, "4.7.1", words) if words else _LATER
        return Opinion(reply=reply, findings=(Finding(self._name, verdict.action, words),))

    async def _ask(self, letter: Letter) -> bytes:
        header = letter.fields.octets + b"\r\n"

        async def content() -> AsyncIterator[bytes]:
            yield header
            async for piece in pieces(letter.body):
                yield piece

        headers = _headers(letter, self._hostname)
        headers.append((b"Accept-Encoding", b"identity"))
        headers.append((b"Content-Length", str(len(header) + letter.body.size).encode()))
        password = await self._password()
        if password:
            headers.append((b"Password", password))
        transport = httpx2.AsyncHTTPTransport(
            verify=self._context(), uds=self._endpoint.path or None
        )
        timeout = httpx2.Timeout(None, connect=_CONNECT)
        async with (
            httpx2.AsyncClient(transport=transport, timeout=timeout, trust_env=False) as client,
            client.stream("POST", self._endpoint.url, headers=headers, content=content()) as answer,
        ):
            octets = bytearray()
            async for chunk in answer.aiter_raw():
                octets += chunk
                if len(octets) > MOST_ANSWER:
                    raise Excess(f"its answer is larger than {MOST_ANSWER} octets")
            if answer.status_code != httpx2.codes.OK:
                raise Garbled(f"it answered with {answer.status_code}")
            return bytes(octets)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:  # made once: it takes milliseconds
            is_plain = self._endpoint.url.startswith("http:")
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_plain else _default()
        return self._tls

    async def _password(self) -> bytes:
        """Read anew for each message, so that one that is changed needs no reload."""
        path = self._settings.password_file
        return b"" if path is None else await asyncio.to_thread(_first_line, path)


def _default() -> ssl.SSLContext:
    return ssl.create_default_context()


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(_MOST_PASSWORD).strip()


def _headers(letter: Letter, hostname: str) -> list[tuple[bytes, bytes]]:
    """What it is told of the session and the envelope."""
    client, login, sender = letter.client, letter.login, letter.envelope.sender
    said: list[tuple[str, str]] = [
        ("From", "" if sender is None else str(sender)),
        *(("Rcpt", str(each.address)) for each in letter.recipients),
        ("Queue-Id", letter.queue_id),
        ("MTA-Name", hostname),
        ("Helo", letter.hello),
        ("User", "" if login is None else login.accountable),
    ]
    if client is not None:
        if client.has_address or client.is_local:
            said.append(("IP", client.network_address))
        said.append(("Hostname", client.name))
    if letter.tls is not None:
        said += [("TLS-Cipher", letter.tls.cipher), ("TLS-Version", letter.tls.version)]
    # The null sender is told, as rspamd cannot tell it from one that is not.
    return [(name.encode(), _value(value)) for name, value in said if value or name == "From"]


def _value(text: str) -> bytes:
    return printable(text).strip().encode()


def _with_subject(fields: Fields, subject: str) -> Fields:
    octets = f"Subject: {_encoded(subject)}\r\n".encode()
    old = fields.first("subject")
    return fields.below(octets) if old is None else fields.replaced(old, octets)


def _encoded(text: str) -> str:
    """Words for a field (RFC 2047 §2), where it is not plain text."""
    if text.isascii() and text.isprintable():
        return "\r\n ".join(_wrapped(text))
    words, piece = [], b""
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(piece) + len(octets) > _ENCODED:
            words.append(piece)
            piece = b""
        piece += octets
    words.append(piece)
    return "\r\n ".join(f"=?UTF-8?B?{base64.b64encode(each).decode()}?=" for each in words)


def _wrapped(text: str) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + len(word) > 900:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
