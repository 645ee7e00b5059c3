"""`postroad adopt`: a Postroad made of a Postfix and a Dovecot, and a report on every setting."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.listing import print_json
from postroad.cli.refusal import usage

if TYPE_CHECKING:
    from postroad.adopt.adoption import Adopted, Adoption

__all__ = ["adopt"]

REPORT = "adopt-report.txt"


class Mailbox(Enum):
    """Who keeps the mailboxes."""

    DOVECOT = "dovecot"
    POSTROAD = "postroad"


def adopt(
    *,
    postfix: Annotated[
        Path | None,
        typer.Option("--postfix", metavar="DIR", help="The folder of main.cf and master.cf."),
    ] = None,
    dovecot: Annotated[
        Path | None, typer.Option("--dovecot", metavar="DIR", help="The folder of dovecot.conf.")
    ] = None,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="DIR", help="Where the new files go; new or empty."),
    ] = Path("/etc/postroad"),
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="Where mail, queue, accounts and keys go; else /var/lib/postroad as root or for"
            " /etc, and DIR/state otherwise.",
        ),
    ] = None,
    root: Annotated[
        Path,
        typer.Option(
            "--root",
            metavar="DIR",
            help="Where the old file system's root is, below which the other folders lie.",
        ),
    ] = Path("/"),
    mailbox: Annotated[
        Mailbox,
        typer.Option(
            "--mailbox",
            metavar="WHO",
            help="Who checks passwords and keeps the mailboxes: dovecot goes on to, or postroad.",
        ),
    ] = Mailbox.DOVECOT,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy tables rather than name them where they are.")
    ] = False,
    queue: Annotated[
        bool,
        typer.Option(
            "--queue", help="Take over the messages in Postfix's queue, which is stopped."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; show the report.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> int:
    """Make a configuration of Postfix's and Dovecot's; nothing of theirs is changed."""
    from postroad.adopt.adoption import Adoption, adopted
    from postroad.adopt.report import findings_as_json, report_text

    if postfix is None:
        raise usage("name Postfix's folder: --postfix /etc/postfix")
    wanted = Adoption(
        postfix=postfix,
        dovecot=dovecot,
        directory=to.absolute(),
        state=state.absolute() if state else None,
        root=root,
        mailboxes_here=mailbox is Mailbox.POSTROAD,
        copies=copy,
        queue=queue,
        dry_run=dry_run,
    )
    result = adopted(wanted)
    if json:
        print_json(
            {
                "configuration": None if dry_run else str(result.written.file),
                "relay": result.written.proof,
                "messages": result.messages,
                "findings": findings_as_json(result.findings),
            }
        )
    else:
        print(report_text(result.findings), end="")
        _show_end(wanted, result)
    return os.EX_OK


def _show_end(wanted: Adoption, result: Adopted) -> None:
    print(f"\nrelay          {result.written.proof}")
    if wanted.queue:
        print(f"queue          {result.messages} messages")
    if wanted.dry_run:
        print("Nothing was written: this was a dry run.")
        return
    file = result.written.file
    print(f"configuration  {file}")
    print(f"report         {file.parent / REPORT}")
    print("\nThen:\n")
    print(f"  postroad --config {file} check --show-policy")
    print("  and docs/adopt.md: how to run both side by side, and how to go back")
