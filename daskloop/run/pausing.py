"""What a pause does to a child: it waits for somebody, and its iteration is then tried again."""

from __future__ import annotations

from daskloop.run.progress import Pause, Phase, Progress
from daskloop.states import Scheduled

__all__ = ["next_attempt", "paused", "resumed"]


def next_attempt(progress: Progress) -> Progress:
    """Come to another attempt at the same iteration, with nothing held against it."""
    count = progress.run_count + 1
    return progress._replace(run_count=count, submission=progress.since, losses=0, idle=0)


def paused(progress: Progress, state: Scheduled, now: float) -> tuple[Progress, Pause]:
    """Begin a pause, which may have an end of its own."""
    until = None if state.start_time is None else state.start_time.timestamp()
    waiting = next_attempt(progress)._replace(phase=Phase.PAUSED, resumed=False, paused=now)
    return waiting, Pause(until)


def resumed(progress: Progress, now: float) -> Progress:
    """End a pause; its time does not count for `max_time`."""
    since, begun = progress.paused, progress.begun
    if since is not None and begun is not None:
        begun += max(0.0, now - since)
    return progress._replace(resumed=True, paused=None, begun=begun)
