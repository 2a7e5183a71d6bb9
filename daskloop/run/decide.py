"""Decide what follows from what happened to one child: the rules of loops and retries.

A pure function: no clock, no disk, no Dask. All that it needs comes in, all that is to be done
goes out, so that hundreds of thousands of histories can be tried in minutes.
"""

from __future__ import annotations

from datetime import datetime

from daskloop.errors import HandlerError, RunStopped
from daskloop.record.sealed import Sealed
from daskloop.run.converging import compared
from daskloop.run.envelope import Ahead, Entry
from daskloop.run.failures import (
    crashed,
    ended_at_limit,
    limit_reached,
    rejected,
    tried_again,
    unending,
)
from daskloop.run.pausing import next_attempt, paused, resumed
from daskloop.run.progress import (
    ENQUEUE,
    MESSAGES,
    SUBMIT,
    Accepted,
    Admitted,
    Announce,
    Approved,
    Due,
    End,
    Ended,
    Happening,
    Lost,
    Phase,
    Progress,
    RanAhead,
    Ready,
    Rejected,
    Settled,
    Step,
    Stopped,
    TakenBack,
    Unbegun,
    Wake,
    later,
)
from daskloop.run.rules import Moment, Rules
from daskloop.states import (
    Cancelled,
    Crashed,
    Failed,
    Looped,
    Paused,
    Running,
    Scheduled,
    State,
    TriggerFailed,
)

__all__ = ["MESSAGES", "Moment", "Rules", "decide"]

_FREE_LOSSES = 2  # resubmissions that are nobody's fault before they are spaced out
_LONGEST_PAUSE = 10.0  # seconds between resubmissions while the cluster keeps losing attempts

_NO_ENTRY = Entry("looped")
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
            return _taken_back(rules, progress, submission, moment)
        case Approved(payload):
            return _approved(rules, progress, payload, moment)
        case Rejected(reason):
            return _rejected(rules, progress, reason)
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
    if progress.phase is Phase.PAUSED:
        progress = resumed(progress, moment.now)
    limit = limit_reached(rules, progress, moment, progress.iteration - 1)
    if limit is not None:
        return _over(rules, progress, limit, progress.iteration)
    return progress._replace(phase=Phase.READY), ENQUEUE


def _approved(rules: Rules, progress: Progress, payload: Sealed | None, moment: Moment) -> Decision:
    if progress.phase is not Phase.PAUSED:
        return progress, None  # somebody else was quicker, or its time had come
    return _due(rules, progress if payload is None else progress._replace(payload=payload), moment)


def _rejected(rules: Rules, progress: Progress, reason: str) -> Decision:
    if progress.phase is not Phase.PAUSED:
        return progress, None
    failed = rejected(rules, progress, reason)
    return progress._replace(phase=Phase.RUNNING), Announce(failed, final=True)


def _accepted(rules: Rules, progress: Progress, accepted: Accepted, moment: Moment) -> Decision:
    state = accepted.state
    entry = progress.entry
    ended = progress._replace(entry=None)
    match state:
        case Looped() | Scheduled() | Running() if not accepted.runs:
            what = "has nothing to run" if progress.begun is None else "had ended"
            return _refused(rules, ended, state, what)
        case Looped():
            return _iterate(rules, ended, accepted, moment, entry or _NO_ENTRY)
        case Scheduled(start_time=datetime() | None):
            # If the attempt itself asked for another, the one before it is no reason any more.
            asked = ended if entry is None else ended._replace(failed=None)
            return _wait(rules, asked, state, moment)
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
            return _refused(rules, ended, state, "has not run" if entry is None else "had ended")
    return _ended(ended, state)


def _refused(rules: Rules, progress: Progress, state: State, what: str) -> Decision:
    error = HandlerError(
        f"a state handler of {rules.name} returned {state!r} for a task that {what}; "
        "return a finished state, or None to leave it as it is"
    )
    return _ended(progress, Failed(str(error), error))


