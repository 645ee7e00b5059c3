"""MTA-STS (RFC 8461): which policy of a domain is in force.

Theory of operation. The TXT record `_mta-sts.DOMAIN` says that there is a policy, and by its id
that it changed; the policy itself comes by HTTPS and is kept for as long as it says. What is kept
holds whatever becomes of the record and of the web server: who can suppress them must not be able
to suppress the policy. A new id, or age, makes us fetch again; if that fails the old one stays.
Mail waits for the first policy of a domain only, within the time that a fetch has; a policy that
is merely old is fetched behind its back, and all that are in use once a day. What failed is not
tried again for a while, and mail goes on without a policy then (§3.3). Where what is kept cannot
be read, there may be a policy in it, and mail waits.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from postroad.delivery.sts_file import Fetched, StsFile, StsUnavailable
from postroad.delivery.sts_policy import StsPolicy, announced
from postroad.delivery.tls_policy import TlsResult
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns_records import DnsTemporary, Texts

__all__ = [
    "FetchFailed",
    "Fetching",
    "MtaSts",
    "NoSts",
    "StsFinding",
    "StsFound",
]

RETRY = 300.0
"""Seconds after a failed fetch before another one (RFC 8461 §3.3 advises five minutes)."""

LOOK_EVERY = 600.0
"""Seconds between two looks for policies that are to be fetched again in the background."""

AT_ONCE = 20
"""Policies fetched again at the same time. Were all that a file has room for due, and no web server
answered, a look would last four hours."""

UNUSED = 60 * 86_400.0
"""Seconds without mail to a domain, after which its policy is left to its end."""

REMEMBERED = 1_000
"""Domains whose row is kept in memory; the others are asked for in the file."""

FRESH = 60.0
"""Seconds for which such a row is used before the file is asked whether another worker knows more.
"""

_SERVICE = "smtp"


class FetchFailed(Exception):
    """No policy was to be had.

    Attributes:
        result: as reports call it.
        words: why.
    """

    def __init__(self, result: TlsResult, words: str) -> None:
        super().__init__(words)
        self.result = result
        self.words = words


class Fetching(Protocol):
    """Who fetches policies."""

    async def fetch(self, domain: str) -> StsPolicy:
        """A domain's policy.

        Raises:
            FetchFailed: there is none to be had now.
        """
        ...


@dataclass(frozen=True, slots=True)
class StsFound:
    """What is in force.

    Attributes:
        policy: the policy; `None`: there is none.
        failure: as reports call it, why a policy that is announced could not be had; `None`: it
            could, or none is announced.
        reason: the same in words.
        source: where the policy comes from, for operators.
        known: whether it is known that this is so; false where there may be a policy that was kept
            and cannot be read now.
    """

    policy: StsPolicy | None = None
    failure: TlsResult | None = None
    reason: str = ""
    source: str = ""
    known: bool = True


class StsFinding(Protocol):
    """Who knows the MTA-STS policies of domains."""

    async def find(self, domain: str) -> StsFound:
        """What is in force for a domain in ASCII and lower case. Never fails."""
        ...


class NoSts:
    """Implements `StsFinding` where MTA-STS is switched off."""

    async def find(self, domain: str) -> StsFound:  # noqa: ARG002 - whichever it is
        """None."""
        return _NONE


_NONE = StsFound()
_UNKNOWN = StsFound(known=False)


class MtaSts:
    """Implements `StsFinding`. Belongs to a worker's event loop."""

    def __init__(
        self,
        texts: Texts,
        fetching: Fetching,
        file: StsFile,
        *,
        now: Callable[[], float],
        journal: Journal,
        refresh: float,
    ) -> None:
        """Take what it needs.

        Args:
            texts: asks for TXT records.
            fetching: fetches policies.
            file: keeps them.
            now: seconds since the epoch.
            journal: told of what is new and of what failed.
            refresh: seconds after which a policy that holds is fetched again; 0: when half of its
                time is over.
        """
        self._texts = texts
        self.fetching = fetching
        self._file = file
        self._now = now
        self._journal = journal
        self.refresh = refresh
        self._remembered: OrderedDict[str, tuple[float, Fetched | None]] = OrderedDict()
        self._fetches: dict[str, asyncio.Task[Fetched]] = {}

    async def find(self, domain: str) -> StsFound:
        """See `StsFinding.find`."""
        try:
            return await self._found(domain)
        except StsUnavailable:  # it was being fetched, and we give up
            return _UNKNOWN

    async def _found(self, domain: str) -> StsFound:
        kept, policy_id = await asyncio.gather(self._kept(domain), self._id(domain))
        if isinstance(kept, StsUnavailable):
            return _UNKNOWN
        known, now = kept, self._now()
        if known is not None and known.holds(now):
            if policy_id is not None and self._is_outdated(known, policy_id, now):
                if policy_id != known.id:  # §3.3: what is published now counts from now on
                    known = await self._fetched(domain, policy_id, known)
                else:
                    self._begin(domain, policy_id, known)
            return StsFound(_in_force(known), source=_source(known))
        if policy_id is None:
            return _NONE
        if known is None or now - known.tried >= RETRY or policy_id != known.id:
            known = await self._fetched(domain, policy_id, known)
        if known.holds(self._now()):
            return StsFound(_in_force(known), source=_source(known))
        result, _, reason = known.failure.partition(" ")
        failure = TlsResult(result) if result else TlsResult.STS_POLICY_FETCH_ERROR
        return StsFound(None, failure, reason)

    async def run(self) -> None:
        """Fetch again by and by what is in use; ends when cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look_after()

    async def look_after(self) -> None:
        """Fetch again what is due (RFC 8461 §10.2: daily, though nobody sends mail)."""
        if not self.refresh:
            return
        now = self._now()
        try:
            while due := await self._file.due(now - self.refresh, now - UNUSED, now, AT_ONCE):
                await asyncio.gather(*map(self._refresh, due))
        except StsUnavailable as error:
            self._warn(str(error))

    async def _refresh(self, known: Fetched) -> None:
        policy_id = await self._id(known.domain)
        if policy_id is not None:
            await self._fetched(known.domain, policy_id, known)

    async def close(self) -> None:
        """Give up what is under way."""
        under_way = list(self._fetches.values())
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    def _is_outdated(self, known: Fetched, policy_id: str, now: float) -> bool:
        """Whether a policy that holds should be fetched again."""
        assert known.policy is not None
        if now - known.tried < RETRY:
            return False
        age = min(self.refresh or math.inf, known.policy.max_age / 2)
        return policy_id != known.id or now - known.fetched >= age

    async def _kept(self, domain: str) -> Fetched | StsUnavailable | None:
        """What is kept of a domain.

        A file that cannot be read says nothing of what is in it: then what this worker knows
        itself counts, and where it knows of nothing, nobody knows.
        """
        until, known = self._remembered.get(domain, (0.0, None))
        now = self._now()
        if now < until:
            return known
        try:
            known = await self._file.get(domain, now)
        except StsUnavailable as error:
            self._warn(str(error))
            return known or error
        self._remember(domain, known)
        return known

    def _remember(self, domain: str, known: Fetched | None) -> None:
        self._remembered.pop(domain, None)
        self._remembered[domain] = (self._now() + FRESH, known)
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    async def _id(self, domain: str) -> str | None:
        """The id that is announced; `None`: none is, or nobody knows."""
        try:
            return announced(await self._texts.records(f"_mta-sts.{domain}", "TXT"))
        except DnsTemporary:
            return None

    async def _fetched(self, domain: str, policy_id: str, known: Fetched | None) -> Fetched:
        """Fetch; however many wait for it, once. Who stops waiting takes it from nobody.

        Raises:
            StsUnavailable: the fetch was given up.
        """
        fetch = self._begin(domain, policy_id, known)
        await asyncio.wait([fetch])
        if fetch.cancelled():
            raise StsUnavailable(f"the fetch of the MTA-STS policy of {domain} was given up")
        return fetch.result()

    def _begin(self, domain: str, policy_id: str, known: Fetched | None) -> asyncio.Task[Fetched]:
        task = self._fetches.get(domain)
        if task is None:
            fetch = self._fetch(domain, policy_id, known)
            task = asyncio.get_running_loop().create_task(fetch)
            self._fetches[domain] = task
            task.add_done_callback(lambda _: self._fetches.pop(domain, None))
        return task

    async def _fetch(self, domain: str, policy_id: str, known: Fetched | None) -> Fetched:
        text = ""
        try:
            policy = await self.fetching.fetch(domain)
        except FetchFailed as error:
            now = self._now()
            failure = f"{error.result.value} {error.words}"
            if known is None:
                found = Fetched(domain, policy_id, None, now, now, failure)
            else:
                found = replace(known, tried=now, failure=failure)
            self._warn(f"MTA-STS policy of {domain}: {error.words}")
        else:
            now, text = self._now(), "\n".join(policy.lines)
            found = Fetched(domain, policy_id, policy, now, now)
            if known is None or known.policy != policy:
                words = f"{policy.mode}, max_age={policy.max_age}, mx {' '.join(policy.patterns)}"
                self._journal(Notice(_SERVICE, f"MTA-STS policy of {domain}: {words}"))
        self._remember(domain, found)
        try:
            await self._file.put(found, text, now)
        except StsUnavailable as error:
            self._warn(str(error))
        return found

    def _warn(self, words: str) -> None:
        self._journal(Notice(_SERVICE, words, Level.WARNING))


def _in_force(known: Fetched) -> StsPolicy | None:
    """Mode none is no policy (RFC 8461 §8.3)."""
    policy = known.policy
    return None if policy is None or policy.mode == "none" else policy


def _source(known: Fetched) -> str:
    return f"fetched for id={known.id}" if known.policy is not None else ""
