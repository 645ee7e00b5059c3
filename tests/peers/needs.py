"""The one rule for programs that a machine may lack: skip the test, unless this is CI.

A developer without Postfix still runs the rest of the suite. On CI (`CI=true`) a missing peer is a
failure, because a skipped acceptance test there would look like a passed one.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import NoReturn

import pytest

__all__ = ["library", "program", "root"]

_PLACES = "/usr/sbin:/usr/local/sbin:/sbin:/opt/postroad-peers/usr/sbin"


def program(name: str) -> str:
    """The path of an installed program.

    Raises:
        pytest.skip.Exception: it is missing on a developer's machine.
        pytest.fail.Exception: it is missing on CI.
    """
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_PLACES}")
    if path is None:
        _missing(f"{name} is not installed: scripts/install-peers installs it (as root)")
    return path


def library(name: str) -> None:
    """Say that a Python library is needed that may not be installable; the same rule."""
    if importlib.util.find_spec(name) is None:
        _missing(f"{name} is not installed: make installs it where it can be compiled")


def root(who: str) -> None:
    """Say that `who` must be started by root; the same rule as for a missing program."""
    if os.geteuid() != 0:
        _missing(f"{who} must be started by root")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
