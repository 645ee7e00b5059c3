"""Logins that one directory of a chain judges by mechanisms of its own.

Such a directory says whose it is before anybody was asked whose account the name is. So the chain
looks at the answer: the account has to be that directory's, where every name is first looked up in
the directories before it, and it has to be one that may log in. Nothing here knows a mechanism.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from postroad.directory.interface import Origin, PassedLogin, Passing
from postroad.sasl import Proved, Refuted, Step

__all__ = ["Judge", "JudgedLogin", "Passings"]

Judge = Callable[[str, str], Awaitable[str | None]]
"""From the account that a directory says it is, and the client's address, to the account that may
log in; `None`: the directory may not say so, or it may not."""

_FOREIGN = "authentication failure (an account that the directory may not let in)"


class Passings:
    """Implements `Passing` over several directories.

    Args:
        directories: each with what looks at its answers.
    """

    def __init__(self, directories: Mapping[Passing, Judge]) -> None:
        self._by_mechanism = {
            mechanism: (directory, judge)
            for directory, judge in directories.items()
            for mechanism in directory.passed_mechanisms
        }

    @property
    def passed_mechanisms(self) -> tuple[str, ...]:
        """See `Passing.passed_mechanisms`."""
        return tuple(self._by_mechanism)

    def pass_login(self, mechanism: str, origin: Origin) -> PassedLogin:
        """See `Passing.pass_login`."""
        directory, judge = self._by_mechanism[mechanism]
        return JudgedLogin(directory.pass_login(mechanism, origin), judge, origin.address)


class JudgedLogin:
    """Implements `PassedLogin` over another."""

    def __init__(self, login: PassedLogin, judge: Judge, address: str) -> None:
        self._login = login
        self._judge = judge
        self._address = address
        self._user = ""

    @property
    def user(self) -> str:
        """See `PassedLogin.user`."""
        return self._user

    async def step(self, data: bytes | None) -> Step:
        """See `PassedLogin.step`."""
        step = await self._login.step(data)
        said = self._login.user
        if not said or self._user:
            return step
        user = await self._judge(said, self._address)
        if user is None:
            return Refuted(said, _FOREIGN)
        self._user = user
        return Proved(user, "") if isinstance(step, Proved) else step

    def abandon(self) -> None:
        """See `PassedLogin.abandon`."""
        self._login.abandon()
