"""Show a run on the dashboard of its cluster, from a thread of its own.

::

    every second, or half a second while somebody looks:
    board ── a look, between two turns ──► sampler ──► messenger ──► scheduler
      ▲                                                                 │
      └──────────────── who looks, at which tasks ◄─────────────────────┘

While nobody looks, only the run's counts are told.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from daskloop.dashboard.messenger import Messenger, loops_link
from daskloop.dashboard.views import Asked, RunView
from daskloop.events import Listener
from daskloop.plain_text import hidden, one_line
from daskloop.plan.plan import Plan
from daskloop.run.board import Board
from daskloop.run.machine import Machine
from daskloop.run.mishaps import Mishaps
from daskloop.run.sampling import Sampler
from daskloop.run.secret_texts import secret_texts
from daskloop.states import State

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Showing"]

logger = logging.getLogger("daskloop.dashboard")

UNSEEN = 1.0
"""Seconds between two messages while nobody looks."""

SEEN = 0.5
"""Seconds between two messages while somebody looks, at the least."""

SHARE = 50
"""A look is followed by so many times its own duration without one: it costs 2 % at the most."""

LAST_WAIT = 5.0
"""Seconds that the last message has."""


class Showing:
    """Tells the dashboard of one run until it is closed.

    Parameters
    ----------
    client : distributed.Client or None
        Of the cluster that may have a dashboard; None to tell nobody.
    run : str
        Name of the run.
    plan : Plan
        The flow.
    parameters : mapping
        Values by name; secret ones are not shown in messages of tasks either.
    board : Board
        Where the run is looked at.
    """

    def __init__(
        self,
        client: Client | None,
        run: str,
        plan: Plan,
        parameters: Mapping[str, Any],
        board: Board,
    ) -> None:
        self._thread: threading.Thread | None = None
        self.listeners: Sequence[Listener] = ()
        """What has to hear the run's events."""
        if client is None:
            return
        mishaps = Mishaps()
        self.listeners = (mishaps,)
        self._redact = partial(hidden, secrets=secret_texts(plan, parameters))
        self._sampler = Sampler(mishaps, self._redact)
        self._client = client
        self._messenger = Messenger(client)
        self._board = board
        now = time.time()
        flow, place = one_line(plan.flow_name, 80), one_line(client.scheduler.address, 80)
        self._view = RunView(run, flow, place, now, now, "Running", False, "", 0, 0, 0)
        self._end: State | None = None
        self._next_look = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"daskloop-dashboard-{run}")
        self._thread.daemon = True  # a scheduler that does not answer must not keep the process
        self._thread.start()

    def close(self, state: State | None) -> None:
        """Tell how the run ended; None if it did not come to an end."""
        if self._thread is None:
            return
        self._end = state
        self._over.set()
        self._thread.join(LAST_WAIT)

    def _work(self) -> None:
        try:
            self._tell()
        # The page is an extra: whatever is wrong with it must not reach the run.
        except Exception:
            logger.warning("run %s: its loops are shown no more", self._view.run, exc_info=True)

    def _tell(self) -> None:
        asked: Asked | None = None
        while True:
            # Looked at before the board: what is told as the end has to be that.
            over = self._over.is_set()
            self._view = self._board.look(partial(self._look, asked, over)) or self._view
            if over:
                self._messenger.tell(self._ended())
                return
            first, asked = asked is None, self._messenger.tell(self._view)
            if asked is not None and not asked.page:
                return
            if first and asked is not None:
                self._say_where()
            self._over.wait(SEEN if asked is not None and asked.looking else UNSEEN)

    def _look(self, asked: Asked | None, over: bool, machine: Machine) -> RunView:
        counts = machine.counts
        tasks, more = None, self._view.more_tasks
        began = time.perf_counter()
        slugs = self._slugs(asked, over, began)
        if slugs is not None:
            tasks, more = self._sampler.tasks(machine.standing.nodes, slugs or None)
            ended = time.perf_counter()
            self._next_look = ended + SHARE * (ended - began)
        return replace(
            self._view,
            at=time.time(),
            state="Stopping" if machine.stopping else "Paused" if machine.resting else "Running",
            message=one_line(machine.stopping or ""),
            iterations=counts.iterations,
            retries=counts.retries,
            losses=counts.losses,
            more_tasks=more,
            tasks=tasks,
        )

    def _slugs(self, asked: Asked | None, over: bool, now: float) -> set[str] | None:
        """Say which tasks to look at from near: the first ones if empty; None to look at none."""
        if over:
            return set()
        if asked is None or not asked.looking or now < self._next_look:
            return None
        return set(asked.slugs) - {""}  # who has just begun to look knows no task yet

    def _ended(self) -> RunView:
        state = self._end
        name = "Ended early" if state is None else type(state).__name__
        text = "" if state is None else one_line(self._redact(state.message or ""))
        return replace(self._view, at=time.time(), state=name, ended=True, message=text)

    def _say_where(self) -> None:
        link = loops_link(self._client)
        if link is not None:
            logger.info("run %s: its loops are shown at %s", self._view.run, link)
