"""From a configuration and a proposed one to what the second would have decided otherwise.

The composition root of `replay`. What was looked up at the time counts, but for what follows from
the configuration itself: where the proposed one has other domains or other rules of who owns which
address, accounts answer as they are now, for the recorded answers are the old rules'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from postroad.app.comparison import Comparison
from postroad.app.lookout import Lookout
from postroad.app.replaying import Proposal
from postroad.app.replaying import replay as replayed
from postroad.config import Configuration
from postroad.history import Archive
from postroad.model.journal import Event
from postroad.policy.recalled import Present

__all__ = ["Outcome", "Terms", "compare"]

MOST_NOTES = 20
"""Different lines about tables that are kept; they say what is wrong with a file once or twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How decisions are made again.

    Attributes:
        begin: only those since then, seconds since the epoch.
        limit: how many at the most, the oldest first; 0: all.
        now: whether accounts and tables answer as they are now.
        dns: whether the DNS may be asked what was not asked then.
    """

    begin: float = 0.0
    limit: int = 0
    now: bool = False
    dns: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        comparison: what has changed.
        notes: what an operator should know of how it was made.
        reach: since when decisions are known, seconds since the epoch; `None`: there are none.
    """

    comparison: Comparison
    notes: tuple[str, ...]
    reach: float | None


async def compare(
    current: Configuration,
    proposed: Configuration,
    terms: Terms,
    progress: Callable[[int], None],
) -> Outcome:
    """Make the decisions of a server again.

    Args:
        current: whose history it is.
        proposed: the other configuration.
        terms: how.
        progress: told now and then how many were made.

    Raises:
        DirectoryUnavailable: the accounts cannot be read.
    """
    notes: dict[str, None] = {}

    def journal(event: Event) -> None:
        if len(notes) < MOST_NOTES:
            notes[event.text] = None

    opened = proposed
    if not proposed.directory_file.exists():  # relative paths, in a copy that stands elsewhere
        notes[f"{proposed.directory_file} is not there: {current.directory_file} is asked"] = None
        place = replace(proposed.directory, file=current.directory_file)
        opened = replace(proposed, directory=place)
    others = _accounts_of(opened) != _accounts_of(current)
    if others and not terms.now:
        notes["it has other domains or senders: accounts answer as they are now"] = None
    archive = Archive(current.history_directory)
    async with Lookout(opened, journal) as lookout:
        present = Present(
            lookout.accounts,
            lookout.tables,
            lookout.zones if terms.dns else None,
            accounts_first=terms.now or others,
            tables_first=terms.now,
            senders=lookout.senders if terms.dns else None,
        )
        comparison = await replayed(
            archive.records(terms.begin),
            Proposal(proposed, present),
            limit=terms.limit,
            progress=progress,
        )
    reach = archive.reach()
    return Outcome(comparison, (*notes, *dict.fromkeys(archive.unreadable)), reach)


def _accounts_of(configuration: Configuration) -> tuple[object, ...]:
    """All that answers about accounts depend on."""
    login = configuration.login
    return (
        {domain.lower() for domain in configuration.local_domains},
        configuration.directory_file,
        configuration.directory.recipient_delimiter,
        login.send_as,
        login.catch_all_senders,
        login.sender_login_maps,
    )
