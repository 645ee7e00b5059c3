"""From an account's name to the folder its mail lies in.

The name reaches this module from outside the server, however often it was checked before; here
it becomes part of a path, so here it is checked for good. Nothing is read from the disk.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["DEFAULT_TEMPLATE", "MaildirLocation", "UnsafeName", "check_template"]

DEFAULT_TEMPLATE = "mail/%d/%n/Maildir"

_VARIABLE = re.compile("%(.?)")


class UnsafeName(ValueError):
    """An account's name that would lead out of the mail folder."""


def check_template(template: str) -> None:
    """Refuse a path that names no account or uses an unknown variable.

    Raises:
        ValueError: in one line, for the operator.
    """
    used = {match[1] for match in _VARIABLE.finditer(template)}
    unknown = used - {"u", "n", "d", "%"}
    if unknown:
        raise ValueError(f"%{min(unknown)} is unknown here; use %u, %n, %d or %%")
    if not used & {"u", "n"}:
        raise ValueError("the path needs %u or %n, or all accounts would share one Maildir")


class MaildirLocation:
    """Where the Maildir of each account is.

    Args:
        template: a path with Dovecot's `%u`, `%n` and `%d`; empty for `DEFAULT_TEMPLATE`.
        state_directory: what a relative template is below.

    Raises:
        ValueError: see `check_template`.
    """

    def __init__(self, template: str, state_directory: Path) -> None:
        check_template(template or DEFAULT_TEMPLATE)
        self._template = template or DEFAULT_TEMPLATE
        self._state_directory = state_directory

    def path(self, user: str) -> Path:
        """The Maildir of the account.

        Args:
            user: its canonical name, `local@domain`.

        Raises:
            UnsafeName: a part of the name is no plain name of a file.
        """
        local, _, domain = user.rpartition("@")
        values = {"u": user, "n": local, "d": domain, "%": "%"}
        if not all(map(_is_plain, values.values())):
            raise UnsafeName("the account's name cannot be the name of a folder")
        path = _VARIABLE.sub(lambda match: values[match[1]], self._template)
        return self._state_directory / path


def _is_plain(part: str) -> bool:
    # A leading dot would hide the folder, be `..`, or look like a Maildir++ sub-folder.
    return bool(part) and not part.startswith(".") and "/" not in part and "\0" not in part
