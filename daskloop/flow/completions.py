"""The children of a run, one after the other as each gets its final state."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator

from daskloop.run import Run
from daskloop.run.board import Completed
from daskloop.run.standing import Child

__all__ = ["Completions"]

_LOOK = 0.2  # seconds after which a wait looks whether Ctrl-C was pressed


class Completions:
    """Gives each task and each child of a map once, with ``for`` or ``async for``.

    Parameters
    ----------
    run : Run
        The run.

    Notes
    -----
    Each loop over it begins with the first that ended. It ends when the run has; if the run broke,
    what broke it is raised then.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def __iter__(self) -> Iterator[Completed]:
        moved = threading.Event()
        seen = 0
        with self._woken(moved.set):
            while True:
                moved.clear()
                is_over = self._run.outcome.done()
                ended = self._run.board.over(seen)
                seen += len(ended)
                yield from _told(ended)
                if is_over:
                    break
                # A signal that the system hands to another thread ends no wait without a limit.
                while not moved.wait(_LOOK):
                    continue
        self._run.end()

    async def __aiter__(self) -> AsyncIterator[Completed]:
        loop = asyncio.get_running_loop()
        moved = asyncio.Event()
        seen = 0

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed, with nobody to wake
                loop.call_soon_threadsafe(moved.set)

        with self._woken(wake):
            while True:
                moved.clear()
                is_over = self._run.outcome.done()
                ended = self._run.board.over(seen)
                seen += len(ended)
                for one in _told(ended):
                    yield one
                if is_over:
                    break
                await moved.wait()
        self._run.end()

    @contextlib.contextmanager
    def _woken(self, wake: Callable[[], None]) -> Iterator[None]:
        with self._run.board.waking(wake):
            self._run.outcome.add_done_callback(lambda _: wake())
            yield


def _told(ended: list[Child]) -> Iterator[Completed]:
    """Leave out Parameters, and the state of a map as a whole: its children are there."""
    for child in ended:
        plan, state = child.node.plan, child.state
        whole = child is child.node.child and child.node.fanned_out
        if plan.parameter is None and not whole and state is not None:
            yield Completed(plan.task, child.index, state)
