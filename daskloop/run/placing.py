"""How early, where and with what attempts run: what the user says, and what the engine adds."""

from __future__ import annotations

from daskloop.executors.session import NO_DEMAND, Demand
from daskloop.plan.plan import Node, Plan
from daskloop.run.standing import Child

__all__ = ["Placing", "demands_of"]

_STEP = 2
"""The user's priorities are so far apart, to leave room between them for what is continued."""


class Placing:
    """What Dask is asked for with each attempt of a run.

    The user's priority decides; among equals, what continues something begun goes before what
    begins. A stored payload is read best where it was written, as long as the user has named
    neither workers nor resources: Dask would take any worker, not one that has the resources,
    should the preferred one be gone.
    """

    def __init__(self) -> None:
        self._said: dict[str, tuple[int, Demand]] = {}

    def of(self, child: Child) -> tuple[int, Demand]:
        """Return the priority for Dask, and the demand, of a child's next attempt."""
        plan = child.node.plan
        said = self._said.get(plan.path)
        if said is None:
            said = self._said[plan.path] = (_STEP * _priority(plan), demand_of(plan))
        priority, demand = said
        if child.continuing:
            priority += 1
        payload = child.progress.payload
        if (
            demand is NO_DEMAND
            and child.worker
            and payload is not None
            and payload.name is not None
        ):
            demand = Demand(workers=(child.worker,), allow_other_workers=True)
        return priority, demand


def demands_of(plan: Plan) -> dict[str, Demand]:
    """Return what tasks of a flow ask of workers, by their paths; the others are left out.

    Raises
    ------
    ValueError
        If the tags of a task cannot be read.
    """
    nodes = (node for node in plan.every_node() if node.parameter is None)
    demands = {node.path: demand_of(node) for node in nodes}
    return {path: demand for path, demand in demands.items() if demand is not NO_DEMAND}


def demand_of(node: Node) -> Demand:
    """Return what a task asks of workers."""
    said = node.task.placement.with_tags(node.task.tags)
    if not said.resources and not said.workers:
        return NO_DEMAND
    return Demand(said.resources or (), said.workers or (), bool(said.allow_other_workers))


def _priority(node: Node) -> int:
    return node.task.placement.priority or 0
