"""Kills workers and supervisor at random under load, and tells what was acknowledged and what came.

Two workers take mail from eight connections and deliver it to a Maildir and to another SMTP server,
while processes are killed by SIGKILL at random, over and over. At the end everything is let arrive.
Nothing that was acknowledged may be lost; the exit status says so. `--trouble` has the other server
defer, or drop the connection after the end of the content, in that share of its transactions.

    python bench/campaign.py [--kills N] [--seed N] [--trouble 0.1] [--local]

With --local all mail is for mailboxes here, with quotas and a folder; there nothing may come twice
either, and the sums of quotas must be right.
"""

from __future__ import annotations

import argparse
import sys

from peers.campaign import Campaign, Figures, Plan


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds at most between kills")
    parser.add_argument("--rate", type=float, default=100.0, help="messages in a second")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--trouble", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--local", action="store_true")
    plan = Plan(**vars(parser.parse_args()))
    figures = Campaign(plan, lambda kills: _progress(kills, plan.kills)).run()
    _print(figures, plan)
    return 0 if figures.is_good else 1


def _progress(kills: int, of: int) -> None:
    if sys.stderr.isatty() or kills % 50 == 0:
        print(f"\r{kills} of {of} kills", end="", file=sys.stderr, flush=True)


def _print(figures: Figures, plan: Plan) -> None:
    kinds = ", ".join(f"{count} {kind}" for kind, count in figures.kills.most_common())
    print(f"\nseed {plan.seed}, trouble {plan.trouble:g}, {figures.seconds:.0f} seconds")
    print(f"{'kills':16}{figures.kills.total():>8}  ({kinds})")
    print(f"{'acknowledged':16}{figures.acknowledged:>8}  messages")
    print(f"{'delivered':16}{figures.delivered:>8}  copies of them, each counted once")
    print(f"{'not acknowledged':16}{figures.unacknowledged:>8}  copies that came all the same")
    print(f"{'duplicates':16}{figures.duplicates:>8}  copies beyond the first")
    print(f"{'damaged':16}{len(figures.damaged):>8}")
    print(f"{'lost':16}{len(figures.lost):>8}")
    for line in figures.miscounted:
        print(f"  maildirsize of {line}")
    for number, place in figures.lost[:50]:
        print(f"  message-{number:08d} for {place}")
    for line in figures.errors[:20]:
        print(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
