"""A worker's side of its runner: hands over an attempt, waits, and stops it when its time is up.

::

    request ─► child ─► BEGUN ─► ENDED ─► answer
                          └── time is up ─► kill, wait for its death ─► TimeIsUp
                 its death ─► ChildDied

The child is kept from one attempt to the next. A killed one is followed at once by another.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from daskloop.run.apart_children import Child, Children
from daskloop.run.apart_outfit import Outfit
from daskloop.run.apart_wire import (
    ANSWER,
    BEGUN,
    BEGUN_ASK,
    ENDED,
    LOGGED,
    Request,
    pack_request,
)

__all__ = ["ChildDied", "Runner", "TimeIsUp"]


def _nobody(line: bytes) -> None:
    """Let a line be lost."""


_TRIES = 3
"""So many children in a row may die before they call the function."""


class TimeIsUp(Exception):
    """The attempt was stopped.

    Parameters
    ----------
    started : float
        When its function was called, seconds since the epoch.
    ask : bool
        The task has predicates that judge failures: user code, for a child to call.
    """

    def __init__(self, started: float, ask: bool) -> None:
        super().__init__(started, ask)
        self.started = started
        self.ask = ask


class ChildDied(Exception):
    """The child ended by itself, or was killed by somebody else, while it made the attempt.

    Parameters
    ----------
    code : int
        Its exit code; minus the number of the signal that killed it.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Unbegun(ChildDied):
    """It died before it called the function: no attempt was lost with it."""


class Runner:
    """A process beside the worker that makes attempts which can be stopped.

    Parameters
    ----------
    fresh : bool, optional
        Start a new Python for each child instead of forking one; by default wherever forking is
        not known to be sound.

    Raises
    ------
    OSError
        If no process can be started.

    Notes
    -----
    For one thread at a time.
    """

    def __init__(self, fresh: bool = sys.platform != "linux") -> None:
        self._children = Children(fresh)

    def make(
        self,
        shared: bytes,
        own: bytes,
        worker: str,
        who: str,
        timeout: float | None,
        late: float | None = None,
        hear: Callable[[bytes], None] = _nobody,
    ) -> bytes:
        """Have an attempt made.

        Parameters
        ----------
        shared, own : bytes
            The packed `Shared` order, and an `Own` order of one attempt.
        worker, who : str
            The worker's address, and how it is named in its claims.
        timeout : float or None
            Seconds that the function may take.
        late : float, optional
            The attempt was stopped, and had begun then: have it judged.
        hear : callable, optional
            Takes each line that the attempt logs, while it runs.

        Returns
        -------
        bytes
            An envelope.

        Raises
        ------
        TimeIsUp
            The function took longer, and was stopped.
        ChildDied
            The process died under the attempt.
        OSError
            No process could be started for it.
        """
        for _ in range(_TRIES):
            child = self._children.living()
            try:
                self._hand_over(child, shared, own, worker, who, late)
                return self._answer(child, timeout, hear)
            except _Unbegun as death:  # perhaps while it had nothing to do yet
                code = death.code
        raise ChildDied(code)

    def _hand_over(
        self, child: Child, shared: bytes, own: bytes, worker: str, who: str, late: float | None
    ) -> None:
        outfit = Outfit.of_this_process()
        slot, is_new = child.slot_of(shared)
        change = outfit.change_from(child.outfit)
        request = Request(slot, shared if is_new else None, own, worker, who, change, late)
        try:
            child.line.send_bytes(pack_request(request))
        except OSError:
            raise _Unbegun(self._children.stop(child)) from None
        child.outfit = outfit

    def _answer(self, child: Child, timeout: float | None, hear: Callable[[bytes], None]) -> bytes:
        """Wait for the envelope, for as long as the attempt may take."""
        started, deadline, ask = 0.0, None, False
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                self._children.stop(child)
                raise TimeIsUp(started, ask)
            try:
                message = self._children.next_message(child, left)
            except OSError:  # the child's end is closed, or the keeper is gone
                death = ChildDied if started else _Unbegun
                raise death(self._children.stop(child)) from None
            if message in (BEGUN, BEGUN_ASK):
                started, ask = time.time(), message == BEGUN_ASK
                deadline = None if timeout is None else time.monotonic() + timeout
            elif message == ENDED:
                deadline = None
            elif message.startswith(LOGGED):
                hear(message.removeprefix(LOGGED))
            elif message:
                return message.removeprefix(ANSWER)

    def replace(self) -> None:
        """Have the next attempt made by a new child, which has imported nothing of the user's."""
        self._children.replace()

    def close(self) -> None:
        """End all processes."""
        self._children.close()
