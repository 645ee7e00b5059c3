"""`[listeners.NAME]`: the doors of the server, and the presets that make most of them one word.

A preset is a complete, safe door as RFC 5321 (MX), RFC 6409 (submission) and RFC 8314 (submission
over TLS) want it; a listener's own keys change single properties of it. This module knows what a
listener is, not how to open one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal, Self

from postroad.policy.settings import PolicySettings

__all__ = [
    "PRESETS",
    "Bind",
    "ListenerSettings",
    "Preset",
    "PresetName",
    "ResolvedListener",
    "TlsMode",
]

PresetName = Literal["mx", "submission", "submissions"]
TlsMode = Literal["starttls", "implicit", "none"]

_BIND = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<v4>[^:\[\]]*)):(?P<port>[0-9]{1,5})\Z")


@dataclass(frozen=True, slots=True)
class Bind:
    """An address to listen on.

    Attributes:
        host: an IP address; empty for all addresses, IPv6 and IPv4.
        port: 1 to 65535; 0, which no configuration can say, lets the system choose.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `:25`, `127.0.0.1:2525` or `[::1]:2525`.

        Raises:
            ValueError: it is none of these; the message says what was expected.
        """
        found = _BIND.match(text)
        if found is None:
            raise ValueError(
                'expected an address such as ":25", "192.0.2.1:25" or "[2001:db8::1]:25", '
                f'not "{text}"'
            )
        port = int(found["port"])
        if not 1 <= port <= 65_535:
            raise ValueError(f"expected a port from 1 to 65535, not {found['port']}")
        return cls(_host(found["v4"], found["v6"]), port)

    def overlaps(self, other: Bind) -> bool:
        """Whether both cannot be bound, being the same or one holding all addresses."""
        if self.port != other.port:
            return False
        return self.host == other.host or self._holds(other) or other._holds(self)

    def _holds(self, other: Bind) -> bool:
        """Whether this is all addresses, or all of the other's family."""
        return self.host in {"", "::" if ":" in other.host else "0.0.0.0"}

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Preset:
    """What a listener is unless it says otherwise.

    Attributes:
        port: where it listens, on all addresses.
        tls: `starttls` (RFC 3207), `implicit` (from the first octet, RFC 8314 §3.3) or `none`.
        require_tls: whether nothing but greeting and STARTTLS is taken before TLS (530).
        auth: whether logins are offered, which they are only under TLS.
    """

    port: int
    tls: TlsMode
    require_tls: bool
    auth: bool


PRESETS: dict[PresetName, Preset] = {
    "mx": Preset(port=25, tls="starttls", require_tls=False, auth=False),
    "submission": Preset(port=587, tls="starttls", require_tls=True, auth=True),
    "submissions": Preset(port=465, tls="implicit", require_tls=True, auth=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """`[listeners.NAME]`: one door. A listener named as a preset is that preset.

    Attributes:
        preset: what it is unless the other keys say otherwise: `mx` (mail from the world),
            `submission` (mail from users, STARTTLS) or `submissions` (mail from users, TLS from
            the first octet). Absent: the listener's own name.
        bind: addresses such as `:25` (all), `127.0.0.1:2525`, `[::1]:2525`. Absent: the preset's
            port on all addresses.
        tls: `starttls`, `implicit` or `none`. Absent: the preset's.
        auth: whether users may log in. Absent: the preset's.
        policy: restriction lists; a list that is absent is the preset's.
    """

    preset: PresetName | None = None
    bind: tuple[str, ...] | None = None
    tls: TlsMode | None = None
    auth: bool | None = None
    policy: PolicySettings = field(default_factory=PolicySettings)


@dataclass(frozen=True, slots=True)
class ResolvedListener:
    """A listener with its preset filled in.

    Attributes:
        name: the NAME of `[listeners.NAME]`.
        preset: the preset it is built on; its restriction lists stand where `policy` has `None`.
        binds: where it listens; at least one.
        tls: how TLS begins.
        require_tls: whether mail is taken under TLS only.
        auth: whether logins are offered (under TLS).
        policy: the operator's restriction lists.
    """

    name: str
    preset: PresetName
    binds: tuple[Bind, ...]
    tls: TlsMode
    require_tls: bool
    auth: bool
    policy: PolicySettings

    @classmethod
    def of(cls, name: str, settings: ListenerSettings) -> Self:
        """Fill in what the settings leave to the preset.

        Raises:
            ValueError: no preset is named, or an address cannot be read.
        """
        preset_name = settings.preset or preset_named(name)
        if preset_name is None:
            raise ValueError(f"listener {name} is no preset's name and names no preset")
        preset = PRESETS[preset_name]
        binds: tuple[Bind, ...] = (Bind("", preset.port),)
        if settings.bind is not None:
            binds = tuple(Bind.parse(text) for text in settings.bind)
        return cls(
            name=name,
            preset=preset_name,
            binds=binds,
            tls=settings.tls or preset.tls,
            require_tls=preset.require_tls,
            auth=preset.auth if settings.auth is None else settings.auth,
            policy=settings.policy,
        )


def preset_named(name: str) -> PresetName | None:
    """The preset of this name, if it is one's."""
    return next((preset for preset in PRESETS if preset == name), None)


def _host(v4: str | None, v6: str | None) -> str:
    """The address in its shortest form; empty for all addresses."""
    if v6 is None and v4 in {"", "*"}:
        return ""
    text = v6 if v6 is not None else v4 or ""
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(
            f"expected an IP address before the port, not {text or 'nothing'}"
        ) from None
    if (address.version == 6) != (v6 is not None):
        raise ValueError(f"expected brackets around an IPv6 address and no other, not {text}")
    return str(address)
