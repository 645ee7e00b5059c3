"""`postroad queue suspend` and `resume`: transports and destinations whose mail waits.

What Postfix's `defer_transports` does, said while the server runs, and remembered by it over
restarts. What the configuration names as well waits until it is taken out there.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json
from postroad.cli.options import Json
from postroad.cli.queue_entry import clean
from postroad.cli.refusal import Refusal, usage

if TYPE_CHECKING:
    from postroad.config import Configuration

__all__ = ["resume_transports", "suspend_transports"]

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME...]", help="Transports (smtp), or destinations (dest:example.net)."
    ),
]


def suspend_transports(context: typer.Context, names: Names = None, *, json: Json = False) -> None:
    """Have the mail of transports or destinations wait; without a name, tell which do."""
    from postroad.admin.transports import suspend

    configuration = state_of_server(context)
    if names:
        _require_known(names, configuration)
        with _owner(configuration):
            suspend(configuration.state_directory, names)
    _show(configuration, json=json)


def resume_transports(
    context: typer.Context,
    names: Names = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="All that were suspended by command.")
    ] = False,
    json: Json = False,
) -> None:
    """Let the mail of transports or destinations go on, with its next attempt."""
    from postroad.admin.transports import resume, suspended
    from postroad.queue.suspension import suspension_key

    if bool(names) == everything:
        raise usage("name what is to go on, or say --all")
    configuration = state_of_server(context)
    state = configuration.state_directory
    known = set(map(suspension_key, suspended(state)))
    unknown = [name for name in names or () if suspension_key(name) not in known]
    if unknown:
        raise Refusal(f"{clean(unknown[0])} was not suspended by command", os.EX_DATAERR)
    with _owner(configuration):
        resume(state, names or sorted(known))
    _show(configuration, json=json)


def _owner(configuration: Configuration) -> AbstractContextManager[None]:
    """Be whoever owns the state directory, where root runs the command."""
    from postroad.config.ownership import acting_as, owner_of

    return acting_as(owner_of(configuration.state_directory))


def _require_known(names: list[str], configuration: Configuration) -> None:
    """Every name is one of a transport there is, or of a destination.

    Raises:
        Refusal: one is not.
    """
    from postroad.config.destinations import deferred_faults

    for name in names:
        for fault in deferred_faults((), name, configuration):
            hint = f"; did you mean {fault.suggestion}?" if fault.suggestion else ""
            raise Refusal(f"{fault.message}{hint}", os.EX_DATAERR)


def _show(configuration: Configuration, *, json: bool) -> None:
    from postroad.admin.transports import suspended

    by_command = suspended(configuration.state_directory)
    by_file = configuration.queue.defer_transports
    if json:
        print_json({"by_command": list(by_command), "by_configuration": list(by_file)})
        return
    for name in by_command:
        print(f"{clean(name)}: its mail waits")
    for name in by_file:
        print(f"{clean(name)}: its mail waits, by [queue] defer_transports")
    if not by_command and not by_file:
        print("no mail waits for a transport or destination")
