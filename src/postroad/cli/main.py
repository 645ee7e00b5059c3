"""`postroad`: the commands, the options before them, and what becomes of errors.

An operator's mistake ends in one line on standard error and an exit status from sysexits(3), never
in a traceback; a traceback is a bug of ours and looks like one.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from postroad import __version__
from postroad.cli import (
    accounts,
    adopt,
    aliases,
    app_passwords,
    ban,
    check,
    dkim,
    dmarc,
    domains,
    explain,
    filters,
    groups,
    init,
    queue,
    quota,
    replay,
    sasldb,
    send,
    serve,
    spam,
    spf,
    srs,
    strangers,
    suppression,
    tls_policy,
    tls_reports,
    transfer,
    warmup,
    why,
)
from postroad.cli.refusal import Refusal, refusal_of

__all__ = ["app", "main", "prepare", "run"]

EX_INTERRUPTED = 130
"""What shells show for a command that Ctrl-C ended (128 and the signal's number)."""

STDERR = 2
"""The highest number of the files that a program is given."""

app = typer.Typer(
    name="postroad",
    help="A mail server in one program.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("init")(init.init)
app.command("adopt")(adopt.adopt)
app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("explain")(explain.explain)
app.command("why")(why.why)
app.command("replay")(replay.replay)
app.command("sendmail", context_settings=send.AS_IT_IS)(send.sendmail)
app.command("tls-policy")(tls_policy.tls_policy)
app.command("warmup")(warmup.warmup)
app.command("import-sasldb")(sasldb.import_sasldb)
app.add_typer(accounts.user_app, name="user")
app.add_typer(domains.domain_app, name="domain")
app.add_typer(aliases.alias_app, name="alias")
app.add_typer(groups.group_app, name="group")
app.add_typer(transfer.directory_app, name="directory")
app.add_typer(app_passwords.app_password_app, name="app-password")
app.add_typer(dkim.dkim_app, name="dkim")
app.add_typer(dmarc.dmarc_app, name="dmarc")
app.add_typer(spam.spam_app, name="spam")
app.add_typer(spf.spf_app, name="spf")
app.add_typer(filters.filter_app, name="filter")
app.add_typer(queue.queue_app, name="queue")
app.add_typer(quota.quota_app, name="quota")
app.add_typer(ban.ban_app, name="ban")
app.add_typer(strangers.greylist_app, name="greylist")
app.add_typer(strangers.verified_app, name="verified")
app.add_typer(suppression.suppression_app, name="suppression")
app.add_typer(srs.srs_app, name="srs")
app.add_typer(tls_reports.tls_reports_app, name="tls-reports")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"postroad {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The configuration; else ./postroad.toml, then /etc/postroad/postroad.toml.",
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback has done the work
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and end."
        ),
    ] = False,
) -> None:
    """Remember what was said before the command."""
    context.obj = config


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says.

    Args:
        arguments: the words after the program's name.

    Returns:
        The exit status: 0, or one of sysexits(3).
    """
    try:
        status = app(args=list(arguments), prog_name="postroad", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        return EX_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe went away: nothing is wrong, and nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return os.EX_OK
    except SystemExit as ended:
        # The library of commands ends so where the pipe breaks while a command still writes.
        if isinstance(ended.__context__, BrokenPipeError):
            return os.EX_OK
        raise
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        show(refusal)
        return refusal.status
    return status if isinstance(status, int) else os.EX_OK


def show(refusal: Refusal) -> None:
    """Tell the operator. A command that lacks its second word is answered with its help, as is."""
    from postroad.config.mistake import one_line

    mark = "" if refusal.message.startswith("Usage:") else "postroad: "
    for line in refusal.message.splitlines():
        print(one_line(f"{mark}{line}"), file=sys.stderr)  # it may repeat an odd word


def main() -> None:
    """The `postroad` program."""
    prepare()
    sys.exit(run(sys.argv[1:]))


def prepare() -> None:
    """Standard input, output and errors that any command can use.

    One that is closed (`>&-`) becomes /dev/null: its number would else be that of the next file
    which is opened. What output has no room for is escaped: words of the command line that are no
    text in this locale are shown as JSON has them.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        os.set_inheritable(null, True)
    os.close(null)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
