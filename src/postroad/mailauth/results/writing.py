"""Writing Authentication-Results (RFC 8601 §2.2) and Received-SPF (RFC 7208 §9.1).

Values come from strangers: a name in HELO, an address, a selector. Whatever they hold, a field is
one field: control characters are replaced, what is no plain token is quoted, comments cannot be
closed from within, and long values are cut. Some readers know neither comments nor quotes, and cut
a field at its semicolons: so nothing in either looks like a result. ARC-Authentication-Results has
the same body (RFC 8617 §4.1.1), behind `i=N;`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from postroad.mailauth.results.result import AuthenticationResults, MethodResult, Property
from postroad.mailauth.spf.result import SpfResult, SpfVerdict
from postroad.model.printable import printable

__all__ = ["LONGEST_VALUE", "payload", "received_spf", "written"]

FIELD = "Authentication-Results"

LONGEST_VALUE = 320
"""Octets of a value: a local part of 64 and a domain of 255 (RFC 5321 §4.5.3.1). With each of them
quoted, and the name before it, a line that cannot be folded stays below 998 (RFC 5322 §2.1.1)."""

_MOST_OCTETS = 4  # of a character in UTF-8
_LINE = 78  # characters, RFC 5322 §2.1.1
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+\Z")  # RFC 2045 §5.1
# Without the equal sign, which an address may have (SRS): OpenDMARC 1.4.2 drops the whole field for
# one that is not quoted.
_IN_LOCAL = _ATEXT.replace("=", "")
_MAILBOX = re.compile(
    rf"(?:{_IN_LOCAL}+(?:\.{_IN_LOCAL}+)*)?@[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?\Z"
)
_RESULT = re.compile(
    r"\b(spf|dkim|dkim-adsp|dmarc|arc|iprev|auth|bimi|sender-id)(\s*(?:/\s*[0-9]+\s*)?)=",
    re.IGNORECASE,
)
"""What may be taken for the beginning of a result, with or without a method's version."""


def written(results: AuthenticationResults, *, utf8: bool = False) -> bytes:
    """The whole field, with its line end.

    Args:
        results: what it tells.
        utf8: whether the message is one of SMTPUTF8; in others there is a question mark for what
            is not ASCII, as next hops need not take it (RFC 6532 §3.2).
    """
    return _octets(f"{FIELD}: {payload(results)}\r\n", utf8=utf8)


def payload(results: AuthenticationResults) -> str:
    """What stands behind the field's name: each result on a line of its own, folded."""
    head = _token(results.authserv_id)
    if not results.results:
        return f"{head}; none"
    return f"{head};\r\n\t" + ";\r\n\t".join(map(_method, results.results))


def received_spf(verdict: SpfVerdict, hostname: str, helo: str, *, utf8: bool = False) -> bytes:
    """The field Received-SPF, with its line end.

    Args:
        verdict: what it tells.
        hostname: our name, or that which our results stand under.
        helo: the name in HELO.
        utf8: as for `written`.
    """
    pairs = [
        ("receiver", hostname),
        ("identity", verdict.identity),
        ("envelope-from", verdict.sender if verdict.identity == "mailfrom" else ""),
        ("helo", helo),
        ("client-ip", verdict.address),
        ("mechanism", verdict.mechanism),
        ("problem", verdict.reason if verdict.result in _PROBLEMS else ""),
    ]
    words = [f"{name}={_spf_value(value)};" for name, value in pairs if value]
    comment = f"({_comment(f'{hostname}: {verdict.sentence}')})"
    text = _folded(["Received-SPF:", verdict.result.value, comment, *words])
    return _octets(f"{text}\r\n", utf8=utf8)


def _octets(text: str, *, utf8: bool) -> bytes:
    return text.encode("utf-8" if utf8 else "ascii", "replace")


_PROBLEMS = frozenset({SpfResult.TEMPERROR, SpfResult.PERMERROR})


def _method(result: MethodResult) -> str:
    words = [f"{_token(result.method)}={_token(result.result)}"]
    if result.comment:
        words.append(f"({_comment(result.comment)})")
    if result.reason:
        words.append(f"reason={_quoted(_tame(result.reason))}")
    return _folded([*words, *map(_property, result.properties)])


def _property(one: Property) -> str:
    return f"{_token(one.kind)}.{_token(one.name)}={_value(one.value)}"


def _value(text: str) -> str:
    """A `pvalue`: a token, an address, or a quoted string."""
    text = _plain(text)
    if _tame(text) != text:
        _, at, domain = text.rpartition("@")  # the grammar wants no local part
        text = _tame(f"{at}{domain}")
    return text if _TOKEN.match(text) or _MAILBOX.match(text) else _quoted(text)


def _spf_value(text: str) -> str:
    """RFC 7208 §9.1: a dot-atom or a quoted string."""
    text = _plain(text)
    return text if re.match(rf"{_ATEXT}+(?:\.{_ATEXT}+)*\Z", text) else _quoted(text)


def _token(text: str) -> str:
    """A keyword or a name; what is none is quoted, so that it cannot be taken for more."""
    text = _plain(text)
    return text if _TOKEN.match(text) else _quoted(text)


def _quoted(text: str) -> str:
    text = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _comment(text: str) -> str:
    """Without what ends a comment or begins another."""
    return _tame(_plain(text)).translate(_BRACKETS)


def _tame(text: str) -> str:
    """Without what looks like a result."""
    return _RESULT.sub(r"\1\2:", text).replace(";", ",")


_BRACKETS = str.maketrans("()", "[]", "\\")


def _plain(text: str) -> str:
    """One line of bounded length."""
    text = printable(text)
    if len(text) * _MOST_OCTETS <= LONGEST_VALUE:
        return text
    octets = text.encode("utf-8", "replace")
    if len(octets) <= LONGEST_VALUE:
        return text
    return f"{octets[: LONGEST_VALUE - 3].decode('utf-8', 'ignore')}..."


def _folded(words: Sequence[str]) -> str:
    """Words with a fold before each that would make its line too long (RFC 5322 §2.2.3)."""
    lines, used = [words[0]], len(words[0]) + 8  # a tab is up to eight columns
    for word in words[1:]:
        if used + 1 + len(word) > _LINE:
            lines.append(f"\r\n\t{word}")
            used = 8 + len(word)
        else:
            lines.append(f" {word}")
            used += 1 + len(word)
    return "".join(lines)
