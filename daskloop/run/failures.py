"""The failures that the engine makes itself: a limit reached, workers lost, a no to an approval."""

from __future__ import annotations

from daskloop.errors import HandlerError, LoopLimit, Rejected, WorkerLost
from daskloop.run.progress import Lost, Progress
from daskloop.run.rules import Moment, Rules
from daskloop.run.states_of import moment_of
from daskloop.states import Crashed, Failed, Retrying, State

__all__ = [
    "crashed",
    "ended_at_limit",
    "limit_reached",
    "rejected",
    "tried_again",
    "unending",
    "why_over",
]


def unending(rules: Rules, progress: Progress, limit: str, reached: int) -> Failed:
    """Fail a loop that has reached one of its limits; if it was tried again, as that failed."""
    last = "; ".join(repr(message) for message in progress.messages) or "none"
    text = (
        f"the loop of {rules.name} reached {limit} without ending "
        f"(at iteration {reached}; last messages: {last})"
    )
    failed, advice = progress.failed, "Raise the limit"
    if failed is not None:
        text += f", and the last attempt failed: {failed.message}"
    if progress.payload is not None:
        advice += ', or end with the last payload by on_limit="return"'
    text = f"{text}. {advice}"
    return Failed(text, LoopLimit(text) if failed is None else failed.unopened_result)


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


def tried_again(rules: Rules, progress: Progress, state: State, moment: Moment) -> State:
    """Make the state in which a failed attempt waits for the next one, or fails for want of it."""
    try:
        delay = rules.retry.delay_after(progress.run_count, moment.draw)
    except KeyboardInterrupt:
        raise
    # The user's own callable may raise anything; it fails the task that has it.
    except BaseException as error:
        text = f"retry_delay of {rules.name} raised {error!r} after {state.message}"
        return Failed(text, HandlerError(text))
    return Retrying(
        f"Retrying after {delay:g} s: {state.message}",
        start_time=moment_of(moment.now + delay),
        run_count=progress.run_count + 1,
    )


def limit_reached(rules: Rules, progress: Progress, moment: Moment, done: int) -> str | None:
    """Say which limit a loop has reached that has done so many iterations, if any."""
    limits, begun = rules.limits, progress.begun
    if limits.max_loops is not None and done >= limits.max_loops:
        return f"max_loops={limits.max_loops} iterations"
    if limits.max_time is not None and begun is not None and moment.now - begun >= limits.max_time:
        return f"max_time={limits.max_time:g} s"
    return None


def why_over(rules: Rules, progress: Progress) -> str:
    """Say why an attempt of a loop whose time is up only makes a result of a payload.

    Empty if it calls the function all the same.
    """
    if progress.over or rules.limits.on_limit != "return" or progress.payload is None:
        return progress.over
    return ended_at_limit(rules, progress, f"max_time={rules.limits.max_time:g} s")


def ended_at_limit(rules: Rules, progress: Progress, limit: str) -> str:
    """Say that a loop ends at a limit, and with which payload."""
    last = progress.iteration - 1 if progress.best is None else progress.best.iteration
    return f"The loop ended at a limit, {limit}, with the payload of iteration {last}."
