"""Whether a run is being stopped, and which children that concerns."""

from __future__ import annotations

from daskloop.run.standing import Child

__all__ = ["Halting"]


class Halting:
    """The stop of a run, once there is one.

    A stop spares the tasks that put away what others have set up, unless it has to be at once, or
    nothing can be sent any more.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        """Why the run is being stopped, if it is."""
        self._spares = False

    def begin(self, reason: str, spares: bool) -> None:
        """Stop the run; what is spared, only as long as no later stop says otherwise."""
        self._spares = spares and (self.reason is None or self._spares)
        self.reason = reason

    def why(self, child: Child) -> str | None:
        """Tell why a child is stopped; None if it may go on."""
        around = child.node.standing.outer
        if around is not None and around.ended:
            return f"cancelled since {around.name} has ended"
        if self.reason is None or (self._spares and child.node.plan.task.is_cleanup):
            return child.node.stopping
        return self.reason