def _iterate(
    rules: Rules, progress: Progress, accepted: Accepted, moment: Moment, entry: Entry
) -> Decision:
    """Go on with the payload of the iteration that ended, now or at a time, unless that is all."""
    done, best = progress.iteration, progress.best
    progress = later(progress, 1, accepted.value, (accepted.state.message or "",))
    if rules.goal.is_set:
        best, over = compared(rules.goal, best, entry.parts, accepted.value, done)
        progress = progress._replace(best=best, over=over)
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    if progress.over:
        return progress, ENQUEUE
    limit = limit_reached(rules, progress, moment, done)
    if limit is not None:
        return _over(rules, progress, limit, done)
    if entry.start_time is not None and entry.start_time > moment.now:
        return progress._replace(phase=Phase.DELAYED), _wake(rules, progress, entry.start_time)
    return progress, ENQUEUE


def _ran_ahead(progress: Progress, ahead: Ahead) -> Progress:
    """Take iterations for done that ended one after the other, each within the limits."""
    return later(progress, ahead.iterations, ahead.payload, ahead.messages, Phase.RUNNING)


def _over(rules: Rules, progress: Progress, limit: str, reached: int) -> Decision:
    if rules.limits.on_limit == "return" and progress.payload is not None:
        # The next attempt makes a result of the payload where it can be opened, and calls nothing.
        over = ended_at_limit(rules, progress, limit)
        return progress._replace(phase=Phase.READY, over=over), ENQUEUE
    failed = unending(rules, progress, limit, reached)
    return progress._replace(phase=Phase.RUNNING), Announce(failed, final=True)


def _retry_or_end(rules: Rules, progress: Progress, state: State, moment: Moment) -> Decision:
    failures = progress.failures + 1
    if failures > rules.retry.max_retries:
        return _ended(progress, state)
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    waiting = tried_again(rules, progress, state, moment)
    if waiting.is_failed():
        return _ended(progress, waiting)
    return progress._replace(failures=failures, failed=state), Announce(waiting)


def _wait(rules: Rules, progress: Progress, state: Scheduled, moment: Moment) -> Decision:
    """Wait for the next attempt at the same iteration, on no worker."""
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    if isinstance(state, Paused):
        return paused(progress, state, moment.now)
    at = moment.now if state.start_time is None else state.start_time.timestamp()
    return next_attempt(progress)._replace(phase=Phase.DELAYED), _wake(rules, progress, at)


def _wake(rules: Rules, progress: Progress, at: float) -> Wake:
    """Wait until a point in time, or the end of all the time that the loop has."""
    limit, begun = rules.limits.max_time, progress.begun
    return Wake(at if limit is None or begun is None else min(at, begun + limit))


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
        return progress, Announce(crashed(rules, progress, lost), final=True)
    if moment.stopping is not None:
        return _cancelled(progress, moment.stopping)
    blamed = progress.losses + progress.idle + _FREE_LOSSES
    innocent = progress.submission - progress.since - blamed
    if lost.charged or innocent <= 0:
        return progress._replace(phase=Phase.READY), ENQUEUE
    pause = min(0.1 * 2.0 ** min(innocent, 10), _LONGEST_PAUSE)
    return progress._replace(phase=Phase.DELAYED), Wake(moment.now + pause)


def _taken_back(rules: Rules, progress: Progress, submission: int, moment: Moment) -> Decision:
    again = Progress(
        phase=Phase.READY,
        iteration=progress.iteration,
        submission=submission,
        since=submission,
        payload=progress.payload,
        messages=progress.messages,
        best=progress.best,
    )
    limit = limit_reached(rules, again, moment, again.iteration - 1)
    if limit is not None:
        return _over(rules, again, limit, again.iteration - 1)
    return again, ENQUEUE


def _stopped(progress: Progress, stopped: Stopped) -> Decision:
    if progress.phase is Phase.RUNNING and not stopped.now:
        return progress, None  # what runs may end, and is recorded
    return _cancelled(progress, stopped.reason)


def _cancelled(progress: Progress, reason: str) -> Decision:
    return _ended(progress, Cancelled(reason, RunStopped(reason)))


def _ended(progress: Progress, state: State) -> Decision:
    return progress._replace(phase=Phase.ENDED), End(state)
