"""The real OpenDMARC as a milter that is shown messages; its DNS may be a file of records.

It goes by the Authentication-Results of a server that it trusts, and says in one of its own what it
comes to.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from peers import needs
from peers.opendkim import TIME, Shown, Talk
from peers.processes import Process, peer_folder, remove_folder, removed_on_failure
from peers.waiting import answering

__all__ = ["TRUSTED", "Judged", "OpenDmarc"]

TRUSTED = "mail.test"
"""The server whose results it believes."""

SUFFIXES = "com\nuk\nco.uk\nexample\ntest\n"
"""Its public suffix list; it knows no domain below a suffix that is not in there."""

_RESULT = re.compile(r"dmarc=(\w+)(?: \(p=(\w+) dis=(\w+)\))?")


class Judged(NamedTuple):
    """What it said of a message.

    Attributes:
        result: its word in Authentication-Results.
        policy: what it found to be asked for; empty where it said nothing.
    """

    result: str
    policy: str


class OpenDmarc:
    """A running OpenDMARC that refuses nothing.

    Args:
        records: TXT records by name.
        trusted: the server whose results it believes.
    """

    def __init__(self, records: Mapping[str, str], trusted: str = TRUSTED) -> None:
        needs.root("opendmarc")
        command = needs.program("opendmarc")
        self.folder = peer_folder("opendmarc")
        self.socket = self.folder / "socket"
        zone = self.folder / "zone"
        zone.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
        (self.folder / "suffixes").write_text(SUFFIXES)
        (self.folder / "none").write_text("192.0.2.99\n")
        configuration = self.folder / "opendmarc.conf"
        configuration.write_text(
            f"AuthservID dmarc.test\nTrustedAuthservIDs {trusted}\nSocket local:{self.socket}\n"
            "Background no\nSyslog no\nSPFIgnoreResults no\nSPFSelfValidate no\n"
            "IgnoreAuthenticatedClients no\nRejectFailures no\n"
            f"IgnoreHosts {self.folder}/none\nTestDNSData {zone}\n"
            f"PublicSuffixList {self.folder}/suffixes\n"
        )
        with removed_on_failure(self.folder):
            self._process = Process(
                [command, "-f", "-c", str(configuration)], log=self.folder / "log"
            )
            self._process.wait_ready(lambda: answering(self.socket))

    def stop(self) -> None:
        """End it and remove its folder."""
        self._process.stop()
        remove_folder(self.folder)

    def judge(self, messages: Sequence[tuple[str, bytes]]) -> list[Judged]:
        """Show it messages with their reverse-paths, one after the other; what it says of each."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIME)
            connection.connect(str(self.socket))
            talk = Talk(connection)
            return [_judged(talk.message(message, sender)) for sender, message in messages]


def _judged(shown: Shown) -> Judged:
    said = [value for _, name, value in shown.fields if name == "Authentication-Results"]
    found = _RESULT.search(said[0]) if said else None
    if found is None:
        return Judged("", "")
    return Judged(found[1], found[2] or "")
