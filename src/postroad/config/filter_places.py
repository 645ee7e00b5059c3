"""Filters that are programs of their own: where each is, and whether somebody answers there now.

One that does not answer is no mistake of the file, as it may be started later; `postroad check`
warns of it, because all mail that it is for meets `on_failure` until then.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from postroad.config.configuration import Configuration
from postroad.filters.place import Place
from postroad.filters.rspamd.endpoint import Endpoint
from postroad.filters.settings import FilterSettings

__all__ = ["silent_filters"]

_PATIENCE = 2.0  # seconds; somebody waits for the answer of a command

_PORTS = {"http": 80, "https": 443}


def silent_filters(configuration: Configuration) -> Iterator[str]:
    """A warning for each filter that nobody can connect to now.

    Args:
        configuration: without mistakes.
    """
    for name, settings in configuration.filters.items():
        place = _place(settings)
        if place is None:
            continue
        try:
            _connect(place)
        except OSError as error:
            words = str(error)
            if error.errno is not None and error.errno > 0:  # names have errors of their own
                words = os.strerror(error.errno)
            key, said = ("url", settings.url) if settings.kind == "rspamd" else ("socket", place)
            outcome = f"on_failure = {settings.on_failure} says what becomes of mail until it does"
            yield f"filters.{name}.{key}: nobody answers at {said} ({words}); {outcome}"


def _place(settings: FilterSettings) -> Place | None:
    """Where a filter listens; `None` for one that is part of this server."""
    # Here, as every command reads the configuration, and few are about these programs.
    from postroad.filters.clamav import scanner as clamav  # noqa: PLC0415
    from postroad.filters.spamassassin import scanner as spamassassin  # noqa: PLC0415

    match settings.kind:
        case "milter":
            return Place.parse(settings.socket)
        case "clamav":
            return Place.parse(settings.socket or clamav.DEFAULT_PLACE)
        case "spamassassin":
            return Place.parse(settings.socket or spamassassin.DEFAULT_PLACE)
        case "rspamd":
            return _of_url(Endpoint.parse(settings.url))
        case _:
            return None


def _of_url(endpoint: Endpoint) -> Place:
    if endpoint.path:
        return Place(path=endpoint.path)
    parts = urlsplit(endpoint.url)
    return Place(host=parts.hostname or "", port=parts.port or _PORTS[parts.scheme])


def _connect(place: Place) -> None:
    if place.path:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(place.path)
    else:
        socket.create_connection((place.host, place.port), _PATIENCE).close()
