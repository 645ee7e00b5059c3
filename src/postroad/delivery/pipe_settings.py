"""The keys of `[transports.NAME]` with `kind = "pipe"`: a program that takes mail (pipe(8))."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postroad.model.units import Duration

__all__ = ["PipeSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeSettings:
    """What a program is run with. The words in brackets are those of Postfix's pipe(8).

    Attributes:
        command: the program, with its whole path, and its arguments, one word each; macros
            (`${sender}`, `${recipient}`, …) are replaced in them, and no shell reads them (argv).
        user: the account, or `account:group`, that it runs as; left out, the server's own. Another
            one than that needs a server that runs as root, and then one has to be named; it is
            never root.
        directory: where it runs; left out: `/`.
        flags: letters that say how the message is changed for it, such as `Rq`.
        eol: how lines end for it: with LF, or with CR and LF.
        null_sender: what stands for the null reverse-path.
        size_limit: octets; larger messages return to their sender; 0: no limit (size).
        recipients: recipients that share one run, at the most
            (transport_destination_recipient_limit); with the flags D and O it is one.
        processes: runs at once, in each worker.
        time_limit: seconds for the whole run; then it is killed, and the mail waits
            (transport_time_limit).
        output_limit: octets of its output that are kept for the log and for the sender.
    """

    command: tuple[str, ...] = ()
    user: str = ""
    directory: Path | None = None
    flags: str = ""
    eol: Literal["lf", "crlf"] = "lf"
    null_sender: str = "MAILER-DAEMON"
    size_limit: int = 0
    recipients: int = 50
    processes: int = 20
    time_limit: Duration = 1000.0
    output_limit: int = 4096
