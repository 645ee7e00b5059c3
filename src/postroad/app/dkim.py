"""DKIM in a worker: who signs, by what is running, and the look-out for records of new keys.

Every worker reads the same list of keys, so that what `postroad dkim` changes holds everywhere with
the next message. Only whether there is any key at all is found out by looking now and then: as long
as there is none, nobody is asked about any message. The first worker looks in the DNS for the
records of keys that wait to be used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator

from postroad.app.running import Running
from postroad.config import Configuration
from postroad.mailauth.dkim.key_ring import KeyRing, keys_in_files
from postroad.mailauth.dkim.key_store import KeyStore, KeysUnavailable
from postroad.mailauth.dkim.publication import Publication
from postroad.mailauth.dkim.settings import DkimKeySettings
from postroad.mailauth.dkim.signing import Signer, Writers
from postroad.mailauth.dkim.signing_key import SigningKey
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns_records import Texts

__all__ = ["KeyWatch", "has_keys", "ring_of", "signer_of", "store_of"]

_SERVICE = "dkim"

PAUSE = 2.0
"""Seconds between two looks at whether there are keys at all: so long does the very first one wait
after its record was seen."""


def store_of(configuration: Configuration) -> KeyStore:
    """The keys that are made here."""
    return KeyStore(configuration.dkim_directory, time.time)


def has_keys(configuration: Configuration) -> bool:
    """Whether anything could be signed."""
    try:
        return bool(configuration.dkim.keys or store_of(configuration).all())
    except KeysUnavailable:
        return True  # the signer will say so, for each message


def signer_of(running: Running, journal: Journal, writers: Writers | None = None) -> Signer | None:
    """Who signs by what is running now; `None` where nobody does.

    Args:
        running: what is signed.
        journal: where events go.
        writers: see `Signer`.
    """
    configuration = running.configuration
    settings = configuration.dkim
    if not settings.sign or not has_keys(configuration):
        return None

    def warn(words: str) -> None:
        journal(Notice(_SERVICE, words, Level.WARNING))

    ring = ring_of(configuration, warn)
    return Signer(settings, ring, clock=time.time, warn=warn, writers=writers)


def ring_of(configuration: Configuration, warn: Callable[[str], None]) -> KeyRing:
    """Which keys there are, for whom.

    Args:
        configuration: names those in files, and where the others are.
        warn: takes a line for the log.
    """
    given = tuple(_given(configuration.dkim.keys, warn))
    return KeyRing(configuration.dkim, given, store_of(configuration), warn)


def _given(
    settings: Iterable[DkimKeySettings], warn: Callable[[str], None]
) -> Iterator[SigningKey]:
    """The keys in files of the operator's; one that broke since the file was checked is said."""
    for each in settings:
        try:
            yield from keys_in_files([each])
        except KeysUnavailable as error:
            warn(f"the key {each.selector} of {each.domain} is not used: {error}")


class KeyWatch:
    """Looks for the first key, and for the records of new ones."""

    def __init__(
        self,
        running: Running,
        texts: Texts,
        journal: Journal,
        *,
        changed: Callable[[], None],
        is_first: bool,
    ) -> None:
        """Nothing runs yet.

        Args:
            running: where keys are, and how often records are looked for.
            texts: asks for records.
            journal: where events go.
            changed: called when there are keys and were none, or the other way round.
            is_first: whether this worker looks for records.
        """
        self._running = running
        self._texts = texts
        self._journal = journal
        self._changed = changed
        self._is_first = is_first
        self._had_keys = has_keys(running.configuration)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        next_turn = 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                if self._is_first and loop.time() >= next_turn:
                    next_turn = loop.time() + self._running.configuration.dkim.check_every
                    await self.turn()
                self.look()
            except Exception as error:  # noqa: BLE001 - a fault in one round ends no other
                self._warn(f"the keys were not looked at: {type(error).__name__}: {error}")
            await asyncio.sleep(PAUSE)

    def look(self) -> None:
        """See whether there are keys at all."""
        has = has_keys(self._running.configuration)
        if has != self._had_keys:
            self._had_keys = has
            self._changed()

    async def turn(self) -> None:
        """Look for the records of new keys, and now and then for those of keys that sign."""
        store = store_of(self._running.configuration)
        try:
            for words in await Publication(store, self._texts, self._say).turn(time.time()):
                self._warn(words)
        except KeysUnavailable as error:
            self._warn(str(error))

    def _say(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words))

    def _warn(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words, Level.WARNING))
