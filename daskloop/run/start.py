"""Start a run, and hand out what its caller waits on."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from daskloop import config
from daskloop.define.graph import TaskGraph
from daskloop.events import Listener
from daskloop.executors.choose import Inline, choose
from daskloop.plan.compile import compile_plan
from daskloop.run.driver import Driver
from daskloop.run.ended import Ended
from daskloop.run.errand import Errand
from daskloop.run.given_states import check_states
from daskloop.run.options import RunOptions
from daskloop.run.register import Registered, register
from daskloop.run.secret_texts import secret_texts
from daskloop.run.taking_back import take_back
from daskloop.states import State

__all__ = ["Run", "start"]

logger = logging.getLogger("daskloop.run")

_LOOK = 0.2  # seconds after which a wait looks whether Ctrl-C was pressed
_LAST_WAIT = 30.0  # seconds that a run has to end after a second Ctrl-C


def start(
    flow: TaskGraph,
    *,
    parameters: Mapping[str, Any],
    options: RunOptions,
    listeners: Sequence[Listener] = (),
    taken: Registered | None = None,
    origin: str | None = None,
    here: bool = True,
    at_end: Callable[[Ended], None] | None = None,
) -> Run:
    """Start a run of a flow.

    Parameters
    ----------
    flow : TaskGraph
        The flow; handlers are taken from its `state_handlers` and `on_failure`.
    parameters : mapping
        A value for every parameter, by name.
    options : RunOptions
        What `flow.run` was given besides.
    listeners : sequence of Listener
        Told what happens.
    taken : Registered, optional
        A run that was asked for by name and taken over already.
    origin : str, optional
        ``FILE:FLOW`` where the flow is found again.
    here : bool
        True to drive an inline run in the thread that asks for its result; False for a thread of
        its own, as any other run has.
    at_end : callable, optional
        Told how the run ended, on the thread that drives it, before its caller is; must not raise.

    Raises
    ------
    ValueError
        If the flow or the executor cannot be used; nothing has run then.
    """
    plan = compile_plan(flow)
    check_states(plan, options.task_states)
    choice = choose(options.executor, None, options.workers)
    registered = take_back(plan, options, register(plan, parameters, options, taken, origin))
    errand = Errand(
        registered=registered,
        flow=flow,
        plan=plan,
        parameters=parameters,
        choice=Inline() if registered.is_over else choice,
        context=options.context,
        task_states=options.task_states or {},
        history=options.history,
        batch=options.batch,
        store=options.store,
        listeners=listeners,
        keeps=at_end is not None and options.journal is None,
        at_end=at_end,
    )
    return Run(errand, here=here)


class Run:
    """A run under way.

    Notes
    -----
    An inline run that is begun `here` is driven by the thread that asks for its result; any other
    has a driver thread of its own, so that it works in a notebook whose event loop is running.
    """

    def __init__(self, errand: Errand, *, here: bool = True) -> None:
        self.name = errand.run
        self.plan = errand.plan
        """The flow."""
        self.secrets = secret_texts(errand.plan, errand.parameters)
        """Texts that nobody is shown, the longest first."""
        self._driver = Driver(errand)
        self.board = self._driver.board
        """What other threads may look at."""
        self.post = self._driver.post
        """Takes news for the machine, on any thread."""
        self.outcome: concurrent.futures.Future[State] = concurrent.futures.Future()
        """The state, once there is one, of a run with a thread of its own."""
        self.outcome.set_running_or_notify_cancel()  # who waits for it cannot cancel it
        self._thread: threading.Thread | None = None
        if not (here and isinstance(errand.choice, Inline)):
            self._thread = threading.Thread(
                target=self._drive, name=f"daskloop-{errand.run}", daemon=True
            )
            self._thread.start()

    def stop(self, reason: str, *, now: bool = False) -> None:
        """Begin no iteration any more; with `now`, give up those that run as well.

        May be called on any thread, and in a signal handler.
        """
        self._driver.halt(reason, now=now)

    def result(self, timeout: float | None = None) -> State:
        """Wait for the run to end and return its state.

        Ctrl-C once begins no iteration any more and lets those end that run, for as long as the
        setting ``daskloop.drain`` says; twice gives those up at once.

        Raises
        ------
        TimeoutError
            If it has not ended after so many seconds; it goes on.
        """
        if self._thread is None:
            return self._driver.drive()
        try:
            if not self._wait(timeout):
                text = f"run {self.name} has not ended within {timeout:g} s; it goes on"
                raise TimeoutError(text)
        except KeyboardInterrupt:
            self._stop()
        return self.end()

    def end(self) -> State:
        """Return the state of a run that has ended, or raise what ended it."""
        if self._thread is not None:
            self._thread.join()  # it has little left to do
        return self.outcome.result()

    def _wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False if the time was up before."""
        ends = float("inf") if timeout is None else time.monotonic() + timeout
        # A signal that the system hands to another thread does not end a wait without a limit.
        while not self.outcome.done():
            left = ends - time.monotonic()
            if left <= 0:
                return False
            concurrent.futures.wait([self.outcome], timeout=min(_LOOK, left))
        return True

    def _stop(self) -> None:
        """End the run: softly at first, then, after a while or a second Ctrl-C, at once."""
        logger.warning("run %s: stopping after the running iterations", self.name)
        self._driver.halt("stopped by Ctrl-C")
        try:
            if self._wait(config.seconds("drain")):
                return
            self._driver.halt("stopped by Ctrl-C, with attempts still running", now=True)
            self._wait()
        except KeyboardInterrupt:
            self._driver.halt("stopped by a second Ctrl-C", now=True)
            self._wait(_LAST_WAIT)
            raise

    def _drive(self) -> None:
        try:
            state = self._driver.drive()
        # Raised again in the thread that waits for the result.
        except BaseException as error:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(state)
