"""What Postfix takes a parameter for that nobody has set.

The values stand in `defaults.txt` beside this module, as `postconf -d` of Postfix 3.7
prints them; those that are a machine's own (`myhostname`, `mynetworks`) are empty there, and are
worked out by whoever reads main.cf. A test compares the list with the `postconf` of the machine.
"""

from __future__ import annotations

from importlib import resources

__all__ = ["DEFAULTS"]


def _read() -> dict[str, str]:
    text = resources.files("postroad.adopt.postfix").joinpath("defaults.txt").read_text("utf-8")
    pairs = (line.partition(" =") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


DEFAULTS: dict[str, str] = _read()
"""Values by name, not expanded."""
