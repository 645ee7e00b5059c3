"""Leaving a guard behind, before the server becomes its user."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from postroad.mailbox.agent.broker import Terms

__all__ = ["start_guard"]

_PROGRAM = "from postroad.mailbox.agent.broker import main; main()"
TIME_LIMIT = 60.0
"""Seconds for the start of an interpreter, on a machine that has a lot to do."""


def start_guard(terms: Terms) -> socket.socket:
    """Start a guard that is root, as we are.

    Args:
        terms: what agents may be had for.

    Returns:
        Where workers ask for agents. The guard ends when all who hold it are gone.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # It finds this package where we found it, but not in whatever directory is the current one,
    # and of our environment it has nothing else.
    places = os.pathsep.join(filter(os.path.isabs, sys.path))
    with theirs:
        try:
            subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-P", "-s", "-c", _PROGRAM, str(theirs.fileno()), terms.text()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={"PYTHONPATH": places},
                timeout=TIME_LIMIT,
                check=True,
            )
        except subprocess.SubprocessError as error:
            ours.close()
            raise OSError(f"the process that writes for other users: {error}") from None
    return ours
