"""Rules about attached files: what would run when it is opened, and names that hide it.

They look at names and at the first octets. What is in archives is for a scanner of viruses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from postroad.filters.builtin.case import Case
from postroad.filters.builtin.reading import Part
from postroad.filters.builtin.rule import Rule, shown

__all__ = ["ATTACHMENT_RULES"]

_PROGRAMS = frozenset(
    re.findall(
        r"\S+",
        "ade adp appx bat chm cmd com cpl dll exe hta ins isp iso img jar js jse lib lnk mde msc"
        " msi msp mst pif ps1 psc1 reg scr sct shb sys vb vbe vbs vhd vhdx vxd wsc wsf wsh xll",
    )
)
"""What Windows runs, or opens as a disk, at two clicks."""

_MACROS = frozenset(
    re.findall(
        r"\S+",
        "docm dotm xlsm xltm xlam pptm potm ppam ppsm sldm",
    )
)
_PAGES = frozenset(
    re.findall(
        r"\S+",
        "htm html shtml xhtml svg mht mhtml",
    )
)
_DOCUMENTS = frozenset(
    re.findall(
        r"\S+",
        "pdf doc docx xls xlsx ppt pptx rtf txt csv jpg jpeg png gif mp3 mp4 wav htm html zip",
    )
)
_TRICKS = re.compile(r"[\u202d\u202e]|\s{8,}")
"""Marks that turn letters round (`gnp.exe` reads `exe.png`), and blanks that push the ending out of
sight. Marks that only say where Arabic or Hebrew begins turn no letters."""

_HOST = re.compile(r"[^@\s]+@(?:[a-z0-9-]+\.)+com|(?:www|mail|ftp|shop|mx)\.(?:[a-z0-9-]+\.)+com")
"""What ends as a program of DOS, and is an address or a host: keys and letters have such names."""

_MOST_HOST = 253  # characters of a host's name (RFC 1035 §2.3.4)


def _names(case: Case) -> Iterator[tuple[Part, list[str]]]:
    """Parts with a file's name, and the name's pieces between its dots, in lower case."""
    for part in case.reading.parts:
        if part.name:
            # Windows takes no dots and blanks at the end.
            yield part, [each.strip() for each in part.name.lower().rstrip(". ").split(".")]


def _is_program(case: Case) -> str:
    for part, pieces in _names(case):
        if len(pieces) > 1 and pieces[-1] in _PROGRAMS and not _is_host(part, pieces):
            return shown(part.name)
    return ""


def _is_host(part: Part, pieces: list[str]) -> bool:
    """Whether its name is a host's, or an address, and what is in it is no program."""
    if pieces[-1] != "com" or _is_binary(part.begin):
        return False
    return part.type.startswith("text/") or bool(_HOST.fullmatch(".".join(pieces)[-_MOST_HOST:]))


def _has_two_endings(case: Case) -> str:
    for part, pieces in _names(case):
        if len(pieces) > 2 and pieces[-1] in _PROGRAMS and pieces[-2] in _DOCUMENTS:
            return shown(part.name)
    return ""


def _has_tricky_name(case: Case) -> str:
    return next((shown(part.name) for part, _ in _names(case) if _TRICKS.search(part.name)), "")


def _is_disguised(case: Case) -> str:
    """A program of Windows under another type or name."""
    for part in case.reading.parts:
        is_said = part.name.lower().rpartition(".")[2] in _PROGRAMS
        if part.begin.startswith(b"MZ") and not is_said and _is_binary(part.begin):
            return shown(part.name) or part.type
    return ""


def _is_binary(begin: bytes) -> bool:
    return b"\0" in begin


def _has_macros(case: Case) -> str:
    for part, pieces in _names(case):
        if len(pieces) > 1 and pieces[-1] in _MACROS:
            return shown(part.name)
    return ""


def _is_page(case: Case) -> str:
    """A page that is opened in a browser, past all that looks at links in mail."""
    for part, pieces in _names(case):
        if part.is_attached and len(pieces) > 1 and pieces[-1] in _PAGES:
            return shown(part.name)
    return ""


ATTACHMENT_RULES = (
    Rule("FILE_PROGRAM", 3.0, "a program is attached", _is_program),
    Rule("FILE_TWO_ENDINGS", 2.5, "a program is attached as a document", _has_two_endings),
    Rule("FILE_TRICKY_NAME", 2.5, "a file's name hides what it is", _has_tricky_name),
    Rule("FILE_DISGUISED", 3.0, "a program is attached as something else", _is_disguised),
    Rule("FILE_MACROS", 1.2, "a document with macros is attached", _has_macros),
    Rule("FILE_PAGE", 0.8, "a page for a browser is attached", _is_page),
)
"""What is attached."""
