"""`postroad init`: a first server, and what is left to do outside of it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.password import GivenPassword, password_from
from postroad.cli.refusal import usage
from postroad.model.ip_address import is_ip_address

if TYPE_CHECKING:
    from postroad.config import Configuration
    from postroad.config.installation import FirstServer

__all__ = ["init"]


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where the configuration goes; made if absent.")
    ],
    *,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="Where mail, queue, accounts and keys go; else /var/lib/postroad as root or for"
            " /etc, and DIR/state otherwise.",
        ),
    ] = None,
    hostname: Annotated[
        str | None,
        typer.Option("--hostname", metavar="NAME", help="The server's fully qualified name."),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(
            "--domain", metavar="DOMAIN", help="The first domain; else the host name's parent."
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            "--account", metavar="ADDRESS", help="The first account; else postmaster@DOMAIN."
        ),
    ] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(
            "--address",
            metavar="IP",
            help="A public address of the server, to show its DNS records; may be repeated.",
        ),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file", metavar="FILE", help="Read the password from the file's first line."
        ),
    ] = None,
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin", help="Read the password from standard input's first line."
        ),
    ] = False,
    generate: Annotated[
        bool, typer.Option("--generate", help="Make a password and show it, this once.")
    ] = False,
) -> None:
    """Make a first server's files; nothing is overwritten."""
    from postroad.config.installation import (
        FirstServer,
        install,
        require_free,
        server_user,
        usual_state,
    )

    state = state or usual_state(directory)
    require_free(directory, state)
    _require_addresses(address or [])
    hostname = hostname or _asked("Fully qualified host name", "--hostname", _own_name())
    domain = domain or _asked("First domain", "", hostname.partition(".")[2])
    account = account or _asked("First account", "", f"postmaster@{domain}")
    password = password_from(file=password_file, standard_input=password_stdin, generate=generate)
    server = FirstServer(directory, hostname, domain, account, password.text, state)
    configuration = install(server, server_user() if os.geteuid() == 0 else None)
    _show_server(server, password, configuration)
    _show_records(configuration, address or [], server.domain)
    _show_next_steps(server)


def _own_name() -> str:
    """This machine's name if it is fully qualified, else nothing: a guess would mislead."""
    name = socket.gethostname()
    return name if "." in name else ""


def _asked(question: str, option: str, suggestion: str) -> str:
    """The answer at a terminal; without one, the suggestion, unless an option is a must."""
    if sys.stdin.isatty():
        return str(typer.prompt(question, default=suggestion or None))
    if option:
        raise usage(f"no terminal to ask at: use {option}")
    return suggestion


def _require_addresses(addresses: list[str]) -> None:
    for text in addresses:
        if not is_ip_address(text):
            raise usage(f"--address: expected an IP address, not {text}")


def _show_server(server: FirstServer, password: GivenPassword, made: Configuration) -> None:
    print(f"configuration  {server.file}")
    print(f"state          {server.state}")
    print(f"certificate    {made.certificate} (self-signed)")
    print(f"account        {server.account}")
    if password.generated:
        print(f"password       {password.text} (shown only now)")


def _show_records(configuration: Configuration, addresses: list[str], domain: str) -> None:
    from postroad.app.dkim_inquiry import make
    from postroad.config.records import EXAMPLE_ADDRESSES, records_for
    from postroad.mailauth.dkim.signing_key import KEY_KINDS, published

    keys = make(configuration, domain, "", KEY_KINDS, 0)

    print("\nPublish these records in DNS:\n")
    for record in records_for(configuration, addresses):
        print(f"  {record}")
        print(f"      ; {record.why}")
    for each in keys:
        print(f"  {published(each.key)}")
        print("      ; mail is signed with this key once the record is seen (DKIM)")
    if not addresses:
        shown = " and ".join(EXAMPLE_ADDRESSES)
        print(f"\n{shown} stand for your server's public addresses.")


def _show_next_steps(server: FirstServer) -> None:
    from postroad.config import SEARCH_PATH
    from postroad.config.installation import USER, server_user
    from postroad.config.ownership import creation

    print("\nThen:\n")
    if os.geteuid() == 0 and server_user() is None:
        # The state needs no word: what is root's of it is given to the user at the start.
        closed = [server.directory] if not server.directory.stat().st_mode & 0o001 else []
        print(f"  {creation(USER)}")
        print(f"  chgrp {' '.join(map(str, [USER, *closed, server.file]))}")
    print(f"  postroad --config {server.file} check")
    if server.file.absolute() == SEARCH_PATH[-1]:
        print("  cp contrib/postroad.service /etc/systemd/system/")
        print("  systemctl enable --now postroad")
    else:
        print(f"  postroad --config {server.file} serve")
