"""What logins go by: the configuration's rules, and the directory's many sides."""

from __future__ import annotations

from postroad.app.running import Running
from postroad.directory.chain import Chain
from postroad.server.authorization import ActAs
from postroad.server.logins import Guarding, Logins, Tokens

__all__ = ["logins_of"]


def logins_of(
    running: Running,
    directory: Chain,
    *,
    tokens: Tokens | None,
    fake_key: bytes,
    guard: Guarding,
) -> Logins:
    """The logins of all listeners.

    Args:
        running: what to serve.
        directory: knows passwords, secrets and certificates.
        tokens: checks bearer tokens, if there is an issuer.
        fake_key: for the secrets of unknown names; the same on every worker.
        guard: against guessing.
    """
    configuration = running.configuration
    login = configuration.login
    return Logins(
        mechanisms=login.mechanisms,
        act_as=ActAs.of(login.act_as),
        broken_clients=login.broken_clients,
        secrets=directory,
        tokens=tokens,
        passing=directory.passing,
        certificates=directory if configuration.directory.certificates else None,
        guard=guard,
        names=directory,
        fake_key=fake_key,
    )
