"""Many clients in a process of their own: what they compute is not measured with the rest."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe

__all__ = ["Pipe", "crowd"]


@contextmanager
def crowd(
    run: Callable[[int, int, Pipe], None], port: int, clients: int, *, within: float
) -> Iterator[Callable[[], int]]:
    """Clients that are there, until the end of the block.

    Args:
        run: what their process does, given port, number of clients and a pipe. It sends once when
            the clients are there, and then an integer for each message it gets.
        port: of the server on 127.0.0.1.
        clients: how many.
        within: seconds until they have to be there.

    Yields:
        What asks the process for its integer.

    Raises:
        TimeoutError: they were not there in time.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=run, args=(port, clients, theirs), daemon=True)

    def ask() -> int:
        ours.send("count")
        return int(ours.recv())

    process.start()
    try:
        if not ours.poll(within):
            raise TimeoutError(f"{clients} clients were not there within {within:g} seconds")
        ours.recv()
        yield ask
    finally:
        process.terminate()
        process.join()
