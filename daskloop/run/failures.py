"""The failures that the engine makes itself: a limit reached, workers lost, a no to an approval."""

from __future__ import annotations

from daskloop.errors import LoopLimit, Rejected, WorkerLost
from daskloop.run.progress import Lost, Progress
from daskloop.run.rules import Moment, Rules
from daskloop.states import Crashed, Failed

__all__ = ["crashed", "limit_reached", "rejected", "unending"]


def unending(rules: Rules, progress: Progress, limit: str, reached: int) -> Failed:
    """Fail a loop that has reached one of its limits."""
    last = "; ".join(repr(message) for message in progress.messages) or "none"
    error = LoopLimit(
        f"the loop of {rules.name} reached {limit} without ending "
        f"(at iteration {reached}; last messages: {last})"
    )
    return Failed(str(error), error)


def crashed(rules: Rules, progress: Progress, lost: Lost) -> Crashed:
    """Give a child up under which workers were lost."""
    place = f"iteration {progress.iteration} of {rules.name}"
    if rules.limits.at_most_once:
        text = f"the worker was lost while it executed {place}, which is at_most_once"
    else:
        text = (
            f"{progress.losses} workers were lost while they executed {place}, more than "
            f"max_worker_losses={rules.limits.max_worker_losses} allows"
        )
    text += f"; last: {lost.reason}"
    return Crashed(text, WorkerLost(text))


def rejected(rules: Rules, progress: Progress, reason: str) -> Failed:
    """Fail a child that waited for an approval."""
    error = Rejected(f"iteration {progress.iteration} of {rules.name} was rejected: {reason}")
    return Failed(str(error), error)


def limit_reached(rules: Rules, progress: Progress, moment: Moment, done: int) -> str | None:
    """Say which limit a loop has reached that has done so many iterations, if any."""
    limits, begun = rules.limits, progress.begun
    if limits.max_loops is not None and done >= limits.max_loops:
        return f"max_loops={limits.max_loops} iterations"
    if limits.max_time is not None and begun is not None and moment.now - begun >= limits.max_time:
        return f"max_time={limits.max_time:g} s"
    return None
