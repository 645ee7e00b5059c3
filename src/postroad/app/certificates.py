"""What the log is told about our certificates at start and at each reload.

A certificate that clients will not believe is no reason not to serve: mail servers do not look. It
is a reason to say so where the operator looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from postroad.config import Configuration
from postroad.config.credence import doubts
from postroad.model.journal import Journal, Level, Notice
from postroad.net.certificates import TlsConfigurationError

__all__ = ["warn_of_certificates"]


def warn_of_certificates(configuration: Configuration, journal: Journal) -> None:
    """Log what clients will not like about the certificates that listeners show.

    Args:
        configuration: what is served.
        journal: where that goes.
    """
    if all(listener.tls == "none" for listener in configuration.resolved_listeners):
        return
    for words in _warnings(configuration):
        journal(Notice("master", words, Level.WARNING))


def _warnings(configuration: Configuration) -> Iterator[str]:
    try:
        for doubt in doubts(configuration, datetime.now(UTC)):
            if not doubt.harmless:
                yield f"certificate {doubt.pair.certificate} {doubt.words}"
    except TlsConfigurationError as error:  # root could read it at the start; a reload could not
        yield f"certificate {error}; a reload will fail"
