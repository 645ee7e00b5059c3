"""Whose a cancellation is: one's own, or that of something that was waited for.

A delivery waits for what is done for others as well. When such a task is given up, everybody who
waits for it meets a `CancelledError`, and nobody asked them to stop. To them it is a fault
elsewhere. One's own is never swallowed.
"""

from __future__ import annotations

import asyncio

__all__ = ["is_ours"]


def is_ours() -> bool:
    """Whether the task that runs was itself asked to stop."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
