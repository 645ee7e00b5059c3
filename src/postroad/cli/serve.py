"""`postroad serve`: run the server until told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from postroad.cli.configured import configuration_file
from postroad.cli.refusal import usage

__all__ = ["serve"]


def serve(
    context: typer.Context,
    *,
    dev: Annotated[
        bool,
        typer.Option(
            "--dev",
            help="For trying things out: high ports, a self-signed certificate, a demo account, "
            "no configuration file; mail for other domains is caught in a Maildir.",
        ),
    ] = False,
    port_offset: Annotated[
        int | None,
        typer.Option("--port-offset", metavar="N", help="With --dev: add N to each port."),
    ] = None,
    smarthost: Annotated[
        str | None,
        typer.Option(
            "--smarthost",
            metavar="HOST",
            help="With --dev: send mail for other domains through this relay.",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state", metavar="DIR", help="With --dev: where to keep everything (.postroad-dev)."
        ),
    ] = None,
) -> int:
    """Run the server until it is told to stop."""
    if dev:
        return _serve_dev(port_offset, smarthost, state)
    given = {"--port-offset": port_offset, "--smarthost": smarthost, "--state": state}
    for option, value in given.items():
        if value is not None:
            raise usage(f"{option} is for --dev; a server's own is set in its configuration")

    from postroad.app.serve import serve_file

    return serve_file(configuration_file(context))


def _serve_dev(port_offset: int | None, smarthost: str | None, state: Path | None) -> int:
    from postroad.app.dev import PORTS, DevOptions, run_dev
    from postroad.config.ownership import acting_as, owner_of
    from postroad.config.ways import is_next_hop

    usual = DevOptions()
    offset = usual.port_offset if port_offset is None else port_offset
    if not all(1 <= port + offset <= 65_535 for port in PORTS.values()):
        raise usage(f"--port-offset {offset} leads outside the ports 1 to 65535")
    if smarthost and not is_next_hop(smarthost):
        raise usage(f'--smarthost: expected "[host]:port", "host:port" or "host", not {smarthost}')
    options = DevOptions(
        state=state or usual.state,
        port_offset=offset,
        smarthost=smarthost or usual.smarthost,
    )
    # Run by root in somebody's folder, what it leaves there must be of use to that somebody.
    with acting_as(owner_of(options.state)):
        return run_dev(options)
