"""Who looks at mail before it is taken: filters and examiners, built and put in order.

The one place that knows all of them. For each message: the border (mail from strangers only), the
filters in the order of the file, the signer (our own mail only), last, as nothing may change after
it. Each part may be absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import MappingProxyType

from postroad.app.border import border_of
from postroad.app.dkim import signer_of
from postroad.app.judges import judges_of, sealer_of
from postroad.app.milters import milter_of
from postroad.app.programs import Programs, program_filter
from postroad.app.running import Running
from postroad.app.signing_rights import SigningRights
from postroad.app.spam import AccountWishes
from postroad.config.sendmail import origin_of
from postroad.filters.clamav import scanner as clamav
from postroad.filters.joined import Joined, Member
from postroad.filters.milter.setup import Way
from postroad.filters.scoring import NO_WISHES, Wishes
from postroad.filters.settings import FilterKind, FilterSettings
from postroad.filters.spamassassin import scanner as spamassassin
from postroad.filters.stages import Filter
from postroad.intake import Board
from postroad.mailauth.arc.sealing import Departures
from postroad.mailauth.dmarc.recording import DmarcRecorder
from postroad.mailauth.evidence import Judge
from postroad.mailauth.spf.checking import SpfChecker
from postroad.model.journal import Journal
from postroad.model.letter import Examiner
from postroad.net.dns import Resolver
from postroad.server.from_header import Owners
from postroad.server.settings import ResolvedListener
from postroad.spool import Aside

__all__ = ["Filtering", "Needs"]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a filter or an examiner may need of its worker.

    Attributes:
        running: what is served; a filter that keeps it sees reloads.
        journal: where events go.
        names: the DNS.
        exits: closes what a filter opens, when the worker ends.
        senders: knows who may send for a domain; `None`: nobody does.
        accounts: knows whose addresses are, and from which score on what is junk; `None`: nobody.
        secret: a key of this server's, the same in all workers.
        departures: knows which mail leaves again; `None`: nobody does.
        programs: filters of the operator's programs, as they were made last.
        recorder: keeps what reports on DMARC are made of; `None`: nobody does.
        way: finds where mail for an address goes; `None`: nobody does.
        aside: makes room in the spool for what a filter writes; `None`: there is none.
        owners: gives who knows whose an address is, by what is running; `None`: nobody does.
    """

    running: Running
    journal: Journal
    names: Resolver
    exits: AsyncExitStack
    senders: SpfChecker | None = None
    accounts: AccountWishes | None = None
    secret: bytes = b""
    recorder: DmarcRecorder | None = None
    owners: Callable[[], Owners] | None = None
    way: Way | None = None
    aside: Callable[[], Aside] | None = None
    departures: Departures | None = None
    programs: Programs = field(default_factory=dict)

    @property
    def wishes(self) -> Wishes:
        """The thresholds of accounts."""
        return NO_WISHES if self.accounts is None else self.accounts


def _rspamd(settings: FilterSettings, name: str, needs: Needs) -> Filter:
    # Loaded for who has one: the HTTP client is large.
    from postroad.filters.rspamd import scanner as rspamd  # noqa: PLC0415

    hostname = needs.running.configuration.hostname
    return rspamd.build(settings, name, hostname=hostname, wishes=needs.wishes)


def _builtin(settings: FilterSettings, name: str, needs: Needs) -> Filter:
    # Here, as its rules and its classifier are for those who use it.
    from postroad.app.builtin_filter import builtin_filter  # noqa: PLC0415

    return builtin_filter(
        settings,
        name,
        needs.running,
        needs.journal,
        names=needs.names,
        wishes=needs.wishes,
        accounts=needs.accounts,
    )


BUILDERS: Mapping[FilterKind, Callable[[FilterSettings, str, Needs], Filter]] = {
    "spamassassin": lambda settings, name, needs: spamassassin.build(
        settings, name, wishes=needs.wishes, accounts=needs.accounts
    ),
    "rspamd": _rspamd,
    "builtin": _builtin,
    "clamav": lambda settings, name, _: clamav.build(settings, name),
    "milter": lambda settings, name, needs: milter_of(
        settings, name, needs.running, needs.journal, way=needs.way, aside=needs.aside
    ),
    "python": lambda settings, name, needs: program_filter(
        settings, name, needs.journal, needs.exits, needs.programs
    ),
}
"""How a filter of each kind is made, from its settings and its name. What cannot be had now is the
filter's own trouble, by its `on_failure`: nothing is refused here, as at a reload all else has
changed."""


class Filtering:
    """The filters and examiners of a worker, by a configuration.

    Attributes:
        local_board: who looks at mail that comes in by no listener.
    """

    def __init__(
        self,
        needs: Needs,
        known: Mapping[str, Member] = MappingProxyType({}),
        *,
        programs_too: bool = True,
    ) -> None:
        """Built by what is running.

        Args:
            needs: what they are built of.
            known: filters that are there; those whose settings stay are kept.
            programs_too: whether files of the operator's programs are looked at again.
        """
        self._needs = needs
        self._programs_too = programs_too
        self._configuration = configuration = needs.running.configuration
        self._members = {
            name: self._member(name, settings, known.get(name))
            for name, settings in configuration.filters.items()
        }
        self._first = self._examiners_before()
        self._last = self._examiners_after()
        self.local_board = self._board(configuration.sendmail.filters)

    def renewed(self, *, programs_too: bool = True) -> Filtering:
        """By what is running now; sessions that are under way keep what they have.

        Args:
            programs_too: whether files of the operator's programs are looked at again.
        """
        return Filtering(self._needs, self._members, programs_too=programs_too)

    def board(self, listener: ResolvedListener) -> Board:
        """Who looks at what comes in by a listener.

        Args:
            listener: as configured.
        """
        return self._board(listener.settings.filters, taken_before=listener.is_behind)

    def _board(self, names: Sequence[str] | None, *, taken_before: bool = False) -> Board:
        configuration = self._configuration
        chosen = self._members if names is None else names
        members = [self._members[name] for name in chosen]
        joined = None
        if members:
            joined = Joined(members, self._needs.journal, taken_before=taken_before)
        return Board(
            first=self._first,
            filters=joined,
            last=self._last,
            strangers_only=True,
            time=configuration.intake.examination_timeout,
            header_size=configuration.intake.header_size,
            message_size=configuration.limits.message_size,
        )

    def _member(self, name: str, settings: FilterSettings, known: Member | None) -> Member:
        may_differ = self._programs_too and settings.kind == "python"
        if known is not None and known.settings == settings and not may_differ:
            return known
        return Member(BUILDERS[settings.kind](settings, name, self._needs), settings)

    def _examiners_before(self) -> tuple[Examiner, ...]:
        """The border."""
        border = border_of(
            self._needs.running, self._needs.names, self._needs.senders, self._judges()
        )
        return () if border is None else (border,)

    def _judges(self) -> tuple[Judge, ...]:
        """Who judges by what the border verifies, in order."""
        needs = self._needs
        return judges_of(needs.running, needs.names, needs.secret, needs.recorder)

    def _examiners_after(self) -> tuple[Examiner, ...]:
        """Those who sign: our own mail, and what was found of other mail."""
        needs = self._needs
        sealer = sealer_of(needs.running, needs.journal, needs.departures)
        configuration, writers = needs.running.configuration, None
        if needs.owners is not None:
            origin = origin_of(configuration)
            writers = SigningRights(needs.owners(), configuration.sendmail, origin, needs.journal)
        signer = signer_of(needs.running, needs.journal, writers)
        return tuple([each for each in (sealer, signer) if each is not None])
