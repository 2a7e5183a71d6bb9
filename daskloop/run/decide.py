"""Decide what follows from what happened to one child: the rules of loops and retries.

A pure function: no clock, no disk, no Dask. Everything it needs comes in, everything that is
to be done goes out, so that hundreds of thousands of histories can be tried in minutes.
"""

from __future__ import annotations

from datetime import datetime

from daskloop.errors import HandlerError, LoopLimit, RunStopped, WorkerLost
from daskloop.run.envelope import Ahead
from daskloop.run.progress import (
    ENQUEUE,
    SUBMIT,
    Accepted,
    Admitted,
    Announce,
    Due,
    End,
    Ended,
    Happening,
    Lost,
    Phase,
    Progress,
    RanAhead,
    Ready,
    Settled,
    Step,
    Stopped,
    TakenBack,
    Unbegun,
    Wake,
)
from daskloop.run.rules import Moment, Rules
from daskloop.run.states_of import moment_of
from daskloop.states import (
    Cancelled,
    Crashed,
    Failed,
    Looped,
    Retrying,
    Running,
    Scheduled,
    State,
    TriggerFailed,
)

__all__ = ["MESSAGES", "Moment", "Rules", "decide"]

MESSAGES = 3
"""Messages of iterations that a child remembers."""

_FREE_LOSSES = 2  # resubmissions that are nobody's fault before they are spaced out
_LONGEST_PAUSE = 10.0  # seconds between resubmissions while the cluster keeps losing attempts

Decision = tuple[Progress, "Step | None"]


def decide(rules: Rules, progress: Progress, happening: Happening, moment: Moment) -> Decision:
    """Decide what follows from one happening.

    Parameters
    ----------
    rules : Rules
        What the user asked for.
    progress : Progress
        How far the child has come.
    happening : Happening
        What happened to it.
    moment : Moment
        The time, and whether the run is being stopped.

    Returns
    -------
    progress : Progress
        How far the child is now.
    step : Step or None
        What is to be done about it, if anything.
    """
    if progress.phase is Phase.ENDED:
        return progress, None  # a late arrival: abandoned, replaced or cancelled meanwhile
    match happening:
        case Accepted():
            return _accepted(rules, progress, happening, moment)
        case Ended(entry, state):
            return progress._replace(entry=entry), Announce(state)
        case Ready():
            return progress._replace(phase=Phase.READY), ENQUEUE
        case Settled(state):
            if moment.stopping is not None and state.is_failed():
                return _cancelled(progress, moment.stopping)  # for want of what was cancelled
            return progress._replace(phase=Phase.RUNNING), Announce(state, final=True)
        case Admitted():
            return _admitted(rules, progress, moment)
        case Due():
            return _due(rules, progress, moment)
        case RanAhead(ahead):
            return _ran_ahead(progress, ahead), None
        case Unbegun():
            return _unbegun(progress, moment)
        case Lost():
            return _lost(rules, progress, happening, moment)
        case TakenBack(submission):
            return _taken_back(rules, progress, submission)
        case Stopped():
            return _stopped(progress, happening)


def _admitted(rules: Rules, progress: Progress, moment: Moment) -> Decision:
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    begun = moment.now if progress.begun is None else progress.begun
    progress = progress._replace(phase=Phase.RUNNING, begun=begun)
    # An attempt that is submitted again was announced when it was first submitted.
    if not rules.heard or progress.submission > progress.since:
        return progress, SUBMIT
    return progress, Announce(Running("Starting task run."))


def _due(rules: Rules, progress: Progress, moment: Moment) -> Decision:
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    if _is_late(rules, progress, moment):
        return _over(rules, progress, f"max_time={rules.limits.max_time:g} s", progress.iteration)
    return progress._replace(phase=Phase.READY), ENQUEUE


def _accepted(rules: Rules, progress: Progress, accepted: Accepted, moment: Moment) -> Decision:
    state = accepted.state
    entry = progress.entry
    ended = progress._replace(entry=None)
    match state:
        case Looped():
            return _iterate(rules, ended, accepted, moment)
        case Scheduled(start_time=datetime() | None):
            return _wait(ended, state, moment)
        case Scheduled():
            error = HandlerError(
                f"a state handler of {rules.name} returned {state!r} with "
                f"start_time={state.start_time!r}; give a datetime, or None for now"
            )
            return _ended(ended, Failed(str(error), error))
        case Running() if entry is None:
            if moment.stopping is not None:
                return _cancelled(ended, moment.stopping)
            return ended, SUBMIT
        case Failed():
            retriable = entry is None or entry.retriable
            if retriable and not accepted.final and not isinstance(state, (TriggerFailed, Crashed)):
                return _retry_or_end(rules, ended, state, moment)
        case State() if not state.is_finished():
            error = HandlerError(
                f"a state handler of {rules.name} returned {state!r} for a task that had ended; "
                "return a finished state, or None to leave it as it is"
            )
            return _ended(ended, Failed(str(error), error))
    return _ended(ended, state)


