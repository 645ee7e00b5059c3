"""The checks of what listeners offer, and of whom they believe."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroad import policy
from postroad.config.configuration import Configuration
from postroad.config.lines import KeyPath
from postroad.config.mistake import Fault, nearest, shown
from postroad.model.address import domain_key, is_domain
from postroad.policy import Networks
from postroad.server.binds import Bind
from postroad.server.settings import (
    DISCARDABLE,
    PRESETS,
    ListenerSettings,
    mode_of,
    preset_named,
)

__all__ = ["impersonation", "offer_faults"]

MOST_NAMED = 5
"""Networks that a message names."""

SPEAKERS = ("proxy", "xclient", "xforward")
"""The keys that name networks whose clients are believed when they tell of others."""


def impersonation(key: str, networks: str) -> str:
    """Why a listener must not believe these networks.

    Args:
        key: what they are named by.
        networks: those that hold too much of the Internet.
    """
    return (
        f"{_few(networks)} in {key} hold too much of the Internet: whoever is in them can say that"
        " it is a trusted client, and send to any domain"
    )


def _few(networks: str) -> str:
    """The first of some networks, and how many more there are."""
    names = networks.split(", ")
    if len(names) <= MOST_NAMED:
        return networks
    return f"{', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED} more"


def offer_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in what the listeners offer and in `[etrn]`."""
    for name, listener in configuration.listeners.items():
        yield from _lmtp(name, listener)
        yield from _unix(name, listener)
        yield from _plain_auth(name, listener)
        yield from _vrfy(name, listener)
        yield from _from_header(name, listener)
        yield from _extensions(name, listener)
        yield from _speakers(name, listener)
    yield from _etrn(configuration)


def _lmtp(name: str, listener: ListenerSettings) -> Iterator[Fault]:
    """RFC 2033 §5: a client must not meet LMTP where it looks for SMTP."""
    if (listener.preset or preset_named(name)) != "lmtp":
        return
    for at, bind in enumerate(_binds(listener)):
        if bind is not None and bind.port == 25:
            yield Fault(("listeners", name, "bind", at), "LMTP must not be on port 25 (RFC 2033)")


def _unix(name: str, listener: ListenerSettings) -> Iterator[Fault]:
    there = any(bind is not None and bind.path for bind in _binds(listener))
    given = {"unix_mode": listener.unix_mode != "0660", "unix_owner": bool(listener.unix_owner)}
    for key, changed in given.items():
        if changed and not there:
            words = 'is about "unix:" addresses, and bind has none'
            yield Fault(("listeners", name, key), words)
    try:
        mode_of(listener.unix_mode)
    except ValueError as error:
        yield Fault(("listeners", name, "unix_mode"), str(error))
    if listener.unix_owner and not re.fullmatch(r"[^\s:]+(:[^\s:]+)?", listener.unix_owner):
        words = f'expected "user" or "user:group", not {shown(listener.unix_owner)}'
        yield Fault(("listeners", name, "unix_owner"), words)


def _plain_auth(name: str, listener: ListenerSettings) -> Iterator[Fault]:
    """Passwords without TLS: nowhere but between programs of this machine."""
    if not listener.plain_auth:
        return
    path: KeyPath = ("listeners", name, "plain_auth")
    preset = listener.preset or preset_named(name)
    if preset is None:
        return  # which is said already
    if (listener.tls or PRESETS[preset].tls) != "none":
        yield Fault(path, 'is for listeners without TLS; give this one tls = "none" as well')
    elif not (PRESETS[preset].auth if listener.auth is None else listener.auth):
        yield Fault(path, "is about logins, and auth is false here")
    elif listener.bind is None or not all(b is None or b.is_local for b in _binds(listener)):
        yield Fault(
            path,
            "would have passwords cross the network in plain text: bind loopback addresses or"
            " Unix-domain sockets only",
        )


def _vrfy(name: str, listener: ListenerSettings) -> Iterator[Fault]:
    preset = listener.preset or preset_named(name)
    auth = listener.auth if listener.auth is not None or preset is None else PRESETS[preset].auth
    if listener.vrfy == "login" and auth is False:
        yield Fault(("listeners", name, "vrfy"), '"login" needs logins, and auth is false here')


def _from_header(name: str, listener: ListenerSettings) -> Iterator[Fault]:
    """It is about who has logged in, which also a peer can say of its clients."""
    preset = listener.preset or preset_named(name)
    auth = PRESETS[preset].auth if preset and listener.auth is None else listener.auth
    if listener.from_header != "ignore" and not auth and not listener.xclient:
        words = "is about mail from users, and nobody can log in here"
        yield Fault(("listeners", name, "from_header"), words)


def _extensions(name: str, listener: ListenerSettings) -> Iterator[Fault]:
    for at, keyword in enumerate(listener.discard_ehlo_keywords):
        if keyword.upper() not in DISCARDABLE:
            words = f"expected EHLO keywords out of {', '.join(DISCARDABLE)}, not {shown(keyword)}"
            path: KeyPath = ("listeners", name, "discard_ehlo_keywords", at)
            yield Fault(path, words, nearest(keyword, DISCARDABLE))


def _speakers(name: str, listener: ListenerSettings) -> Iterator[Fault]:
    for key in SPEAKERS:
        wide = policy.reach_of(Networks(getattr(listener, key)))
        if not wide:
            continue
        words = impersonation(key, wide)
        if key == "xforward":
            words = (
                f"{_few(wide)} in xforward hold too much of the Internet: whoever is in them can"
            )
            words += " write a false origin into the log"
        yield Fault(("listeners", name, key), words)


def _etrn(configuration: Configuration) -> Iterator[Fault]:
    seen: set[str] = set()
    for domain, settings in configuration.etrn.items():
        path: KeyPath = ("etrn", domain)
        if not is_domain(domain):
            yield Fault(
                path, f'expected a domain such as [etrn."example.net"], not {shown(domain)}'
            )
        elif domain_key(domain) in seen:
            yield Fault(path, f"{domain} is named twice")
        elif not settings.networks and not settings.users:
            yield Fault(path, "expected networks, users or both, for nobody may ask otherwise")
        seen.add(domain_key(domain))
        for at, user in enumerate(settings.users):
            if "@" not in user:
                words = f'expected an account such as "john@example.org", not {shown(user)}'
                yield Fault((*path, "users", at), words)


def _binds(listener: ListenerSettings) -> Iterator[Bind | None]:
    """The addresses that were written; `None` for one that cannot be read."""
    for text in listener.bind or ():
        try:
            yield Bind.parse(text)
        except ValueError:
            yield None
