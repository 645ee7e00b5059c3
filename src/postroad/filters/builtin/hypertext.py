"""What HTML shows and where its links lead, in one pass (not a browser: no styles, no scripts).

Spammers split words by tags and comments that nobody sees, so those leave nothing behind; tags that
end a line leave a blank. Time is in proportion to the input: what was looked for in vain is not
looked for again.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

__all__ = ["MOST_LINKS", "Hypertext", "Link", "read_html"]

MOST_LINKS = 200
"""Links of one message that are kept; a long newsletter has a hundred."""

MOST_TAG = 8 * 1024
"""Characters of a tag with its attributes; what is longer is passed over."""

MOST_SHOWN = 200
"""Characters kept of what a link shows."""

MOST_TARGET = 2000
"""Characters kept of where a link leads; browsers of old took so many."""

_INLINE = frozenset(
    re.findall(
        r"[a-z]+",
        "a abbr acronym b big cite code em font i ins kbd mark q s small span strike strong sub sup"
        " tt u var wbr",
    )
)
"""Tags that do not end a word."""

_UNSEEN = frozenset(["head", "noscript", "template"])
_RAW = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style")}
"""Tags whose content is nothing but text until their end: how that begins."""

_LEADS = {"a": "href", "area": "href", "form": "action", "img": "src"}
_TAG = re.compile(r"/?([A-Za-z][A-Za-z0-9:]{0,30})")
_ATTRIBUTE = re.compile(
    r"""[\s"'/]([A-Za-z-]{1,20})\s{0,20}=\s{0,20}(?:"([^"]*)"?|'([^']*)'?|([^\s"'>]+))"""
)
_LARGE_REFERENCE = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")
_BLANKS = re.compile(r"\s+")


class Link(NamedTuple):
    """Something that leads elsewhere.

    Attributes:
        tag: `a`, `area`, `form`, `img`; empty: an address in plain text.
        target: where it leads, as it is written.
        shown: what is read in its place; empty for none.
    """

    tag: str
    target: str
    shown: str = ""


class Hypertext(NamedTuple):
    """What a document says.

    Attributes:
        text: what is seen, blanks as they come.
        links: in order.
        tags: the names of its tags, each once.
    """

    text: str
    links: tuple[Link, ...]
    tags: frozenset[str]


def read_html(source: str) -> Hypertext:
    """Read a document.

    Args:
        source: of bounded length; it may be cut off anywhere.
    """
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._text: list[str] = []
        self._links: list[Link] = []
        self._tags: set[str] = set()
        self._unseen = ""  # the tag whose content is not shown now
        self._lead: tuple[str, int] | None = None  # an `a` that is open: target, texts before it
        self._ends: dict[str, int] = {}  # where the next of an end mark is; the length: nowhere

    def read(self) -> Hypertext:
        source, at = self._source, 0
        while (opened := source.find("<", at)) >= 0:
            self._say(source[at:opened])
            at = self._past(opened)
        self._say(source[at:])
        self._close_link()
        return Hypertext("".join(self._text), tuple(self._links), frozenset(self._tags))

    def _past(self, opened: int) -> int:
        """Where to go on behind what begins with `<`."""
        source = self._source
        if source.startswith("<!--", opened):
            return self._end("-->", opened + 4)
        if source.startswith(("<!", "<?"), opened):
            return self._end(">", opened + 2)
        named = _TAG.match(source, opened + 1)
        if named is None:
            self._say("<")
            return opened + 1
        end = self._end(">", named.end())
        if end - opened > MOST_TAG:
            return named.end()
        name, closes = named[1].lower(), source[opened + 1] == "/"
        self._tag(name, source[named.end() : end - 1], closes=closes)
        if name in _RAW and not closes:
            last = _RAW[name].search(source, end)
            return len(source) if last is None else last.start()
        return end

    def _end(self, mark: str, at: int) -> int:
        """Behind the next of a mark. It is not looked for twice over the same text."""
        known = self._ends.get(mark, -1)
        if known < at:
            found = self._source.find(mark, at)
            known = len(self._source) if found < 0 else found
            self._ends[mark] = known
        return min(known + len(mark), len(self._source))

    def _tag(self, name: str, attributes: str, *, closes: bool) -> None:
        if name in _UNSEEN:
            if closes and self._unseen == name:
                self._unseen = ""
            elif not closes and not self._unseen:
                self._unseen = name
        elif name == "body":
            self._unseen = ""  # a head that nobody closed
        if len(self._tags) < MOST_LINKS:
            self._tags.add(name)
        if name not in _INLINE:
            self._text.append(" ")
        if name == "a":
            self._close_link()
        if not closes and name in _LEADS and len(self._links) < MOST_LINKS:
            self._link(name, attributes)

    def _link(self, name: str, attributes: str) -> None:
        wanted = _LEADS[name]
        for found in _ATTRIBUTE.finditer(f" {attributes}"):
            if found[1].lower() == wanted:
                target = _text_of((found[2] or found[3] or found[4] or "")[:MOST_TARGET]).strip()
                if name == "a":
                    self._lead = (target, len(self._text))
                else:
                    self._links.append(Link(name, target))
                return

    def _close_link(self) -> None:
        if self._lead is None:
            return
        target, before = self._lead
        self._lead = None
        shown = "".join(self._text[before : before + 50])[: 4 * MOST_SHOWN]
        self._links.append(Link("a", target, _BLANKS.sub(" ", shown).strip()[:MOST_SHOWN]))

    def _say(self, text: str) -> None:
        if text and not self._unseen:
            self._text.append(_text_of(text) if "&" in text else text)


def _text_of(text: str) -> str:
    # A reference of thousands of digits is none, and Python refuses to read it.
    return html.unescape(_LARGE_REFERENCE.sub("\ufffd", text))
