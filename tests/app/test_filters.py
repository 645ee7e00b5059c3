"""Who looks at what comes in by which listener."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from types import SimpleNamespace

import pytest

from examiners import Hearing, Looking, Say
from postroad.app import filters as module
from postroad.app.filters import Filtering, Needs
from postroad.config import Configuration
from postroad.filters.settings import KEYS_OF_KIND, FilterSettings
from postroad.intake import Board, IntakeSettings
from postroad.intake.examination import Examination
from postroad.maildrop.settings import SendmailSettings
from postroad.model.content import Octets
from postroad.model.envelope import Envelope
from postroad.model.fields import Fields
from postroad.model.letter import NO_OPINION, Examiner, Letter, Opinion, Origin
from postroad.server.settings import ListenerSettings, ResolvedListener

LETTER = Letter(
    queue_id="Q1",
    envelope=Envelope(None),
    recipients=(),
    origin=Origin.OUTSIDE,
    fields=Fields(),
    body=Octets(b""),
)
SCAN, SPAM = FilterSettings(kind="clamav"), FilterSettings(kind="rspamd", mail=("outside",))


class Made:
    """A worker's filtering, whose filters are the test's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **sections: object) -> None:
        self.made: list[Hearing] = []
        kinds = ("clamav", "rspamd", "milter")
        monkeypatch.setattr(module, "BUILDERS", dict.fromkeys(kinds, self.make))
        self.running = SimpleNamespace(configuration=configuration(**sections))
        self.needs = Needs(
            self.running,  # type: ignore[arg-type]
            lambda _: None,
            None,  # type: ignore[arg-type]
            AsyncExitStack(),
        )
        self.first, self.last = Looking(), Looking()
        monkeypatch.setattr(Filtering, "_examiners_before", lambda _: (self.first,))
        monkeypatch.setattr(Filtering, "_examiners_after", lambda _: (self.last,))
        self.filtering = Filtering(self.needs)

    def make(self, _settings: FilterSettings, name: str, _needs: Needs) -> Hearing:
        self.made.append(Hearing(name))
        return self.made[-1]

    async def asked(self, board: Board, letter: Letter = LETTER) -> list[str]:
        """The names of filters that are shown a message, in order."""
        order: list[str] = []
        for each in self.made:
            each.looking.seen.clear()
            each.looking.say = _noting(order, each.name)
        heard = board.filters.session().examiners if board.filters is not None else ()
        everybody: tuple[Examiner, ...] = (*board.first, *heard, *board.last)
        self.first.say, self.last.say = _noting(order, "first"), _noting(order, "last")
        letter = replace(letter, recipients=(SimpleNamespace(),))
        await Examination(board, letter, b"", lambda _: None).run(everybody)
        return order


def _noting(order: list[str], name: str) -> Say:
    def say(_: Letter) -> Opinion:
        order.append(name)
        return NO_OPINION

    return say


def configuration(**sections: object) -> Configuration:
    return Configuration(
        hostname="mail.example.org",
        domains=("example.org",),
        **sections,  # type: ignore[arg-type]
    )


def listener(name: str = "mx", **settings: object) -> ResolvedListener:
    return ResolvedListener.of(name, ListenerSettings(**settings))  # type: ignore[arg-type]


async def test_all_filters_are_asked_between_border_and_signer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Made(monkeypatch, filters={"scan": SCAN, "spam": SPAM})

    assert await made.asked(made.filtering.board(listener())) == ["first", "scan", "spam", "last"]
    assert await made.asked(made.filtering.local_board) == ["first", "scan", "spam", "last"]


@pytest.mark.parametrize(
    ("chosen", "asked"),
    [
        (("spam", "scan"), ["first", "spam", "scan", "last"]),
        (("spam",), ["first", "spam", "last"]),
        ((), ["first", "last"]),
    ],
)
async def test_a_listener_has_its_own(
    monkeypatch: pytest.MonkeyPatch, chosen: tuple[str, ...], asked: list[str]
) -> None:
    sections = {"filters": {"scan": SCAN, "spam": SPAM}}
    made = Made(monkeypatch, **sections, sendmail=SendmailSettings(filters=chosen))

    assert await made.asked(made.filtering.board(listener(filters=chosen))) == asked
    assert await made.asked(made.filtering.local_board) == asked


async def test_whose_mail_it_is_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch, filters={"scan": SCAN, "spam": SPAM})

    ours = replace(LETTER, origin=Origin.OURS)

    assert await made.asked(made.filtering.board(listener()), ours) == ["first", "scan", "last"]


def test_bounds_are_those_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    intake = IntakeSettings(examination_timeout=9.0, header_size=5000)
    made = Made(monkeypatch, intake=intake)

    board = made.filtering.board(listener("lmtp"))

    assert (board.time, board.header_size) == (9.0, 5000)
    assert board.message_size == made.running.configuration.limits.message_size
    assert board.filters is None


def test_a_reload_keeps_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch, filters={"scan": SCAN, "spam": SPAM})
    changed = replace(SPAM, max_size=5)
    made.running.configuration = configuration(filters={"spam": changed, "scan": SCAN})

    made.filtering.renewed()

    assert [each.name for each in made.made] == ["scan", "spam", "spam"]


def test_without_any_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    running = SimpleNamespace(configuration=configuration())
    monkeypatch.setattr(module, "signer_of", lambda *_: None)
    monkeypatch.setattr(Filtering, "_examiners_before", lambda _: ())

    filtering = Filtering(
        Needs(running, lambda _: None, None, AsyncExitStack())  # type: ignore[arg-type]
    )

    assert filtering.board(listener()).is_empty
    assert filtering.local_board.is_empty


def test_every_kind_is_made() -> None:
    assert set(module.BUILDERS) == set(KEYS_OF_KIND)
