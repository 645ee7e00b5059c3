"""The keys that are made here: a folder with a file for each, and a list of what they are for.

`keys.json` says which keys there are and how far each is: *pending* until its record was seen right
in the DNS, *active* while it signs, *retired* when another one has taken its place. The private
halves are beside it, `DOMAIN/SELECTOR.pem`, for their owner only. All workers and the command line
read the same list; whoever needs a key looks at the list's identity and reads it anew when that
has changed, so that a change holds for the next message.

The list is made whole under another name, synced and renamed; a lock lets one process at a time
change it. A key is on the disk before the list names it, and until the list no longer does; so a
file is the key that was looked for if the list still names that one when it has been read. It must
not know who signs, nor the DNS.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from postroad.limits.whole_file import locked, write_whole
from postroad.mailauth.dkim.signing_key import KeyMistake, SigningKey

__all__ = ["KeptKey", "KeyGone", "KeyState", "KeyStore", "KeysUnavailable"]

LONGEST = 16_777_216  # octets of the list: some fifty thousand keys
LONGEST_KEY = 65_536  # octets of a key's file; one of 8192 bits has 6,400


class KeysUnavailable(Exception):
    """The list, or a key, cannot be read or written; the text is for an operator."""


class KeyGone(KeysUnavailable):
    """The key was deleted after the list was read: what the list says now is another thing."""


class KeyState(Enum):
    """How far a key is."""

    PENDING = "pending"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptKey:
    """What the list says of a key.

    Attributes:
        domain: the domain it signs for, in A-labels and lower case.
        selector: its name in the DNS.
        kind: `rsa` or `ed25519`.
        bits: its size.
        state: how far it is.
        made: when, seconds since the epoch.
        changed: when its state changed last.
        checked: when its record was looked for last; 0: never.
        words: what was found then; empty where all was right.
    """

    domain: str
    selector: str
    kind: str
    bits: int
    state: KeyState
    made: float
    changed: float
    checked: float = 0.0
    words: str = ""

    @property
    def name(self) -> str:
        """Where its record is to be, without the root's dot."""
        return f"{self.selector}._domainkey.{self.domain}"


_Identity = tuple[int, int, int, int] | None


