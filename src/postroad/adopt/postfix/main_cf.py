"""main.cf: the parameters that are written, those that are not, and what they come to.

`MainCf` answers as `postconf` does: `written` as `postconf -n`, `value` as `postconf -x`. A service
of master.cf sees the same with its own `-o` options over it (`over`). It knows nothing of what a
parameter means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from postroad.adopt.postfix.defaults import DEFAULTS
from postroad.adopt.postfix.expansion import ExpansionMistake, expanded
from postroad.adopt.postfix.logical_lines import logical_lines

__all__ = ["MainCf", "Parameter", "words_of"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as somebody wrote it.

    Attributes:
        name: the same.
        text: its value, not expanded.
        file: where it stands.
        line: there, counted from 1.
        service: the service of master.cf whose `-o` option it is; empty: main.cf's.
    """

    name: str
    text: str
    file: Path
    line: int
    service: str = ""


class MainCf:
    """The parameters of a Postfix, or of one of its services."""

    def __init__(
        self,
        file: Path,
        parameters: Mapping[str, Parameter],
        mistakes: tuple[tuple[int, str], ...] = (),
    ) -> None:
        """Args: `mistakes`: lines that say nothing Postfix could read, with what is wrong."""
        self.file = file
        self.mistakes = mistakes
        self._parameters = dict(parameters)

    @classmethod
    def read(cls, file: Path, text: str, known: Mapping[str, str] | None = None) -> MainCf:
        """The file's parameters; of two lines for one the last counts.

        Args:
            file: as the operator names it.
            text: what is in it.
            known: what holds for this machine unless the file says otherwise (`config_directory`).
        """
        found: dict[str, Parameter] = {
            name: Parameter(name, value, file, 0) for name, value in (known or {}).items()
        }
        mistakes: list[tuple[int, str]] = []
        for line in logical_lines(text):
            name, equals, value = line.text.partition("=")
            name = name.strip()
            if not equals or not name or re.search(r"\s", name):
                mistakes.append((line.number, f'expected "name = value", not "{line.text[:40]}"'))
                continue
            found[name] = Parameter(name, value.strip(), file, line.number)
        return cls(file, found, tuple(mistakes))

    def over(self, options: Mapping[str, Parameter]) -> MainCf:
        """The same as a service sees it whose `-o` options these are."""
        own: dict[str, Parameter] = {}
        for option in options.values():
            # master(5) gives each service its name as a parameter; `line` 0: nobody wrote it.
            own["service_name"] = Parameter("service_name", option.service, option.file, 0)
        return MainCf(self.file, {**self._parameters, **own, **options})

    @property
    def written(self) -> Iterator[Parameter]:
        """What somebody wrote, in the order of the file."""
        return (each for each in self._parameters.values() if each.line)

    def get(self, name: str) -> Parameter | None:
        """A parameter that somebody wrote."""
        found = self._parameters.get(name)
        return found if found and found.line else None

    def text(self, name: str) -> str | None:
        """A value that is not expanded: the written one, else Postfix's; `None`: no such name."""
        found = self._parameters.get(name)
        return found.text if found else DEFAULTS.get(name)

    def value(self, name: str) -> str:
        """A value, expanded; what cannot be expanded is empty (`problem` says why)."""
        return self.expand(self.text(name) or "")

    def expand(self, text: str) -> str:
        """A text with the names in it expanded; empty if it cannot be."""
        try:
            return expanded(text, self.text)
        except ExpansionMistake:
            return ""

    def problem(self, parameter: Parameter) -> str:
        """Why a parameter cannot be expanded; empty if it can."""
        try:
            expanded(parameter.text, self.text)
        except ExpansionMistake as mistake:
            return str(mistake)
        return ""

    def words(self, name: str) -> list[str]:
        """A value as a list (`words_of`)."""
        return words_of(self.value(name))

    def on(self, name: str) -> bool:
        """Whether a yes-or-no parameter is `yes`."""
        return self.value(name).strip().lower() == "yes"

    def number(self, name: str) -> int | None:
        """A whole number; `None` if it is none."""
        text = self.value(name).strip()
        return int(text) if re.fullmatch(r"\d{1,15}", text) else None


def words_of(text: str) -> list[str]:
    """A list as Postfix has it: words with commas or white space between; braces keep together."""
    words: list[str] = []
    word, level = "", 0
    for character in text:
        level += (character == "{") - (character == "}")
        if level <= 0 and (character == "," or character.isspace()):
            if word:
                words.append(word)
            word = ""
        else:
            word += character
    return [*words, word] if word else words
