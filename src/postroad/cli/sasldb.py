"""`postroad import-sasldb`: the accounts of Cyrus SASL's `sasldb2` become accounts here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.editing import directory_editor
from postroad.cli.listing import print_json, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal

if TYPE_CHECKING:
    from postroad.directory.files.sasldb import SaslAccount

__all__ = ["import_sasldb"]

MAX_SHOWN = 20
"""Accounts that cannot be taken and are named, one a line."""


def import_sasldb(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Such as /etc/sasldb2.")],
    *,
    domain: Annotated[
        str,
        typer.Option("--domain", metavar="DOMAIN", help="Where they shall live; else the realm."),
    ] = "",
    realm: Annotated[
        str, typer.Option("--realm", metavar="REALM", help="Only the accounts of this realm.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Add the accounts of Cyrus SASL's sasldb2, with hashes of their passwords."""
    found = [each for each in _read(file) if not realm or each.realm == realm]
    with directory_editor(context) as editor:
        there = {entry.name for entry in editor.users()}
        domains = {entry.name for entry in editor.domains()}
        wanted = _wanted(found, domain, domains)
        for name, account in wanted.items():
            if name not in there and not dry_run:
                editor.add_user(name, account.password or "")
    rows = [(name, "kept as it is" if name in there else "added") for name in wanted]
    if json:
        print_json([{"name": name, "added": name not in there} for name in wanted])
    else:
        print_table(("ACCOUNT", "WOULD BE" if dry_run else "IS"), rows, none="no accounts to add")


def _read(file: Path) -> tuple[SaslAccount, ...]:
    from postroad.directory.files.berkeley_hash import BerkeleyMistake
    from postroad.directory.files.sasldb import read_sasldb

    try:
        return read_sasldb(file)
    except BerkeleyMistake as mistake:
        raise Refusal(f"{file}: {mistake}", os.EX_DATAERR) from None


def _wanted(found: list[SaslAccount], domain: str, domains: set[str]) -> dict[str, SaslAccount]:
    """The accounts to add, by their names; nothing is added where one of them cannot be."""
    from postroad.directory import DirectoryMistake
    from postroad.directory.embedded.entry import parse_user
    from postroad.directory.passwords.credentials import check_password

    wanted: dict[str, SaslAccount] = {}
    faults: list[str] = []
    for account in found:
        address = account.address(domain)
        try:
            form = parse_user(address)
            if account.password is None:
                faults.append(f"{address}: there is no password, only secrets of mechanisms")
                continue
            check_password(account.password)
        except DirectoryMistake as mistake:
            faults.append(f"{address}: {mistake}")
            continue
        if form.domain not in domains:
            faults.append(f"{address}: {form.domain} is no domain of this server; see --domain")
        elif str(form) in wanted:
            other = wanted[str(form)]
            faults.append(f"{address}: is there as {other.user} of {other.realm} too; see --realm")
        else:
            wanted[str(form)] = account
    if faults:
        more = [f"and {len(faults) - MAX_SHOWN} more"] if len(faults) > MAX_SHOWN else []
        lines = [*faults[:MAX_SHOWN], *more, "nothing was added"]
        raise Refusal("\n".join(lines), os.EX_DATAERR)
    return wanted
