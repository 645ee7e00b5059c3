"""Reading restriction lists: from the operator's names to rules that can be run.

A list is read as Postfix reads its own: restrictions are separated by commas or white space, what
is within braces stays together, the case of names does not matter, and `warn_if_reject` belongs to
the restriction that follows it. Unlike Postfix, a list that cannot mean what it says is a mistake:
an unknown name, a name where it can never apply, one behind a restriction that always decides.
Every mistake is found, not only the first.

A name may also be one of the operator's own, for a list of its own (`[policy.classes]`). Such a
class is a restriction that has those of its list asked in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from postroad.policy.answer import Action, Answer, Stage
from postroad.policy.context import Surroundings
from postroad.policy.facts import Facts, Oracle
from postroad.policy.restriction import Argument, ArgumentMistake, Restriction, plain
from postroad.policy.restrictions import RESTRICTIONS
from postroad.policy.rule import WARN_IF_REJECT, Rule

__all__ = ["RestrictionMistake", "read_list", "words_of"]

LEADS_BACK = "the class leads back to itself"

MOST_RULES = 1_000
"""Of a list with all its classes, each counted where it is named. Classes that name others twice,
and these others twice, would have no end."""

TOO_MANY = f"more than {MOST_RULES:_} restrictions, with those of classes"

LONGEST_ELSEWHERE = 10_000
"""Characters of restrictions in an access table. A list that is longer is better a class."""

_LONGEST_NAME = 64
"""Characters of a name that are compared: what is longer is no misspelling of ours."""

_REMEMBERED = 500
"""Lists from access tables that a list remembers, so that they are not read for each message."""


class RestrictionMistake(ValueError):
    """A restriction list that cannot be used.

    Attributes:
        stage: the list.
        name: the name in question, as it was written.
        words: what is wrong with it.
        nearest: the right name most like it, or `None`.
        at: which text of the list it stands in, counted from 0.
        within: the class whose list it stands in; empty where that is the list itself. `at` is then
            where the class is named.
    """

    def __init__(
        self,
        stage: Stage,
        name: str,
        words: str,
        nearest: str | None = None,
        *,
        at: int = 0,
        within: str = "",
    ) -> None:
        hint = f"; did you mean {nearest}?" if nearest else ""
        super().__init__(f"{stage.value}: {name}: {words}{hint}")
        self.stage = stage
        self.name = name
        self.words = words
        self.nearest = nearest
        self.at = at
        self.within = within


def read_list(
    stage: Stage,
    texts: Iterable[str],
    surroundings: Surroundings | None = None,
    *,
    early: bool = False,
) -> tuple[tuple[Rule, ...], list[RestrictionMistake]]:
    """The rules of a list, and every mistake in it.

    Args:
        stage: where the list stands.
        texts: restrictions, one or several in each text.
        surroundings: the server that it is for; one without a name or classes when left out.
        early: whether it is asked at its own command, where it may know less than at RCPT.
    """
    reader = _Reader(stage, surroundings or Surroundings(), early=early)
    return tuple(reader.rules(texts)), reader.mistakes


def words_of(text: str) -> list[str]:
    """The words of a list: separated by commas and white space, but for those within braces.

    A brace that is not closed reaches to the end.
    """
    words: list[str] = []
    depth, word = 0, ""
    for c in text:
        if depth == 0 and (c.isspace() or c == ","):
            if word:
                words.append(word)
            word = ""
            continue
        depth += {"{": 1, "}": -1 if depth else 0}.get(c, 0)
        word += c
    return [*words, word] if word else words


class _Reader:
    """Reads the lists of one stage, and the classes that they name."""

    def __init__(
        self,
        stage: Stage,
        surroundings: Surroundings,
        within: tuple[str, ...] = (),
        room: list[int] | None = None,
        *,
        early: bool = False,
        hasty: bool = False,
    ) -> None:
        """A reader of a list.

        Args:
            stage: where it stands.
            surroundings: the server that it is for.
            within: the classes that it is within, the outermost first.
            room: how many restrictions there may be still; shared with the readers of classes.
            early: as in `read_list`.
            hasty: whether it stops at the first mistake, and does not look for what was meant.
        """
        self.stage = stage
        self.mistakes: list[RestrictionMistake] = []
        self._within = within
        self._early = early
        self._hasty = hasty
        self._room = [MOST_RULES] if room is None else room
        self._at = 0
        self._known: dict[str, tuple[Rule, ...]] = {}
        self._surroundings = surroundings
        self._classes: Mapping[str, tuple[str, ...]] = {
            name.lower(): texts for name, texts in surroundings.settings.classes.items()
        }
        self._context = surroundings.at(stage, self._elsewhere)

    def rules(self, texts: Iterable[str]) -> Iterator[Rule]:
        """The rules of a list; mistakes are noted."""
        end: Rule | None = None
        words = [(at, word) for at, text in enumerate(texts) for word in words_of(text)]
        place, warning = 0, ""
        while place < len(words):
            self._at, word = words[place]
            place += 1
            if not self._has_room(word) or (self._hasty and self.mistakes):
                return
            if word.lower() == WARN_IF_REJECT:
                warning = word
                continue
            restriction = self._restriction(word)
            argument = ""
            if restriction is not None and restriction.argument is not Argument.NONE:
                argument = words[place][1] if place < len(words) else ""
                place += 1
            rule = self._rule(word, restriction, argument, end, warn=bool(warning))
            warning = ""
            if rule is not None:
                yield rule
                if rule.restriction.final and not (rule.warn and not rule.restriction.permits):
                    end = rule
        if warning:
            self._mistake(warning, "no restriction follows it")

    def _has_room(self, word: str) -> bool:
        self._room[0] -= 1
        if self._room[0] == -1:
            self._mistake(word, TOO_MANY)
        return self._room[0] >= 0

    def _restriction(self, word: str) -> Restriction | None:
        known = RESTRICTIONS.get(word.lower())
        if known is not None or word.lower() not in self._classes:
            return known
        return Restriction(plain(_no_opinion), permits=True)

    def _rule(
        self,
        word: str,
        restriction: Restriction | None,
        argument: str,
        end: Rule | None,
        *,
        warn: bool,
    ) -> Rule | None:
        """The rule that a word makes, unless there is something wrong with it."""
        if restriction is None:
            self._unknown(word)
        elif self.stage not in restriction.stages:
            places = ", ".join(s.value for s in Stage if s in restriction.stages)
            self._mistake(word, f"can only apply in {places}")
        elif self._early and restriction.needs.missing(self.stage):
            missing = restriction.needs.missing(self.stage)
            self._mistake(word, f"the list {missing}, because delay_reject = false")
        elif end is not None:
            self._mistake(word, f"never asked, because {end} always decides")
        elif restriction.argument is not Argument.NONE and not argument:
            self._mistake(word, f"expected behind it: {restriction.argument.value}")
        elif word.lower() in RESTRICTIONS:
            return self._made(word, restriction, argument, warn=warn)
        else:
            return self._class(word, restriction, warn=warn)
        return None

    def _made(
        self, word: str, restriction: Restriction, argument: str, *, warn: bool
    ) -> Rule | None:
        try:
            check = restriction.make(argument, self._context)
        except ArgumentMistake as error:
            words = str(error)
            if "expected" not in words:
                words = f"{words}; expected {restriction.argument.value}"
            self._mistake(word, words)
            return None
        return Rule(self.stage, word.lower(), restriction, warn, argument, check=check)

    def _class(self, word: str, restriction: Restriction, *, warn: bool) -> Rule | None:
        if word.lower() in self._within:
            self._mistake(word, LEADS_BACK)
            return None
        within = (*self._within, word.lower())
        inner = _Reader(
            self.stage,
            self._surroundings,
            within,
            self._room,
            early=self._early,
            hasty=self._hasty,
        )
        rules = tuple(inner.rules(self._classes[word.lower()]))
        for mistake in inner.mistakes:
            self._mistake(mistake.name, mistake.words, mistake.nearest, mistake.within or word)
        if inner.mistakes:
            return None
        answer = Answer(Action.DUNNO, "a class of restrictions", then=rules)

        async def check(_facts: Facts, _oracle: Oracle) -> Answer:
            return answer

        return Rule(self.stage, word.lower(), restriction, warn, "", rules, check=check)

    def _elsewhere(self, text: str) -> tuple[Rule, ...]:
        """Restrictions that stand in an access table, as if they stood in this list."""
        known = self._known.get(text)
        if known is not None:
            return known
        if len(text) > LONGEST_ELSEWHERE:
            words = f"more than {LONGEST_ELSEWHERE:_} characters; define a class"
            raise RestrictionMistake(self.stage, f"{text[:_LONGEST_NAME]}…", words)
        inner = _Reader(self.stage, self._surroundings, early=self._early, hasty=True)
        rules = tuple(inner.rules([text]))
        if inner.mistakes:
            raise inner.mistakes[0]
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[text] = rules
        return rules

    def _unknown(self, word: str) -> None:
        if ":" in word:
            self._mistake(word, f"write which access to check before it: {_access(self.stage)}")
            return
        if self._hasty:
            self._mistake(word, "unknown restriction")
            return
        stage = self.stage
        known = [WARN_IF_REJECT, *(n for n, r in RESTRICTIONS.items() if stage in r.stages)]
        close = get_close_matches(word.lower()[:_LONGEST_NAME], [*known, *self._classes], n=1)
        self._mistake(word, "unknown restriction", *close)

    def _mistake(self, word: str, words: str, nearest: str | None = None, within: str = "") -> None:
        self.mistakes.append(
            RestrictionMistake(self.stage, word, words, nearest, at=self._at, within=within)
        )


async def _no_opinion(_facts: Facts, _oracle: Oracle) -> Answer:
    return Answer(Action.DUNNO, "a class of restrictions")


def _access(stage: Stage) -> str:
    name = stage.value if stage.value in {"client", "helo", "sender", "etrn"} else "recipient"
    return f"check_{name}_access"
