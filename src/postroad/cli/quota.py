"""`postroad quota`: how full mailboxes are, and counting them anew.

What an account may have is said by `postroad user quota`, by its directory, or by `[mailbox]`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.editing import directory_editor
from postroad.cli.listing import print_json, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import usage
from postroad.model.printable import printable

if TYPE_CHECKING:
    from postroad.app.mailbox_usage import MailboxUsage

__all__ = ["quota_app", "usage_words"]

quota_app = typer.Typer(help="Quotas: how full mailboxes are.", no_args_is_help=True)

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ADDRESS...]", help="Accounts, of any directory."),
]


@quota_app.command("list")
def list_quotas(context: typer.Context, names: Names = None, *, json: Json = False) -> int:
    """Show what lies in mailboxes; without an address, in those of the embedded directory."""
    return _show(_ask(context, names or _everybody(context), recount=False), json=json)


@quota_app.command("recalculate")
def recalculate(
    context: typer.Context,
    names: Names = None,
    *,
    everybody: Annotated[
        bool, typer.Option("--all", help="All accounts of the embedded directory.")
    ] = False,
    json: Json = False,
) -> int:
    """Count what lies in mailboxes, and write it into their maildirsize files."""
    if everybody == bool(names):
        raise usage("name accounts, or say --all")
    return _show(_ask(context, names or _everybody(context), recount=True), json=json)


def usage_words(context: typer.Context, name: str) -> str:
    """What lies in an account's mailbox, in words: `12.5 MiB of 1.0 GiB, 1%, 210 messages`."""
    [found] = _ask(context, [name], recount=False)
    if found.fault:
        return found.fault
    of = f" of {_size(found.quota.octets)}" if found.quota.octets else ""
    count = f" of {found.quota.messages}" if found.quota.messages else ""
    share = f", {found.percent}%" if found.quota else ", no limit"
    return f"{_size(found.usage.octets)}{of}, {found.usage.messages}{count} messages{share}"


def _everybody(context: typer.Context) -> list[str]:
    with directory_editor(context) as editor:
        return [user.name for user in editor.users()]


def _ask(context: typer.Context, names: list[str], *, recount: bool) -> list[MailboxUsage]:
    import asyncio

    from postroad.app.mailbox_usage import mailbox_usages

    return asyncio.run(mailbox_usages(state_of_server(context), names, recount=recount))


def _show(found: list[MailboxUsage], *, json: bool) -> int:
    if json:
        print_json([_as_json(each) for each in found])
    else:
        rows = [_row(each) for each in found]
        print_table(
            ("ACCOUNT", "USED", "QUOTA", "MESSAGES", "OF", "FULL"),
            rows,
            none="there are no accounts",
        )
    return os.EX_UNAVAILABLE if any(each.fault for each in found) else os.EX_OK


def _row(each: MailboxUsage) -> tuple[str, ...]:
    if each.fault:
        return (printable(each.user), printable(each.fault), "", "", "", "")
    quota = each.quota
    return (
        each.user,
        _size(each.usage.octets),
        _size(quota.octets) if quota.octets else "",
        str(each.usage.messages),
        str(quota.messages) if quota.messages else "",
        "no limit" if each.percent is None else f"{each.percent}%",
    )


def _as_json(each: MailboxUsage) -> dict[str, object]:
    return {
        "account": each.user,
        "fault": each.fault or None,
        "octets": each.usage.octets,
        "messages": each.usage.messages,
        "quota_octets": each.quota.octets or None,
        "quota_messages": each.quota.messages or None,
        "percent": each.percent,
    }


def _size(octets: int) -> str:
    size, unit = float(octets), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{octets} B" if unit == "B" else f"{size:.1f} {unit}"
