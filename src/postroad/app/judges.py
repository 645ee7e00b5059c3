"""Who judges by what the border verifies, and who seals what it found, by what is running."""

from __future__ import annotations

import time

from postroad.app.dkim import ring_of
from postroad.app.running import Running
from postroad.mailauth.arc.judging import ArcJudge
from postroad.mailauth.arc.sealing import ArcSealer, Departures
from postroad.mailauth.arc.verification import ArcVerifier
from postroad.mailauth.dkim.settings import name_of_domain
from postroad.mailauth.dmarc.evaluation import Evaluator
from postroad.mailauth.dmarc.judging import DmarcJudge
from postroad.mailauth.dmarc.recording import DmarcRecorder
from postroad.mailauth.evidence import Judge
from postroad.model.journal import Journal, Level, Notice
from postroad.net.dns import Resolver

__all__ = ["judges_of", "sealer_of"]


def judges_of(
    running: Running, names: Resolver, key: bytes, recorder: DmarcRecorder | None
) -> tuple[Judge, ...]:
    """Who judges, in order: DMARC goes by what ARC says.

    Args:
        running: what is served.
        names: the DNS.
        key: a secret of this server's.
        recorder: keeps what DMARC's reports are made of; `None`: there are none.
    """
    configuration = running.configuration
    judges: list[Judge] = []
    if configuration.arc.verify:
        judges.append(ArcJudge(configuration.arc, ArcVerifier(names, time.time)))
    settings = configuration.dmarc
    if settings.verify:
        judge = DmarcJudge(
            Evaluator(settings, names, key),
            on_temperror=settings.on_temperror,
            clock=time.time,
            recorder=recorder,
        )
        judges.append(judge)
    return tuple(judges)


def sealer_of(
    running: Running, journal: Journal, departures: Departures | None = None
) -> ArcSealer | None:
    """Who seals; `None`: nobody.

    Args:
        running: what is served.
        journal: where events go.
        departures: see `ArcSealer`.
    """
    configuration = running.configuration
    if not (configuration.arc.seal and configuration.authentication.verify):
        return None

    def warn(words: str) -> None:
        journal(Notice("arc", words, Level.WARNING))

    return ArcSealer(
        configuration.dkim,
        ring_of(configuration, warn),
        name_of_domain(configuration.arc.domain or configuration.hostname),
        (configuration.authentication.id or configuration.hostname).lower(),
        clock=time.time,
        warn=warn,
        departures=departures,
    )
