"""`postroad dmarc reports`: what others saw of mail in the name of our domains, and what to do.

Goes by the reports that the server received, whether it runs or not, or by files that are named.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json_stream
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal, usage
from postroad.cli.reports_missing import say_none

if TYPE_CHECKING:
    from postroad.reports.dmarc.received import Kept
    from postroad.reports.dmarc.summary import Wanted

__all__ = ["reports"]

MOST_FILES = 10_000
"""Files of a folder that are read."""

LARGEST = 104_857_600
"""Octets of a file that is read: it is held in memory."""


def reports(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="Files and folders to read instead."),
    ] = None,
    *,
    domain: Annotated[
        str, typer.Option("--domain", metavar="DOMAIN", help="Only mail of it, and below it.")
    ] = "",
    source: Annotated[
        str, typer.Option("--source", metavar="ADDRESS", help="Only mail from this IP address.")
    ] = "",
    since: Annotated[
        str,
        typer.Option("--since", metavar="TIME", help="Only reports since then: 2026-11-01, or 7d."),
    ] = "",
    proved: Annotated[
        bool, typer.Option("--proved", help="Only reports whose mail passed DMARC.")
    ] = False,
    most: Annotated[
        int, typer.Option("--most", metavar="NUMBER", min=1, help="Sources shown for each domain.")
    ] = 25,
    no_names: Annotated[
        bool, typer.Option("--no-names", help="Do not look up the names of sources.")
    ] = False,
    json: Json = False,
) -> None:
    """Show who sends mail in the name of our domains, as others report it, and what to do."""
    from postroad.cli.dmarc_reports_shown import document, lines
    from postroad.model.address import domain_key
    from postroad.reports.dmarc.summary import Wanted, summaries

    wanted = Wanted(
        domain=domain_key(domain), source=_address(source), since=_moment(since), proved=proved
    )
    with ExitStack() as exits:
        found = _of_files(files) if files else _received(context, wanted, exits)
        abouts = summaries(found, wanted)
    if not abouts and not files:
        say_none("dmarc_reports", state_of_server(context).dmarc_reports.receive)
    shown = [each.address for about in abouts for each in about.ranking[: None if json else most]]
    known = {} if no_names else _names(context, shown, needs_server=not files)
    if json:
        print_json_stream(document(about, known) for about in abouts)
        return
    for count, about in enumerate(abouts):
        if count:
            print()
        for line in lines(about, known, most):
            print(line)


def _address(text: str) -> str:
    from postroad.reports.dmarc.values import address

    found = address(text)
    if text and not found:
        raise usage(f"{text} is no IP address")
    return found


def _moment(text: str) -> float:
    """Seconds since the epoch, of a date, a time, or how long ago it was."""
    from postroad.model.units import parse_duration

    if not text:
        return 0.0
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    try:
        return time.time() - parse_duration(text)
    except ValueError:
        raise usage(f'"{text}" is no time: expected 2026-11-01, or 7d for a week ago') from None


def _received(context: typer.Context, wanted: Wanted, exits: ExitStack) -> Iterable[Kept]:
    """What the configured server keeps; nothing, and no file is made, without its file."""
    from postroad.config.ownership import acting_as, owner_of
    from postroad.limits.state_file import open_file
    from postroad.reports.dmarc.received import DMARC_RECEIVED, kept

    configuration = state_of_server(context)
    file, keep = configuration.dmarc_received_file, configuration.dmarc_reports.keep
    if not file.exists():
        return ()
    exits.enter_context(acting_as(owner_of(file.parent)))
    connection = exits.enter_context(closing(open_file(file, DMARC_RECEIVED)))
    return kept(connection, wanted.since, time.time() - keep if keep else 0.0)


def _of_files(files: list[Path]) -> Iterator[Kept]:
    """The reports in files and folders; of a folder what is none is passed over, with a word."""
    from postroad.reports.arrival import Malformed
    from postroad.reports.dmarc.attachments import in_file
    from postroad.reports.dmarc.received import Kept

    known: set[tuple[str, str, str]] = set()
    for path, is_named in _paths(files):
        try:
            found = in_file(_octets(path))
        except Malformed as error:
            if is_named:
                raise Refusal(f"{path}: no report on DMARC: {error}", os.EX_DATAERR) from None
            print(f"{path}: passed over: {error}", file=sys.stderr)
            continue
        for report in found:
            key = (report.organization, report.id, report.published.domain)
            if key not in known:
                known.add(key)
                yield Kept(report, is_named=True)


def _paths(files: list[Path]) -> Iterator[tuple[Path, bool]]:
    for path in files:
        if not path.is_dir():
            yield path, True
            continue
        inside = sorted(each for each in path.rglob("*") if each.is_file())
        if len(inside) > MOST_FILES:
            raise Refusal(f"{path} has more than {MOST_FILES:,} files", os.EX_DATAERR)
        yield from ((each, False) for each in inside)


def _octets(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            octets = file.read(LARGEST + 1)
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}", os.EX_NOINPUT) from None
    if len(octets) > LARGEST:
        raise Refusal(f"{path} has more than {LARGEST:,} octets", os.EX_DATAERR)
    return octets


def _names(
    context: typer.Context, addresses: list[str], *, needs_server: bool
) -> Mapping[str, str]:
    """Names of addresses, as the server's DNS has them; of files also without a server."""
    import asyncio

    from postroad.app.reverse_names import names_of
    from postroad.config import ConfigurationError
    from postroad.net.settings import DnsSettings

    wanted = [each for each in addresses if each]
    if not wanted:
        return {}
    try:
        settings = state_of_server(context).dns
    except ConfigurationError:
        if needs_server:
            raise
        settings = DnsSettings()
    return asyncio.run(names_of(settings, wanted))
