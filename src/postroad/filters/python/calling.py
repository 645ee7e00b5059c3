"""Calling a hook, whatever it does: nothing that a program raises goes past here.

Theory of operation. An `async def` runs as a task of its own: one that swallows its cancellation
goes on without anybody waiting for it. A `def` runs in a thread. A thread cannot be ended from
outside, so a hook that hangs there keeps its thread; there are few of them, they do not keep the
process from ending, and while all of them hang every call fails when its time is over. What cannot
be helped is an `async def` that computes or sleeps without awaiting: it stops its whole worker. The
time between two of its waits is taken, so that the log can name it afterwards.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from typing import NamedTuple, cast

from postroad.filters.python.answers import Answer
from postroad.filters.python.program import Hook, told

__all__ = ["Calls", "Failure"]

THREADS = 16
"""Hooks that run in threads at the same time, in one filter of one worker."""

LOST = 64
"""Calls that were given up and go on all the same. With so many the program is not asked at all:
each keeps the message that it was shown."""


HELD_UP = 1.0
"""Seconds that a hook may hold its worker up before the log names it."""


class Failure(NamedTuple):
    """Why a hook gave no answer, in one line."""

    words: str


class Calls:
    """Calls hooks, within bounds."""

    def __init__(
        self, warn: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nothing was called yet.

        Args:
            warn: writes a line of the log.
            clock: seconds.
        """
        self._warn = warn
        self._clock = clock
        self._threads = asyncio.Semaphore(THREADS)
        self._lost: set[asyncio.Task[Answer | Failure | None]] = set()

    @property
    def lost(self) -> int:
        """How many calls were given up and go on all the same."""
        return len(self._lost)

    async def call(self, hook: Hook, *arguments: object, seconds: float) -> Answer | Failure | None:
        """Ask one.

        Args:
            hook: the hook.
            arguments: what it is called with.
            seconds: what it may take.
        """
        if self.lost >= LOST:
            return Failure(f"{_place(hook)}: {LOST} calls that were given up have not ended yet")
        call = _Call(hook, arguments, self._clock)
        work = call.wait() if hook.waits else self._in_thread(call)
        task = asyncio.create_task(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        finally:
            if call.longest > HELD_UP:
                words = f"held its whole worker up for {call.longest:.1f} s: make it a def"
                self._warn(f"{_place(hook)} {words}")
            if not task.done():
                call.give_up()
                self._give_up(task)
        if not done:
            return Failure(f"{_place(hook, call.line)}: it gave no answer within {seconds:.3g} s")
        if task.cancelled():
            return Failure(f"{_place(hook)}: it cancelled itself")
        return task.result()

    def _give_up(self, task: asyncio.Task[Answer | Failure | None]) -> None:
        task.cancel()
        self._lost.add(task)
        task.add_done_callback(self._lost.discard)

    async def _in_thread(self, call: _Call) -> Answer | Failure | None:
        loop = asyncio.get_running_loop()
        await self._threads.acquire()
        result: asyncio.Future[Answer | Failure | None] = loop.create_future()

        def done(outcome: Answer | Failure | None) -> None:
            self._threads.release()
            if not result.done():
                result.set_result(outcome)

        def work() -> None:
            outcome = call.run()
            try:
                loop.call_soon_threadsafe(done, outcome)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

        thread = threading.Thread(target=work, name=f"filter {call.hook.path.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system has no more threads
            self._threads.release()
            return Failure(f"{_place(call.hook)}: {error}")
        return await result


class _Call:
    """One call of a hook.

    Attributes:
        hook: what is called.
        line: where it waited when it was given up; 0: not known.
        longest: the longest time between two waits, seconds.
    """

    def __init__(
        self, hook: Hook, arguments: tuple[object, ...], clock: Callable[[], float]
    ) -> None:
        self.hook = hook
        self.line = 0
        self.longest = 0.0
        self._clock = clock
        self._arguments = arguments
        self._is_closing = False  # the loop has ended, and lets go of what still waits
        self._coroutine: Coroutine[object, object, object] | None = None

    async def wait(self) -> Answer | Failure | None:
        """Have an `async def` run."""
        try:
            function = self.hook.function
            coroutine = cast("Coroutine[object, object, object]", function(*self._arguments))
            self._coroutine = coroutine
            return _answer(self.hook, await self)
        except asyncio.CancelledError:
            raise  # `call` tells one that came from outside from one of its own
        except BaseException as error:  # SystemExit would end the worker
            if self._is_closing:
                raise
            return Failure(f"{self.hook.name} failed: {told(error, self.hook.path)}")

    def __await__(self) -> Generator[object, object, object]:
        """Wait for the coroutine, and take the time of each of its steps."""
        coroutine = self._coroutine
        assert coroutine is not None
        fault: BaseException | None = None
        while True:
            began = self._clock()
            try:
                awaited = coroutine.send(None) if fault is None else coroutine.throw(fault)
            except StopIteration as end:
                return end.value
            finally:
                self.longest = max(self.longest, self._clock() - began)
            fault = None
            try:
                yield awaited
            except GeneratorExit:
                self._is_closing = True
                coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001 - a cancellation, handed on
                fault = error

    def run(self) -> Answer | Failure | None:
        """Run a `def`."""
        try:
            return _answer(self.hook, self.hook.function(*self._arguments))
        except BaseException as error:  # noqa: BLE001 - it ends in this thread
            return Failure(f"{self.hook.name} failed: {told(error, self.hook.path)}")

    def give_up(self) -> None:
        """Note the line of the file at which it waits."""
        frame = getattr(self._coroutine, "cr_frame", None)
        self.line = frame.f_lineno if frame is not None else 0


def _answer(hook: Hook, given: object) -> Answer | Failure | None:
    if given is None or isinstance(given, Answer):
        return given
    kind = type(given).__name__
    words = "expected None, accept(), reject(…), defer(…) or hold(…)"
    return Failure(f"{_place(hook)} answered with something of type {kind}: {words}")


def _place(hook: Hook, line: int = 0) -> str:
    code = getattr(hook.function, "__code__", None)
    at = line or (code.co_firstlineno if code is not None else 0)
    return f"{hook.name} ({hook.path}:{at})" if at else f"{hook.name} ({hook.path})"
