"""Look at the standing of a run and describe it for the dashboard, at a bounded size.

Nothing is kept for this while a run goes on: a look reads what the driver knows of each child.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import compress, islice

from daskloop.dashboard.standings import Standing, standing_at_end
from daskloop.dashboard.views import (
    CELLS,
    STRIPS,
    TASKS,
    Cells,
    ChildLine,
    Strip,
    TaskView,
)
from daskloop.plain_text import one_line
from daskloop.run.mishaps import Mishaps
from daskloop.run.progress import Phase
from daskloop.run.standing import Child, NodeStanding

__all__ = ["Sampler", "standing_of"]

_FAILED, _WAITING, _OLDEST, _FARTHEST = 10, 10, 10, 5  # children of each kind that get a line
_NAME, _MESSAGE = 80, 200  # columns

_WAITS, _READY, _DELAYED = Phase.WAITING, Phase.READY, Phase.DELAYED
_PAUSED, _ENDED = Phase.PAUSED, Phase.ENDED


class Sampler:
    """Describes the tasks of one run, again and again.

    Parameters
    ----------
    mishaps : Mishaps
        What went wrong so far.
    redact : callable, optional
        Takes a text of the user's and returns it without what is secret.

    Notes
    -----
    To be called between the turns of the driver. A task that has closed is looked at once.
    """

    def __init__(self, mishaps: Mishaps, redact: Callable[[str], str] = str) -> None:
        self._mishaps = mishaps
        self._redact = redact
        self._closed: dict[int, TaskView] = {}

    def tasks(
        self, nodes: Sequence[NodeStanding], slugs: Collection[str] | None
    ) -> tuple[tuple[TaskView, ...], int]:
        """Describe the tasks of a run.

        Parameters
        ----------
        nodes : sequence of NodeStanding
            How they stand.
        slugs : collection of str or None
            The tasks whose children are shown one by one; None for the first ones.

        Returns
        -------
        views : tuple of TaskView
            In the order of the flow.
        more : int
            How many more there are.
        """
        shown = [node for node in nodes if node.plan.parameter is None]
        more = max(0, len(shown) - TASKS)
        if more:  # those that are over and well are missed least
            shown.sort(key=lambda node: node.closed and not node.failed)
            shown = sorted(shown[:TASKS], key=lambda node: node.plan.number)
        if slugs is None:
            slugs = {node.plan.slug for node in shown[: TASKS // 10]}
        return tuple(self._task(node, node.plan.slug in slugs) for node in shown), more

    def _task(self, node: NodeStanding, near: bool) -> TaskView:
        known = self._closed.get(node.plan.number)
        if known is not None and (known.lines or known.cells or known.strips or not near):
            return known
        view = self._look(node, near)
        if node.closed:
            self._closed[node.plan.number] = view
        return view

    def _look(self, node: NodeStanding, near: bool) -> TaskView:
        plan = node.plan
        children = _children(node)
        standings = bytes(map(standing_of, children))
        counts = tuple(map(standings.count, Standing))
        behind = sum(child.progress.iteration for child in children) - len(children)
        retries, losses = self._mishaps.counts(plan.slug)
        whole = len(children) <= CELLS
        return TaskView(
            plan.slug,
            one_line(plan.name, _NAME),
            plan.mapped,
            None if plan.mapped and not node.opened and not node.closed else len(children),
            counts,
            behind + counts[Standing.DONE],
            retries,
            losses,
            self._cells(plan.slug, children, standings) if near and whole else None,
            _strips(standings) if near and not whole else (),
            self._lines(children, standings) if near else (),
        )

    def _cells(self, slug: str, children: Sequence[Child], standings: bytes) -> Cells:
        reached = tuple(
            0 if child.progress.begun is None else child.progress.iteration for child in children
        )
        return Cells.of(standings, reached, self._mishaps.failed(slug))

    def _lines(self, children: Sequence[Child], standings: bytes) -> tuple[ChildLine, ...]:
        def those(wanted: Standing) -> Iterator[Child]:
            return compress(children, map(wanted.__eq__, standings))

        chosen = [
            *islice(those(Standing.FAILED), _FAILED),
            *heapq.nsmallest(_WAITING, those(Standing.RETRYING), key=_due),
            *islice(those(Standing.PAUSED), _WAITING),
            *heapq.nsmallest(_OLDEST, those(Standing.UNDER_WAY), key=_begun),
            *heapq.nlargest(_FARTHEST, those(Standing.DONE), key=_iteration),
        ]
        return tuple(map(self._line, chosen))

    def _line(self, child: Child) -> ChildLine:
        progress = child.progress
        start = getattr(child.announced, "start_time", None)
        return ChildLine(
            one_line(child.name, _NAME),
            standing_of(child),
            progress.iteration,
            0 if child.ended else progress.run_count,
            child.node.plan.task.retry.max_retries + 1,
            progress.begun,
            start.timestamp() if start is not None and not child.ended else None,
            one_line(self._redact(_message(child)), _MESSAGE),
        )


def standing_of(child: Child) -> Standing:
    """Say how a child stands, in the words of the dashboard."""
    # Compared one by one: a wide map asks this of every child, and an Enum is slow to hash.
    phase = child.progress.phase
    if phase is _ENDED:
        return Standing.DONE if child.state is None else standing_at_end(child.state)
    if phase is _WAITS:
        return Standing.WAITING
    if phase is _READY and child.progress.begun is None:
        return Standing.READY
    if phase is _DELAYED:
        return Standing.RETRYING
    return Standing.PAUSED if phase is _PAUSED else Standing.UNDER_WAY  # or between two iterations


def _children(node: NodeStanding) -> Sequence[Child]:
    if not node.plan.mapped or (node.closed and not node.fanned_out):
        return [node.child]
    return node.children


def _strips(standings: bytes) -> tuple[Strip, ...]:
    size = -(-len(standings) // STRIPS)
    return tuple(
        Strip(first, tuple(map(standings[first : first + size].count, Standing)))
        for first in range(0, len(standings), size)
    )


def _message(child: Child) -> str:
    """Return the words that say most: of the end, of a wait, of the last iteration."""
    state = child.state if child.ended else None
    if state is None and child.progress.phase in (Phase.DELAYED, Phase.PAUSED):
        state = child.announced
    if state is not None and not state.is_successful():
        return state.message or ""
    messages = child.progress.messages
    return messages[-1] if messages else ""


def _due(child: Child) -> float:
    start = getattr(child.announced, "start_time", None)
    return 0.0 if start is None else float(start.timestamp())


def _begun(child: Child) -> float:
    return child.progress.begun or 0.0


def _iteration(child: Child) -> int:
    return child.progress.iteration