def _iterate(rules: Rules, progress: Progress, accepted: Accepted, moment: Moment) -> Decision:
    """Start the next iteration with the payload of the one that ended."""
    message = accepted.state.message or ""
    done = progress.iteration
    progress = Progress(
        phase=Phase.READY,
        iteration=done + 1,
        payload=accepted.value,
        messages=(*progress.messages, message)[-MESSAGES:],
        begun=progress.begun,
        submission=progress.since,
        since=progress.since,
    )
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    limit = rules.limits.max_loops
    if limit is not None and done >= limit:
        return _over(rules, progress, f"max_loops={limit} iterations", done)
    if _is_late(rules, progress, moment):
        return _over(rules, progress, f"max_time={rules.limits.max_time:g} s", done)
    return progress, ENQUEUE


def _ran_ahead(progress: Progress, ahead: Ahead) -> Progress:
    """Take iterations for done that ended one after the other, each within the limits."""
    return Progress(
        phase=Phase.RUNNING,
        iteration=progress.iteration + ahead.iterations,
        payload=ahead.payload,
        messages=(*progress.messages, *ahead.messages)[-MESSAGES:],
        begun=progress.begun,
        submission=progress.since,
        since=progress.since,
    )


def _is_late(rules: Rules, progress: Progress, moment: Moment) -> bool:
    limit, begun = rules.limits.max_time, progress.begun
    return limit is not None and begun is not None and moment.now - begun >= limit


def _over(rules: Rules, progress: Progress, limit: str, reached: int) -> Decision:
    last = "; ".join(repr(message) for message in progress.messages) or "none"
    error = LoopLimit(
        f"the loop of {rules.name} reached {limit} without ending "
        f"(at iteration {reached}; last messages: {last})"
    )
    return progress._replace(phase=Phase.RUNNING), Announce(Failed(str(error), error), final=True)


def _retry_or_end(rules: Rules, progress: Progress, state: State, moment: Moment) -> Decision:
    failures = progress.failures + 1
    if failures > rules.retry.max_retries:
        return _ended(progress, state)
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    try:
        delay = rules.retry.delay_after(progress.run_count, moment.draw)
    except KeyboardInterrupt:
        raise
    # The user's own callable may raise anything; it fails the task that has it.
    except BaseException as error:
        text = f"retry_delay of {rules.name} raised {error!r} after {state.message}"
        return _ended(progress, Failed(text, HandlerError(text)))
    waiting = Retrying(
        f"Retrying after {delay:g} s: {state.message}",
        start_time=moment_of(moment.now + delay),
        run_count=progress.run_count + 1,
    )
    return progress._replace(failures=failures), Announce(waiting)


def _wait(progress: Progress, state: Scheduled, moment: Moment) -> Decision:
    """Wait for the next attempt at the same iteration, on no worker."""
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    at = moment.now if state.start_time is None else state.start_time.timestamp()
    progress = progress._replace(
        phase=Phase.DELAYED,
        run_count=progress.run_count + 1,
        submission=progress.since,
        losses=0,
        idle=0,
    )
    return progress, Wake(at)


def _unbegun(progress: Progress, moment: Moment) -> Decision:
    """Send an attempt again that had no turn; under a new number, for news of the old may come."""
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    number, idle = progress.submission + 1, progress.idle + 1
    return progress._replace(phase=Phase.READY, submission=number, idle=idle), ENQUEUE


def _lost(rules: Rules, progress: Progress, lost: Lost, moment: Moment) -> Decision:
    progress = progress._replace(
        submission=progress.submission + 1,
        losses=progress.losses + lost.charged,
    )
    limits = rules.limits
    if lost.charged and (limits.at_most_once or progress.losses > limits.max_worker_losses):
        return progress, Announce(_crashed(rules, progress, lost), final=True)
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    blamed = progress.losses + progress.idle + _FREE_LOSSES
    innocent = progress.submission - progress.since - blamed
    if lost.charged or innocent <= 0:
        return progress._replace(phase=Phase.READY), ENQUEUE
    pause = min(0.1 * 2.0 ** min(innocent, 10), _LONGEST_PAUSE)
    return progress._replace(phase=Phase.DELAYED), Wake(moment.now + pause)


def _crashed(rules: Rules, progress: Progress, lost: Lost) -> Crashed:
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


def _taken_back(rules: Rules, progress: Progress, submission: int) -> Decision:
    again = Progress(
        phase=Phase.READY,
        iteration=progress.iteration,
        submission=submission,
        since=submission,
        payload=progress.payload,
        messages=progress.messages,
    )
    limit = rules.limits.max_loops
    if limit is not None and again.iteration > limit:
        return _over(rules, again, f"max_loops={limit} iterations", again.iteration - 1)
    return again, ENQUEUE


def _stopped(progress: Progress, stopped: Stopped) -> Decision:
    if progress.phase is Phase.RUNNING and not stopped.now:
        return progress, None  # what runs may end, and is recorded
    return _cancelled(progress, stopped.reason)


def _cancelled(progress: Progress, reason: str) -> Decision:
    return _ended(progress, Cancelled(reason, RunStopped(reason)))


def _ended(progress: Progress, state: State) -> Decision:
    return progress._replace(phase=Phase.ENDED), End(state)
