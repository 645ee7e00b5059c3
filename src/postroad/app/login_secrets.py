"""The secrets of logins at other servers, read while the server may still read them.

At a start, as root if root, and at each reload; they are kept, so that a worker which must be
replaced later needs no file. Tables of logins are not among them: they are asked while mail flows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from postroad.config import Configuration
from postroad.delivery.credentials import Credentials, login_of, read_secret

__all__ = ["LoginSecrets", "TokenSecrets"]


@dataclass(frozen=True, slots=True)
class TokenSecrets:
    """What an issuer of tokens wants.

    Attributes:
        client: our password there; empty for none.
        refresh: the refresh token of the configuration; empty for none.
    """

    client: str = field(repr=False)
    refresh: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LoginSecrets:
    """All of them.

    Attributes:
        relay: the login at the smarthost; `None` without one. An empty password stands for a token.
        transports: the logins of named transports, by their names; likewise.
        tokens: what issuers want, by user name.
    """

    relay: Credentials | None = None
    transports: Mapping[str, Credentials] = field(default_factory=lambda: MappingProxyType({}))
    tokens: Mapping[str, TokenSecrets] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def read(cls, configuration: Configuration) -> LoginSecrets:
        """Read the files that a configuration names.

        Raises:
            CredentialsError: one cannot be used.
        """
        relay = configuration.relay
        found = {
            name: _login(configuration, each.username, each.password_file, f"transports.{name}")
            for name, each in configuration.transports.items()
        }
        user = configuration.user
        return cls(
            _login(configuration, relay.username, relay.password_file, "relay"),
            {name: each for name, each in found.items() if each is not None},
            {
                name: TokenSecrets(
                    _secret(each.client_secret_file, user), _secret(each.refresh_token_file, user)
                )
                for name, each in configuration.tokens.items()
            },
        )


def _login(
    configuration: Configuration, username: str, password_file: Path | None, section: str
) -> Credentials | None:
    if username and password_file is None and username in configuration.tokens:
        return Credentials(username, "")
    return login_of(username, password_file, section, configuration.user)


def _secret(file: Path | None, user: str) -> str:
    return "" if file is None else read_secret(file, user)
