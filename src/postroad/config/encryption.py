"""The checks of `[tls]`: what its values say about each other, and about listeners.

They look at values only; whether certificates can be read and used is asked in `files`, whether
they are any good in `credence`.
"""

from __future__ import annotations

from collections.abc import Iterator

from postroad.config.configuration import Configuration
from postroad.config.mistake import Fault, shown
from postroad.model.address import is_domain
from postroad.net.tls_profiles import PROFILES, VERSIONS
from postroad.server.settings import PRESETS, preset_named

__all__ = ["tls_faults"]


def tls_faults(configuration: Configuration) -> Iterator[Fault]:
    """Every fault in what is said about TLS."""
    yield from _versions(configuration)
    yield from _names(configuration)
    yield from _client_certificates(configuration)


def _versions(configuration: Configuration) -> Iterator[Fault]:
    tls = configuration.tls
    if tls.minimum_version is None:
        return
    if VERSIONS[tls.minimum_version] < PROFILES[tls.profile].minimum:
        yield Fault(
            ("tls", "minimum_version"),
            f'{tls.minimum_version} is older than profile = "{tls.profile}" allows: take this key'
            ' out, or take profile = "intermediate"',
        )


def _names(configuration: Configuration) -> Iterator[Fault]:
    for at, certificate in enumerate(configuration.tls.certificates):
        for place, name in enumerate(certificate.names):
            if not is_domain(name.removeprefix("*.")):
                yield Fault(
                    ("tls", "certificates", at, "names", place),
                    'expected a name such as "mail.example.org" or "*.example.org", not '
                    f"{shown(name)}",
                )


def _client_certificates(configuration: Configuration) -> Iterator[Fault]:
    for name, listener in configuration.listeners.items():
        if not listener.client_certificates:
            continue
        preset = listener.preset or preset_named(name)
        mode = listener.tls or (PRESETS[preset].tls if preset else "starttls")
        path = ("listeners", name, "client_certificates")
        if mode == "none":
            yield Fault(path, "certificates are shown under TLS only, which this listener has not")
        elif configuration.tls.client_ca_file is None:
            yield Fault(path, "needs [tls] client_ca_file, the authorities to look for behind them")
