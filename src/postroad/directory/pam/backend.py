"""The users of this system as accounts, and PAM for their passwords.

Neither the list of users (which may be at a server, behind NSS) nor PAM is asked in this process:
helpers do that (`helper`), `pool` of them at most, each asked by a thread. One that takes
longer than `timeout` is killed and its question answered with «not now», so nothing hangs for
longer, whatever a module does.
"""

from __future__ import annotations

import asyncio
import queue
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from postroad.directory.backend import Account
from postroad.directory.files.passwd_file import canonical_name
from postroad.directory.interface import Alias, DirectoryUnavailable, Place
from postroad.directory.names import domain_form, is_plain
from postroad.directory.pam.settings import PamSettings
from postroad.directory.side_process import SideProcess
from postroad.model import Address, AddressError

__all__ = ["PamBackend"]

_PROGRAM = "from postroad.directory.pam.helper import main; main()"
COMMAND = (sys.executable, "-P", "-c", _PROGRAM)
"""How a helper is started. It is not imported: what binds PAM is loaded there and nowhere else."""

MAX_WAITING = 256  # questions that wait for a helper; the next one is told to come back
MAX_NAME = 256  # characters of a user's name; useradd(8) takes 32


class PamBackend:
    """Implements `Backend` and `NamesLogins`. Open it after the last fork.

    Args:
        settings: its keys.
        domains: those it has besides `default_domain`, in any form.
        default_domain: where names without a domain live.
        helpers: processes at most.
        time_limit: seconds for one answer.
        command: starts a helper; tests give others.
    """

    def __init__(
        self,
        settings: PamSettings,
        *,
        domains: Sequence[str],
        default_domain: str,
        helpers: int,
        time_limit: float,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._settings = settings
        self._home = domain_form(default_domain)
        self._domains = frozenset(map(domain_form, domains)) | {self._home}
        self._helpers = [SideProcess(command, time_limit) for _ in range(max(1, helpers))]
        self._idle: queue.SimpleQueue[SideProcess] = queue.SimpleQueue()
        for helper in self._helpers:
            self._idle.put(helper)
        self._threads = ThreadPoolExecutor(len(self._helpers), thread_name_prefix="pam")
        self._waiting = 0

    async def has_domain(self, domain: str) -> bool:
        """See `Backend.has_domain`."""
        return domain in self._domains

    async def account(self, name: str) -> Account | None:
        """See `Backend.account`."""
        user = self._user(name)
        found = [] if user is None else await self._ask("user", user)
        if found == [] or user is None:
            return None
        # Only an empty list says that there is none.
        if not isinstance(found, list) or len(found) != 4:
            raise DirectoryUnavailable(f"the system cannot say now whether it has a user {user}")
        uid, gid, home, known = found
        if not isinstance(uid, int) or not isinstance(gid, int) or not isinstance(home, str):
            raise DirectoryUnavailable(f"the system has a user {user} whom nothing is known of")
        if known != user and not is_plain(user):
            return None  # found by another spelling of its name
        if uid < max(1, self._settings.minimum_uid):  # never root
            return None
        place = Place(home=home, uid=uid, gid=gid) if self._settings.use_homes else Place()
        return Account(name, place=place)

    async def alias(self, source: str) -> Alias | None:  # noqa: ARG002 - users have none
        """See `Backend.alias`."""
        return None

    async def check(
        self,
        name: str,
        password: str,
        address: str = "",  # noqa: ARG002
    ) -> bool | None:
        """See `Backend.check`."""
        user = self._user(name)
        if user is None:
            return None
        settings = self._settings
        folder = "" if settings.service_directory is None else str(settings.service_directory)
        answer = await self._ask("check", settings.service, folder, user, password)
        if not isinstance(answer, list) or len(answer) != 2 or answer[0] is None:
            why = answer[1] if isinstance(answer, list) and len(answer) == 2 else "no answer"
            raise DirectoryUnavailable(f"PAM service {settings.service}: {why}")
        return answer[0] is True

    async def named(self, login: str) -> str | None:
        """See `NamesLogins.named`: the user's name alone is enough."""
        try:
            name = canonical_name(login, self._home)
        except AddressError:
            return None
        return name if self._user(name) is not None else None

    def key(self, login: str) -> str:
        """See `Backend.key`: a user's name alone means the one in the default domain."""
        try:
            return canonical_name(login, self._home)
        except AddressError:
            return login

    async def close(self) -> None:
        """See `Backend.close`."""
        for helper in self._helpers:
            helper.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for helper in self._helpers:
            helper.reap()

    def _user(self, name: str) -> str | None:
        """The user of the system that an account's name means."""
        try:
            address = Address.parse(name)
        except AddressError:
            return None
        if address.domain != self._home or len(address.local) > MAX_NAME:
            return None
        # A name that NSS might take for a number or a path is nobody's.
        return address.local if address.local[:1].isalpha() or address.local[:1] == "_" else None

    async def _ask(self, *words: str) -> object:
        if self._waiting >= MAX_WAITING:
            raise DirectoryUnavailable("too many questions wait for PAM")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, self._exchange, words
            )
        finally:
            self._waiting -= 1

    def _exchange(self, words: Sequence[str]) -> object:
        """In a thread, of which there are as many as helpers."""
        helper = self._idle.get()
        try:
            answer = helper.exchange(words)
        finally:
            self._idle.put(helper)
        if answer is None:
            raise DirectoryUnavailable(
                f"PAM service {self._settings.service} did not answer in time, or its helper ended"
            )
        return answer.value
