"""Whether the files that a configuration names can be used, looked at one by one.

Opening a certificate is the one way to know that it can be opened, so these checks do what the
server is going to do and report what the server would have died of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postroad.config.configuration import Configuration
from postroad.config.mistake import Fault
from postroad.delivery.credentials import CredentialsError, load_credentials
from postroad.net.tls import TlsConfigurationError, client_context, server_context

__all__ = ["unusable_files"]


def unusable_files(configuration: Configuration) -> Iterator[Fault]:
    """A fault for every file that is absent, unreadable, unsafe or not what it should be."""
    for check in CHECKS:
        yield from check(configuration)


def _password_file(configuration: Configuration) -> Iterator[Fault]:
    relay = configuration.relay
    if not (relay.password_file and relay.username and relay.smarthost):
        return  # `checks` says what is missing
    try:
        load_credentials(relay)
    except CredentialsError as error:
        yield Fault(("relay", "password_file"), str(error))


def _authorities(configuration: Configuration) -> Iterator[Fault]:
    file = configuration.relay.ca_file
    if file is None:
        return
    try:
        client_context(verify=True, ca_file=file)
    except TlsConfigurationError as error:
        yield Fault(("relay", "ca_file"), str(error))


def _certificate(configuration: Configuration) -> Iterator[Fault]:
    tls = configuration.tls
    if not _speaks_tls(configuration):
        return
    if tls.key is not None and tls.certificate is None:
        yield Fault(("tls", "key"), "needs certificate, the certificate that it belongs to")
        return
    if tls.certificate is None and not configuration.certificate.exists():
        yield Fault(
            ("tls", "certificate"),
            f"is required, for {configuration.certificate}, which `postroad init` makes, is not "
            "there",
        )
        return
    try:
        server_context(tls, configuration.certificate, configuration.key)
    except TlsConfigurationError as error:
        named = "key" if error.file == configuration.key and tls.key else "certificate"
        yield Fault(("tls", named), str(error))


def _speaks_tls(configuration: Configuration) -> bool:
    """Whether any listener needs a certificate; unreadable ones count, as they will once right."""
    try:
        return any(listener.tls != "none" for listener in configuration.resolved_listeners)
    except ValueError:
        return True


CHECKS: tuple[Callable[[Configuration], Iterator[Fault]], ...] = (
    _password_file,
    _authorities,
    _certificate,
)
