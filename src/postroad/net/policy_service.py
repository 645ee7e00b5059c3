"""Where a policy service is, and how it is asked, as the operator writes it.

    inet:127.0.0.1:10023
    unix:/run/policyd/socket
    { inet:127.0.0.1:10023, timeout=10s, default_action=DUNNO }

The words and their defaults are Postfix's (SMTPD_POLICY_README, "Advanced policy client
configuration"). Nothing is asked here: see `delegation`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches

from postroad.model.address import is_domain
from postroad.model.ip_address import is_ip_address
from postroad.model.units import parse_duration

__all__ = ["DEFAULT_ACTION", "PolicyService"]

DEFAULT_ACTION = "451 4.3.5 Server configuration problem"
"""What counts as a service's answer when it gives none (smtpd_policy_service_default_action)."""

MAX_TRIES = 10
"""Of one question. In Postfix 0 is without end; a client does not wait for that."""

MAX_PATH = 107
"""Octets of a socket's path: what Linux has room for, unix(7)."""

_WORD = re.compile(r"\s*(?:\{([^{}]*)\}|([^\s,{}]+))\s*(?:,|\s|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyService:
    """A service and how it is asked.

    Attributes:
        host: its IP address or name; empty where it is at a path.
        port: its TCP port.
        path: of its Unix-domain socket, absolute; empty where it is at a host.
        timeout: seconds for one question, all tries together.
        default_action: what counts as its answer when it gives none, as in an access table.
        max_idle: seconds after which a connection that nobody uses is closed.
        max_ttl: seconds after which a connection is not used any more.
        request_limit: questions for each connection; 0: no limit.
        try_limit: how often a question is put before it is given up.
        retry_delay: seconds between two tries.
        policy_context: sent with each question, for a service that several lists ask.
    """

    host: str = ""
    port: int = 0
    path: str = ""
    timeout: float = 100.0
    default_action: str = DEFAULT_ACTION
    max_idle: float = 300.0
    max_ttl: float = 1000.0
    request_limit: int = 0
    try_limit: int = 2
    retry_delay: float = 1.0
    policy_context: str = ""

    def __str__(self) -> str:
        """Where it is, as the log shows it."""
        if self.path:
            return f"unix:{self.path}"
        return f"inet:[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> PolicyService | str:
        """Read `inet:HOST:PORT`, `HOST:PORT`, `unix:/PATH`, `/PATH`, or one of these with settings.

        Args:
            text: as it stands behind `check_policy_service`.

        Returns:
            The service; or what is wrong, for the operator to read.
        """
        stripped = text.strip()
        if not stripped.startswith("{"):
            return cls._at(stripped)
        words = _words(stripped)
        if words is None:
            return f'"{text}": expected {{ inet:HOST:PORT, name=value, {{ name = value }} }}'
        if not words:
            return "there is no service between the braces"
        service: PolicyService | str = cls._at(words[0])
        for word in words[1:]:
            if isinstance(service, str):
                break
            service = _with(service, word)
        return service

    @classmethod
    def _at(cls, place: str) -> PolicyService | str:
        """Read where it is."""
        kind, _, rest = place.partition(":")
        if place.startswith("/"):
            kind, rest = "unix", place
        elif kind not in {"inet", "unix"}:
            kind, rest = "inet", place
        if kind == "unix":
            return cls._at_path(rest)
        host, _, port = rest.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (_is_host(host) and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            return f'"{place}" is no policy service: expected inet:HOST:PORT or unix:/PATH'
        return cls(host=host, port=int(port))

    @classmethod
    def _at_path(cls, path: str) -> PolicyService | str:
        if not path.startswith("/"):
            return (
                f'"unix:{path}" has no absolute path; in Postfix such a path is one below '
                f"its queue directory: unix:/var/spool/postfix/{path}"
            )
        if len(path.encode()) > MAX_PATH:
            return f"the path of a socket has {MAX_PATH} octets at most: {path}"
        return cls(path=path)


def _is_host(text: str) -> bool:
    return is_ip_address(text) or is_domain(text)


def _words(text: str) -> list[str] | None:
    """What stands between the outer braces: words, or several words in braces of their own."""
    if not text.endswith("}"):
        return None
    inner, at, words = text[1:-1].rstrip(), 0, []
    while at < len(inner):
        found = _WORD.match(inner, at)
        if found is None:
            return None
        words.append((found[2] if found[1] is None else found[1]).strip())
        at = found.end()
    return words


def _number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
        raise ValueError(f"expected a number from {least} to {most}")
    return int(text)


def _seconds(text: str, least: float) -> float:
    seconds = parse_duration(text)
    if seconds < least:
        raise ValueError(f"expected {least:g} seconds or more")
    return seconds


def _some_text(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError("expected some text")
    return text


_SETTINGS: dict[str, Callable[[PolicyService, str], PolicyService]] = {
    "timeout": lambda of, text: replace(of, timeout=_seconds(text, 1)),
    "default_action": lambda of, text: replace(of, default_action=_some_text(text)),
    "max_idle": lambda of, text: replace(of, max_idle=_seconds(text, 1)),
    "max_ttl": lambda of, text: replace(of, max_ttl=_seconds(text, 1)),
    "request_limit": lambda of, text: replace(of, request_limit=_number(text, 0, 1_000_000)),
    "try_limit": lambda of, text: replace(of, try_limit=_number(text, 1, MAX_TRIES)),
    "retry_delay": lambda of, text: replace(of, retry_delay=_seconds(text, 0)),
    "policy_context": lambda of, text: replace(of, policy_context=_some_text(text)),
}
"""The settings in braces, and how each is read. Postfix's, without `smtpd_policy_service_`."""


def _with(service: PolicyService, word: str) -> PolicyService | str:
    """The service with one more setting; or what is wrong with that."""
    name, equals, value = (part.strip() for part in word.partition("="))
    if name not in _SETTINGS or not equals:
        near = [each for each in get_close_matches(name, _SETTINGS, 1) if each != name]
        hint = f'; did you mean "{near[0]}"?' if near else ""
        return (
            f'"{word}" is no setting of a policy service: expected name=value, or '
            f"{{ name = value }} where there are spaces{hint}"
        )
    try:
        return _SETTINGS[name](service, value)
    except ValueError as error:
        return f"{name}={value}: {error}"
