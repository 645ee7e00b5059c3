"""Dovecot's dict protocol, served: a Dovecot's `userdb { driver = dict }` asks where mail lies.

Of the protocol only what looks something up is here (Dovecot's `dict-client.h`, major versions 2
and 3): H greets and is not answered, L asks for one key, all else is refused. Keys are
`shared/userdb/NAME`; an answer is a JSON object of Dovecot's userdb fields. Passwords are not
handed out, and no hash of one: whoever could ask for them could guess at them at leisure. A Dovecot
has passwords checked instead (`checkpassword`).
"""

from __future__ import annotations

import json
import re

from postroad.directory import DirectoryUnavailable, account_of
from postroad.directory.names import address_form
from postroad.model import Address, AddressError
from postroad.net.connection import Connection
from postroad.net.dovecot_lines import fields, line
from postroad.served.incoming import Ended, Incoming
from postroad.served.service import SocketService
from postroad.served.userdb import told_of

__all__ = ["DictSession"]

MAX_LINE = 4096
"""Octets of a question; the longest name has some 320."""

_MAJORS = frozenset({"2", "3"})
_USERDB = "shared/userdb/"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class DictSession:
    """One connection of a Dovecot.

    Args:
        connection: open.
        service: the socket.
    """

    def __init__(self, connection: Connection, service: SocketService) -> None:
        self._connection = connection
        self._service = service
        self._incoming = Incoming(connection, MAX_LINE, service.settings.idle_timeout)

    async def run(self) -> None:
        """Serve until the client is gone.

        Raises:
            Ended: it is, or what it said is not of the protocol.
        """
        while True:
            texts = fields(await self._incoming.line())
            verb, first = texts[0][:1], texts[0][1:]
            if verb == "H":
                if first not in _MAJORS:
                    raise Ended(f"it speaks version {first[:10]} of the dict protocol")
            elif verb == "L":
                self._connection.write(await self._look_up(first))
            elif verb in {"I", "C", "D"}:
                self._connection.write(line("Fonly look-ups are answered here"))
            elif verb not in {"B", "R", "S", "U", "A", "T", "P", "V"}:
                raise Ended("what it said is not of the dict protocol")
            await self._incoming.taken()

    async def _look_up(self, key: str) -> bytes:
        """The line that answers a look-up: O with a value, N, or F with a reason."""
        if not key.startswith(_USERDB):
            self._service.warn(f"asked for {key[:80]!r}, where only userdb/NAME is answered")
            return line("Fonly userdb/NAME is answered here")
        name = _ESCAPED.sub(_unescaped, key.removeprefix(_USERDB))
        try:
            found = await self._user(name)
        except DirectoryUnavailable as error:
            self._service.warn(f"look-up of {name}: {error}")
            return line("Fthe directory does not answer now")
        if found is None:
            return line("N")
        return line("O" + json.dumps(found, ensure_ascii=False))

    async def _user(self, name: str) -> dict[str, str] | None:
        """The fields of an account; nothing for an alias, which is no mailbox."""
        try:
            form = address_form(Address.parse(name))
        except AddressError:
            return None
        found = await self._service.directory.resolve(form)
        user = account_of(found)
        if not user or address_form(Address.parse(user)) != form:
            return None
        place = await self._service.place(user)
        return {"user": user, **told_of(place)}


def _unescaped(mark: re.Match[str]) -> str:
    """What Dovecot's dict keys write for a slash within a name: backslash and bar."""
    return "/" if mark[1] == "|" else mark[1]
