"""`postroad explain`: what would happen to a client, a sender and recipients, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage
from postroad.model.printable import printable

if TYPE_CHECKING:
    from postroad.app.explanation import Question
    from postroad.config import Configuration
    from postroad.model import Client
    from postroad.server.settings import ResolvedListener

__all__ = ["explain"]

REFUSED = 1
"""The exit status of a refusal for good; one for now is EX_TEMPFAIL."""

LONGEST = 1000
"""Characters of what is said in a command: more than any address or name has (RFC 5321 §4.5.3.1),
and less than a command line of ours."""

MOST_SIZE = 10**15  # octets

_UNKNOWN = "unknown"


def explain(
    context: typer.Context,
    *,
    client: Annotated[
        str,
        typer.Option(
            "--client", metavar="IP", help="The client's IP address; local: by a Unix socket."
        ),
    ],
    name: Annotated[
        str,
        typer.Option(
            "--name", metavar="HOST", help="Its confirmed host name, or unknown; else asked for."
        ),
    ] = "",
    reverse_name: Annotated[
        str,
        typer.Option(
            "--reverse-name", metavar="HOST", help="Its name that nothing confirms, or unknown."
        ),
    ] = "",
    helo: Annotated[str, typer.Option("--helo", metavar="NAME", help="What it calls itself.")] = "",
    login: Annotated[
        str, typer.Option("--login", metavar="USER", help="Who logs in, with the right password.")
    ] = "",
    tls: Annotated[bool, typer.Option("--tls", help="It begins TLS.")] = False,
    ccert: Annotated[
        str,
        typer.Option(
            "--ccert", metavar="FINGERPRINT", help="SHA-256 of its certificate or its key."
        ),
    ] = "",
    sender: Annotated[
        str | None,
        typer.Option("--from", metavar="ADDRESS", help="The sender; empty or <>: the null one."),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ADDRESS", help="A recipient; may be repeated."),
    ] = None,
    listener: Annotated[
        str, typer.Option("--listener", metavar="NAME", help="By which listener it comes.")
    ] = "",
    size: Annotated[
        int,
        typer.Option(
            "--size", metavar="OCTETS", help="How large the message is.", min=0, max=MOST_SIZE
        ),
    ] = 0,
    data: Annotated[
        bool, typer.Option("--data", help="Go on to DATA and the end of the content.")
    ] = False,
    etrn: Annotated[
        str, typer.Option("--etrn", metavar="DOMAIN", help="It asks for this domain's queue.")
    ] = "",
    live: Annotated[
        bool,
        typer.Option("--live", help="Ask policy services, probe addresses, note in the greylist."),
    ] = False,
    json: Json = False,
) -> int:
    """Explain what would happen to a client and its mail, rule by rule. Nothing is changed."""
    import asyncio

    from postroad.app.explaining import explain as explained
    from postroad.app.explanation import Question
    from postroad.config.ownership import acting_as, owner_of

    if not to and not etrn:
        raise usage("say to whom it writes (--to), or which queue it starts (--etrn)")
    _fit_for_commands(helo, login, sender or "", etrn, *(to or ()))
    configuration = state_of_server(context)
    fingerprint = _fingerprint(ccert)
    question = Question(
        client=_client(client, name, reverse_name),
        is_named=bool(name or reverse_name),
        helo=helo,
        login=login,
        tls=tls or bool(fingerprint),
        fingerprint=fingerprint,
        sender=_sender(sender, login),
        recipients=tuple(map(_path, to or ())),
        size=size,
        data=data,
        etrn=etrn,
    )
    door = _listener(configuration, listener, login)
    with acting_as(owner_of(configuration.state_directory)):
        told = asyncio.run(explained(configuration, door, question, live=live))
    from postroad.cli.explained import as_json, in_words

    if json:
        print_json(as_json(told, live=live))
    else:
        for line in in_words(told, _assumption(question, sender), live=live):
            print(line)
    refusals = told.refusals
    if not refusals:
        return os.EX_OK
    return REFUSED if any(each.code >= 500 for each in refusals) else os.EX_TEMPFAIL


def _assumption(question: Question, sender: str | None) -> Iterator[str]:
    """What was not said, and is taken to be so."""
    if sender is None and question.recipients:
        shown = "the account that logs in" if question.login else "the null sender of bounces"
        yield f"no --from: the sender is {shown}"


def _client(address: str, name: str, reverse_name: str) -> Client:
    """Who connects.

    Raises:
        Refusal: it has no such address or name.
    """
    from postroad.model import Client
    from postroad.model.address import is_domain
    from postroad.model.client import LOCAL
    from postroad.model.ip_address import ip_of

    if address == LOCAL:
        return Client(LOCAL, 0, "localhost", "localhost")
    ip = ip_of(address.partition("%")[0])  # the server leaves scopes out too
    if ip is None:
        raise usage(f'--client: expected an IP address or "local", not {_shown(address)}')
    for option, given in (("--name", name), ("--reverse-name", reverse_name)):
        if given and not is_domain(given):
            raise usage(f"{option}: expected a host name or unknown, not {_shown(given)}")
    confirmed = name.lower() or _UNKNOWN
    return Client(str(ip), 4711, confirmed, reverse_name.lower() or confirmed)


def _sender(given: str | None, login: str) -> str:
    return _path(given) if given is not None else login


def _path(text: str) -> str:
    """An address without the brackets that it may be given with."""
    return text[1:-1] if text.startswith("<") and text.endswith(">") else text


def _fingerprint(text: str) -> str:
    """64 digits in lower case, however they are given.

    Raises:
        Refusal: they are none.
    """
    digits = text.replace(":", "").lower()
    if digits and (len(digits) != 64 or set(digits) - set("0123456789abcdef")):
        raise usage(
            "--ccert: expected the 64 hexadecimal digits of SHA-256, with or without colons, as"
            " openssl x509 -fingerprint -sha256 prints them"
        )
    return digits


def _fit_for_commands(*texts: str) -> None:
    """Refuse what no command can hold: it would be two."""
    for text in texts:
        if len(text) > LONGEST or not text.isprintable():
            raise usage(f"{_shown(text)} cannot be said in an SMTP command")


def _listener(configuration: Configuration, name: str, login: str) -> ResolvedListener:
    """The door: the named one, or where such a client is expected.

    Raises:
        Refusal: there is no such listener.
    """
    from postroad.config.mistake import nearest

    doors = {each.name: each for each in configuration.resolved_listeners}
    if name:
        if name in doors:
            return doors[name]
        near = nearest(name, doors)
        hint = f"; did you mean {near}?" if near else f"; there are {', '.join(doors)}"
        raise Refusal(f"there is no listener {_shown(name)}{hint}", os.EX_USAGE)
    wanted = ("submission", "submissions") if login else ("mx",)
    for preset in wanted:
        for door in doors.values():
            if door.preset == preset:
                return door
    fitting = [door for door in doors.values() if door.auth == bool(login)]
    return (fitting or [*doors.values()])[0]


def _shown(text: str) -> str:
    """A wrong word as a message repeats it."""
    clean = printable(text[:60])
    return f'"{clean}{"…" if len(text) > 60 else ""}"'
