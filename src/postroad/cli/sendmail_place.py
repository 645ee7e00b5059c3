"""Where the drop of a configuration is, without loading the configuration."""

from __future__ import annotations

import os
import tomllib

from postroad.cli.sendmail_options import Failure
from postroad.maildrop.folder import DEFAULT

__all__ = ["place"]


def place(path: str, text: bytes) -> str:
    """The folder that a configuration names.

    Args:
        path: the configuration file; what it names is taken from where it is.
        text: its content.

    Raises:
        Failure: it is no TOML, or names something else than a path.
    """
    try:
        table = tomllib.loads(text.decode())
    except ValueError as error:
        raise Failure(os.EX_CONFIG, f"{path}: {error}") from None
    state = table.get("state_directory", os.path.dirname(DEFAULT))
    section = table.get("sendmail", {})
    folder = section.get("directory", "maildrop") if isinstance(section, dict) else "maildrop"
    if not isinstance(state, str) or not isinstance(folder, str):
        raise Failure(os.EX_CONFIG, f"{path}: state_directory and sendmail.directory are paths")
    return os.path.join(os.path.dirname(os.path.abspath(path)), state, folder)
