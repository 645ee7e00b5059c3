"""`[listeners.NAME]`: the doors of the server, and the presets that make most of them one word.

A preset is a complete, safe door as RFC 5321 (MX), RFC 6409 (submission), RFC 8314 (submission
over TLS) and RFC 2033 (LMTP) want it; a listener's own keys change single properties of it. This
module knows what a listener is, not how to open one; where it listens is in `binds`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, Self

from postroad.model.units import Duration
from postroad.policy.settings import PolicySettings
from postroad.server.binds import Bind
from postroad.server.from_header import FromHeaderMode

__all__ = [
    "DISCARDABLE",
    "PRESETS",
    "EtrnSettings",
    "ListenerSettings",
    "Preset",
    "PresetName",
    "ResolvedListener",
    "TlsMode",
    "VrfyMode",
    "preset_named",
]

PresetName = Literal["mx", "submission", "submissions", "lmtp"]
TlsMode = Literal["starttls", "implicit", "none"]
VrfyMode = Literal["never", "login", "always"]

DISCARDABLE = (
    "DSN",
    "CHUNKING",
    "BINARYMIME",
    "REQUIRETLS",
    "FUTURERELEASE",
    "DELIVERBY",
    "MT-PRIORITY",
    "LIMITS",
)
"""EHLO keywords that a listener can do without; the others are needed or have keys of their own."""


@dataclass(frozen=True, slots=True)
class Preset:
    """What a listener is unless it says otherwise.

    Attributes:
        port: where it listens.
        tls: `starttls` (RFC 3207), `implicit` (from the first octet, RFC 8314 §3.3) or `none`.
        require_tls: whether nothing but greeting and STARTTLS is taken before TLS (530).
        auth: whether logins are offered, which they are only under TLS.
        host: on which address; empty for all.
        lmtp: whether it speaks LMTP, and then for recipients here only.
    """

    port: int
    tls: TlsMode
    require_tls: bool
    auth: bool
    host: str = ""
    lmtp: bool = False


PRESETS: dict[PresetName, Preset] = {
    "mx": Preset(port=25, tls="starttls", require_tls=False, auth=False),
    "submission": Preset(port=587, tls="starttls", require_tls=True, auth=True),
    "submissions": Preset(port=465, tls="implicit", require_tls=True, auth=True),
    # RFC 2033 §5: never port 25. What speaks LMTP is a neighbour: this machine unless told.
    "lmtp": Preset(port=24, tls="none", require_tls=False, auth=False, host="127.0.0.1", lmtp=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """`[listeners.NAME]`: one door. A listener named as a preset is that preset.

    Attributes:
        preset: what it is unless the other keys say otherwise: `mx` (mail from the world),
            `submission` (mail from users, STARTTLS), `submissions` (mail from users, TLS from
            the first octet) or `lmtp` (mail for users here from trusted neighbours). Absent: the
            listener's own name.
        bind: addresses such as `:25` (all), `127.0.0.1:2525`, `[::1]:2525`, `unix:/path`.
            Absent: the preset's port, on all addresses but for `lmtp`.
        unix_mode: permissions of the sockets of `unix:` addresses, as chmod takes them.
        unix_owner: `user` or `user:group` they belong to. Empty: the server's user.
        tls: `starttls`, `implicit` or `none`. Absent: the preset's.
        auth: whether users may log in. Absent: the preset's.
        client_certificates: whether clients are asked for a certificate, which they need not
            have; one that `[tls] client_ca_file` does not vouch for is refused.
        plain_auth: lets them log in without TLS, on a listener that has none and is on this
            machine only.
        from_header: what becomes of mail from who has logged in, if its From header names an
            address that is not the user's: it passes (`ignore`), the log tells (`warn`), or it is
            refused (`reject`).
        vrfy: who gets an answer to VRFY: nobody (`never`), who has logged in (`login`), anybody
            (`always`).
        future_release: the longest time for which users and trusted clients may have mail held
            back (RFC 4865), seconds; 0: not at all.
        discard_ehlo_keywords: extensions not to offer, as Postfix's of this name.
        proxy: networks of proxies that open each connection with a PROXY header; from others
            none is taken.
        trusted_networks: who may send to any domain without a login here, in place of `[relay]
            trusted_networks`; empty: nobody. Absent: as there.
        xclient: networks of clients that may speak for others by XCLIENT.
        xforward: networks of clients that may say by XFORWARD whom they got mail from.
        transport: `TRANSPORT` or `TRANSPORT:NEXT-HOP` that mail for other domains leaves by when
            it came in here; empty: as for all.
        content_filter: `TRANSPORT:NEXT-HOP` that all mail which comes in here goes through, as
            Postfix's content_filter; a rule's FILTER goes before it. Empty: none.
        filters: the filters of mail that comes in here, in this order; empty: none. Absent: all of
            `[filters]`, in their order there.
        taken_before: mail that comes in here was taken before, by a content filter or another
            server of ours: its sender is not verified again, and nothing is signed. So it is with
            `lmtp` anyway.
        milter_macro_daemon_name: what milters are told that this door is called
            (`{daemon_name}`). Absent: `ORIGINATING` with the presets `submission` and
            `submissions`, as guides have it for mail from users, else the hostname.
        policy: restriction lists; a list that is absent is the preset's.
    """

    preset: PresetName | None = None
    bind: tuple[str, ...] | None = None
    unix_mode: str = "0660"
    unix_owner: str = ""
    tls: TlsMode | None = None
    auth: bool | None = None
    client_certificates: bool = False
    plain_auth: bool = False
    from_header: FromHeaderMode = "ignore"
    vrfy: VrfyMode = "never"
    future_release: Duration = 30 * 86_400.0
    discard_ehlo_keywords: tuple[str, ...] = ()
    proxy: tuple[IPv4Network | IPv6Network, ...] = ()
    trusted_networks: tuple[IPv4Network | IPv6Network, ...] | None = None
    xclient: tuple[IPv4Network | IPv6Network, ...] = ()
    xforward: tuple[IPv4Network | IPv6Network, ...] = ()
    transport: str = ""
    content_filter: str = ""
    filters: tuple[str, ...] | None = None
    taken_before: bool = False
    milter_macro_daemon_name: str | None = None
    policy: PolicySettings = field(default_factory=PolicySettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class EtrnSettings:
    """`[etrn.NAME]`: who may start the queue for the domain NAME (ETRN, RFC 1985).

    Attributes:
        networks: clients by address.
        users: those who have logged in, by the names of their accounts.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    users: tuple[str, ...] = ()


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
        settings: what the operator wrote; for the keys that no preset fills in.
    """

    name: str
    preset: PresetName
    binds: tuple[Bind, ...]
    tls: TlsMode
    require_tls: bool
    auth: bool
    policy: PolicySettings
    settings: ListenerSettings

    @property
    def lmtp(self) -> bool:
        """Whether it speaks LMTP."""
        return PRESETS[self.preset].lmtp

    @property
    def daemon_name(self) -> str:
        """What milters are told that it is called; empty: as the server is."""
        chosen = self.settings.milter_macro_daemon_name
        if chosen is not None:
            return chosen
        return "ORIGINATING" if self.preset in ("submission", "submissions") else ""

    @property
    def is_behind(self) -> bool:
        """Whether what comes in here was taken before, by another server or a content filter."""
        return self.lmtp or self.settings.taken_before

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return all(bind.is_local for bind in self.binds)

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
        return cls(
            name=name,
            preset=preset_name,
            binds=binds_of(settings, preset),
            tls=settings.tls or preset.tls,
            require_tls=preset.require_tls,
            auth=preset.auth if settings.auth is None else settings.auth,
            policy=settings.policy,
            settings=settings,
        )


def binds_of(settings: ListenerSettings, preset: Preset) -> tuple[Bind, ...]:
    """Where a listener listens.

    Raises:
        ValueError: an address or a mode cannot be read; the message says what was expected.
    """
    if settings.bind is None:
        return (Bind(preset.host, preset.port),)
    mode = mode_of(settings.unix_mode)
    binds = (Bind.parse(text) for text in settings.bind)
    return tuple(
        replace(bind, mode=mode, owner=settings.unix_owner) if bind.path else bind for bind in binds
    )


def mode_of(text: str) -> int:
    """Read `0660`.

    Raises:
        ValueError: it is no mode.
    """
    digits = text.removeprefix("0")
    if len(digits) != 3 or not set(digits) <= set("01234567"):
        raise ValueError(f'expected permissions as chmod takes them, such as "0660", not "{text}"')
    return int(digits, 8)


def preset_named(name: str) -> PresetName | None:
    """The preset of this name, if it is one's."""
    return next((preset for preset in PRESETS if preset == name), None)
