"""Comments in header fields: text in parentheses that means nothing (RFC 5322 §3.2.2).

They nest, and a backslash takes its meaning from what follows it. Found in one pass and without
recursion, so that a field of parentheses costs what its octets cost. What a comment without an end
means is each reader's own matter.
"""

from __future__ import annotations

import re

__all__ = ["after_comment"]

_SIGN = re.compile(r"[()]|\\.", re.DOTALL)


def after_comment(text: str, at: int) -> int | None:
    """Where a comment ends.

    Args:
        text: a field's value, or a part of one.
        at: behind the parenthesis that begins it.

    Returns:
        Where the text goes on behind it; `None`: it has no end.
    """
    depth = 1
    for match in _SIGN.finditer(text, at):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if not depth:
                return match.end()
    return None
