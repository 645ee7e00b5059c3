"""A program by which a Dovecot has passwords checked here: `passdb { driver = checkpassword }`.

Dovecot starts it for each login, with name and password on descriptor 3 (the interface of qmail's
checkpassword; Dovecot's wiki, "CheckPassword"), so that a password is in no argument, no
environment and no log. It asks the server by its `dovecot-auth` socket, and either becomes the
program that Dovecot named, with the account's name in USER, or exits: 1 for a wrong password, 111
where it cannot be said now.

    passdb {
      driver = checkpassword
      args = /usr/bin/postroad-checkpassword /run/postroad/auth
    }

It imports nothing of the server, because it has to start quickly.
"""

from __future__ import annotations

import os
import socket
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence

__all__ = ["WRONG", "main"]

WRONG = 1
LATER = 111

PATIENCE = 60.0
"""Seconds for an answer: a guesser waits for it, and so does whoever logs in beside one."""

MOST_ASKED = 8192
"""Octets of name and password that are read."""

MOST_ANSWER = 65_536
"""Octets of all that the server says: its greeting, and one line."""

_DESCRIPTOR = 3
_FORBIDDEN = frozenset("\t\r\n\0")


def main() -> int:
    """Check one login, as Dovecot starts it: `postroad-checkpassword SOCKET PROGRAM …`."""
    if len(sys.argv) < 3:
        sys.stderr.write("postroad-checkpassword: expected a socket, then a program to become\n")
        return LATER
    path, program = sys.argv[1], sys.argv[2:]
    with os.fdopen(_DESCRIPTOR, "rb") as asked:
        name, _, rest = asked.read(MOST_ASKED).partition(b"\0")
    password = rest.partition(b"\0")[0]
    if os.environ.get("AUTHORIZED"):
        # A look-up without a password. Who exists is told by the dict socket, not here.
        return WRONG
    try:
        user = _user_of(path, name, password, os.environ)
    except (OSError, ValueError):
        return LATER
    if user is None:
        return WRONG
    _become(program, user)
    return LATER


def _user_of(path: str, name: bytes, password: bytes, environment: Mapping[str, str]) -> str | None:
    """The account's own name, if that is its password.

    Raises:
        OSError, ValueError: it cannot be said.
    """
    if not name or not password:
        return None
    told = [f"service={environment.get('SERVICE', 'imap')}", "nologin", "secured"]
    for variable, field in (("TCPLOCALIP", "lip"), ("TCPREMOTEIP", "rip")):
        if environment.get(variable):
            told.append(f"{field}={environment[variable]}")
    if any(_FORBIDDEN & set(each) for each in told):
        raise ValueError("a field that no line can hold")
    message = b"\0" + name + b"\0" + password
    told.append(f"resp={b64encode(message).decode()}")
    asked = "\t".join(("AUTH", "1", "PLAIN", *told))
    greeting = f"VERSION\t1\t1\nCPID\t{os.getpid()}\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.settimeout(PATIENCE)
        server.connect(path)
        server.sendall(f"{greeting}{asked}\n".encode())
        return _read(_lines(server))


def _lines(server: socket.socket) -> Sequence[str]:
    """The fields of the line that answers."""
    said = b""
    while len(said) < MOST_ANSWER:
        came = server.recv(MOST_ANSWER)
        if not came:
            break
        said += came
        for line in said.decode("utf-8", "replace").split("\n")[:-1]:
            fields = line.split("\t")
            if fields[0] in {"OK", "FAIL"}:
                return fields
    raise ValueError("the server gave no answer")


def _read(fields: Sequence[str]) -> str | None:
    verb, *texts = fields
    if verb == "OK":
        for each in texts:
            if each.startswith("user="):
                return each.removeprefix("user=")
        raise ValueError("the server does not say whose password it is")
    if "temp" in texts or "code=temp_fail" in texts:
        raise ValueError("it cannot be said now")
    return None


def _become(program: Sequence[str], user: str) -> None:
    environment = {**os.environ, "USER": user, "AUTH_USER": user}
    os.execve(program[0], list(program), environment)  # noqa: S606 - Dovecot's own program


if __name__ == "__main__":
    sys.exit(main())
