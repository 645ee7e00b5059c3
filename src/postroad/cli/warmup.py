"""`postroad warmup`: what new source addresses may send today, and what they have sent.

The command reads the file that workers count in, whether the server runs or not.
"""

from __future__ import annotations

import os
import time

import typer

from postroad.cli.configured import state_of_server
from postroad.cli.listing import print_json, print_table
from postroad.cli.options import Json
from postroad.cli.refusal import Refusal

__all__ = ["warmup"]


def warmup(
    context: typer.Context,
    *,
    json: Json = False,
) -> None:
    """Show the warm-up of new source addresses: today's share of each, and what it has sent."""
    from postroad.config.ownership import acting_as, owner_of
    from postroad.delivery.warmup import WarmupUnavailable, states

    configuration = state_of_server(context)
    file = configuration.warmup_file
    try:
        with acting_as(owner_of(file.parent)):
            found = list(states(file, configuration.warmup, time.time()))
    except WarmupUnavailable as error:
        raise Refusal(str(error), os.EX_NOINPUT) from None
    if json:
        print_json(
            [
                {
                    "address": each.address,
                    "group": each.group,
                    "day": each.day,
                    "share": each.share,
                    "sent": each.sent,
                    "halved": each.halved,
                }
                for each in found
            ]
        )
        return
    rows = [
        (
            each.address,
            "all others" if each.group == "*" else each.group,
            str(each.day) if each.day else "not begun",
            "no limit" if each.share is None else str(each.share),
            str(each.sent),
            f"halved {each.halved} times" if each.halved else "",
        )
        for each in found
    ]
    header = ("ADDRESS", "DESTINATIONS", "DAY", "SHARE", "SENT", "")
    print_table(header, rows, none="no source address warms up")