class KeyStore:
    """The keys of a folder."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """Nothing is opened yet.

        Args:
            folder: where keys are kept; made with the first one.
            clock: seconds since the epoch.
        """
        self._folder = folder
        self._clock = clock
        # One value: a thread that changes the list may read it at the same time.
        self._seen = _NOTHING
        self._loaded: dict[tuple[str, str, float], SigningKey] = {}

    def all(self) -> tuple[KeptKey, ...]:
        """What the list says now, in its order.

        Raises:
            KeysUnavailable: it cannot be read.
        """
        self._refresh()
        return self._seen.keys

    def by_domain(self) -> Mapping[str, Sequence[KeptKey]]:
        """The same by their domains.

        Raises:
            KeysUnavailable: it cannot be read.
        """
        self._refresh()
        return self._seen.by_domain

    def key(self, kept: KeptKey) -> SigningKey:
        """A key with its private half.

        Raises:
            KeyGone: it was deleted meanwhile.
            KeysUnavailable: it cannot be read.
        """
        identity = _made(kept)
        found = self._loaded.get(identity)
        if found is None:
            found = self._read(kept)
            self._loaded[identity] = found
        return found

    def add(self, keys: Sequence[SigningKey], state: KeyState) -> tuple[KeptKey, ...]:
        """Keep new keys.

        Raises:
            KeysUnavailable: they cannot be written, or one of that name is there already.
        """
        with self._changing() as kept:
            taken = {(each.domain, each.selector) for each in kept}
            for key in keys:
                if (key.domain, key.selector) in taken:
                    words = f"the selector {key.selector} of {key.domain} is in use already"
                    raise KeysUnavailable(words)
            now = self._clock()
            fresh = tuple([_fresh(key, state, now) for key in keys])
            for key in keys:
                path = self._path(key.domain, key.selector)
                path.parent.mkdir(mode=0o700, exist_ok=True)
                write_whole(path, (key.pem,))
            kept.extend(fresh)
        return fresh

    def change(self, old: KeptKey, state: KeyState) -> KeptKey:
        """Move a key on; one that is gone meanwhile stays gone.

        Raises:
            KeysUnavailable: the list cannot be written.
        """
        now = self._clock()
        return self._update(old, lambda found: replace(found, state=state, changed=now))

    def begin(self, old: KeptKey) -> tuple[KeptKey, tuple[KeptKey, ...]]:
        """Let a pending key sign, in place of the others of its domain and kind.

        All of it is one change: a key that is gone meanwhile, or no longer pending, takes nobody's
        place.

        Returns:
            The key as it is then, and those whose place it took.

        Raises:
            KeysUnavailable: the list cannot be written.
        """
        now = self._clock()
        with self._changing() as kept:
            found = next((each for each in kept if _made(each) == _made(old)), None)
            if found is None or found.state is not KeyState.PENDING:
                return found or old, ()
            begun = replace(found, state=KeyState.ACTIVE, changed=now)
            former = [each for each in kept if _signs_for(each, found)]
            retired = [replace(each, state=KeyState.RETIRED, changed=now) for each in former]
            changed = {each.name: each for each in (begun, *retired)}
            kept[:] = [changed.get(each.name, each) for each in kept]
        return begun, tuple(retired)

    def checked(self, old: KeptKey, words: str) -> KeptKey:
        """Note what was found in the DNS.

        Raises:
            KeysUnavailable: the list cannot be written.
        """
        return next(iter(self.noted({old: words})), old)

    def noted(self, found: Mapping[KeptKey, str]) -> tuple[KeptKey, ...]:
        """The same of several keys in one change.

        Returns:
            Those that are still there, as they are then.

        Raises:
            KeysUnavailable: the list cannot be written.
        """
        now = self._clock()
        words = {_made(old): said for old, said in found.items()}
        with self._changing() as kept:
            for at, each in enumerate(kept):
                if _made(each) in words:
                    kept[at] = replace(each, checked=now, words=words[_made(each)])
            return tuple([each for each in kept if _made(each) in words])

    def remove(self, key: KeptKey) -> None:
        """Forget a key, and destroy its private half; one that is gone meanwhile stays gone.

        Raises:
            KeysUnavailable: the list cannot be written, or the private half not be destroyed.
        """
        with self._alone():
            left = [each for each in self._seen.keys if _made(each) != _made(key)]
            if len(left) < len(self._seen.keys):
                self._write(left)
                with suppress(FileNotFoundError):
                    self._path(key.domain, key.selector).unlink()

    def _update(self, old: KeptKey, updated: Callable[[KeptKey], KeptKey]) -> KeptKey:
        """Change that key as it is in the list now."""
        with self._changing() as kept:
            kept[:] = [updated(each) if _made(each) == _made(old) else each for each in kept]
            return next((each for each in kept if _made(each) == _made(old)), old)

    def _read(self, kept: KeptKey) -> SigningKey:
        path = self._path(kept.domain, kept.selector)
        try:
            # Our own file: to prove its primes anew would hold up the event loop.
            found = read_key(path, kept.domain, kept.selector, is_proven=True)
        except KeysUnavailable:
            self._require(kept)
            raise
        self._require(kept)
        return found

    def _require(self, kept: KeptKey) -> None:
        self._refresh()
        listed = self._seen.by_domain.get(kept.domain, ())
        if not any(_made(each) == _made(kept) for each in listed):
            raise KeyGone(f"the key {kept.name} was deleted")

    def _path(self, domain: str, selector: str) -> Path:
        return self._folder / domain / f"{selector}.pem"

    @property
    def _list(self) -> Path:
        return self._folder / "keys.json"

    @contextmanager
    def _changing(self) -> Iterator[list[KeptKey]]:
        """The list, to be changed; it is written unless something fails."""
        with self._alone():
            kept = list(self._seen.keys)
            yield kept
            self._write(kept)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The list as it is, and nobody else changes it."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with locked(self._folder / "lock"):
                self._refresh()
                yield
        except OSError as error:
            words = f"{error.filename or self._list}: {error.strerror or error}"
            raise KeysUnavailable(words) from error

    def _write(self, kept: Sequence[KeptKey]) -> None:
        if tuple(kept) != self._seen.keys:
            write_whole(self._list, (_written(kept),))
        self._refresh()

    def _refresh(self) -> None:
        try:
            found = self._list.stat()
            identity = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
            if identity == self._seen.identity:
                return
            with self._list.open("rb") as file:
                octets = file.read(LONGEST)
        except FileNotFoundError:
            self._seen = _NOTHING
            self._loaded = {}
            return
        except OSError as error:
            raise KeysUnavailable(f"{self._list}: {error.strerror or error}") from error
        try:
            keys = _read(octets)
        except (ValueError, TypeError, KeyError):
            raise KeysUnavailable(f"{self._list}: it is no list of keys") from None
        self._seen = _Seen(identity, keys, _by_domain(keys))
        there = {_made(each) for each in keys}
        # Another dictionary: a thread may be reading this one.
        self._loaded = {made: key for made, key in self._loaded.copy().items() if made in there}


class _Seen(NamedTuple):
    identity: _Identity
    keys: tuple[KeptKey, ...]
    by_domain: Mapping[str, Sequence[KeptKey]]


_NOTHING = _Seen(None, (), {})


def _made(kept: KeptKey) -> tuple[str, str, float]:
    """What tells a key from another one that had its name before."""
    return kept.domain, kept.selector, kept.made


def _signs_for(kept: KeptKey, other: KeptKey) -> bool:
    """Whether a key is the one that signs where another one is to."""
    alike = (kept.domain, kept.kind) == (other.domain, other.kind)
    return alike and kept.state is KeyState.ACTIVE and kept.name != other.name


def _by_domain(keys: Sequence[KeptKey]) -> Mapping[str, Sequence[KeptKey]]:
    found: dict[str, list[KeptKey]] = {}
    for each in keys:
        found.setdefault(each.domain, []).append(each)
    return found


def read_key(path: Path, domain: str, selector: str, *, is_proven: bool = False) -> SigningKey:
    """A key from a file.

    Args:
        path: of the file.
        domain: whom it signs for.
        selector: its name in the DNS.
        is_proven: see `SigningKey.of`.

    Raises:
        KeysUnavailable: it cannot be read, or is no key that could sign.
    """
    try:
        with path.open("rb") as file:
            pem = file.read(LONGEST_KEY)
        return SigningKey.of(domain, selector, pem, is_proven=is_proven)
    except OSError as error:
        raise KeysUnavailable(f"{path}: {error.strerror or error}") from error
    except KeyMistake as mistake:
        raise KeysUnavailable(f"{path}: {mistake}") from None


def _fresh(key: SigningKey, state: KeyState, now: float) -> KeptKey:
    return KeptKey(
        domain=key.domain,
        selector=key.selector,
        kind=key.kind,
        bits=key.bits,
        state=state,
        made=now,
        changed=now,
    )


def _written(kept: Sequence[KeptKey]) -> bytes:
    rows = [{**asdict(each), "state": each.state.value} for each in kept]
    return json.dumps({"version": 1, "keys": rows}, indent=1).encode("ascii")


def _read(octets: bytes) -> tuple[KeptKey, ...]:
    document = json.loads(octets)
    if document["version"] != 1:
        raise ValueError
    return tuple([KeptKey(**{**row, "state": KeyState(row["state"])}) for row in document["keys"]])
