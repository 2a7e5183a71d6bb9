"""What earlier drivers of a run wrote down, turned into how far each child had come.

The same `decide` that drove the child then is fed the states that stood; nothing is executed,
and no handler is asked again::

    records of one child ─► decide, one after the other ─► its progress, and the step that is next
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daskloop import states
from daskloop.executors.session import Key
from daskloop.keys import dask_key
from daskloop.record.entries import APPROVED, FORGOTTEN, LOST, TAKEN_BACK, Recorded, Submitted
from daskloop.record.metrics import reported
from daskloop.record.store import PayloadStore
from daskloop.run.converging import Best, compared
from daskloop.run.decide import MESSAGES, Moment, Rules, decide
from daskloop.run.envelope import NO_PARTS, Entry
from daskloop.run.progress import (
    Accepted,
    Approved,
    Due,
    End,
    Enqueue,
    Happening,
    Lost,
    Pause,
    Phase,
    Progress,
    Ready,
    Step,
    Submit,
    TakenBack,
    Wake,
)
from daskloop.run.standing import Child
from daskloop.run.states_of import hold, hold_error, moment_of

__all__ = ["Restored", "restore", "restored_state"]

_PAUSED = states.Paused.__name__


@dataclass(frozen=True, slots=True)
class Restored:
    """Where a child stood when the driver before this one ended."""

    progress: Progress
    step: Step | None
    """What is to be done next; for what is in flight, once it turns out to be lost."""
    in_flight: bool
    """True if its attempt was sent and nothing was heard of it."""
    is_new: bool
    """True if it is to be as if it had never begun, its numbers of submissions apart."""
    reached: int
    """The last iteration that was sent."""
    last: Recorded | None
    """The last of its records."""
    looped: Sequence[Recorded] = ()
    """The records of its iterations that went on."""
    leader: tuple[int, int, int, int] | None = None
    """What is in flight travels with the child that these numbers of a key name."""
    announced: states.State | None = None
    """What handlers have seen last, where it waits for a point in time or for somebody."""

    def future(self, child: Child, run: str) -> Key:
        """Return the key of the future in which the attempt is in flight."""
        progress = self.progress
        key = dask_key(run, child.address, progress.run_count, progress.submission)
        return key if self.leader is None else (key[0], *self.leader, *key[5:])

    @property
    def state(self) -> states.State | None:
        """Its final state, if it has one."""
        return self.step.state if isinstance(self.step, End) else None


def begun_within(began: float) -> Restored:
    """Put a loop flow of which nothing is known but its body where it begins, at that time."""
    progress = Progress(begun=began)
    return Restored(progress, None, False, True, reached=1, last=None)


def restore(
    rules: Rules,
    records: Sequence[Recorded],
    sent: Submitted | None,
    store: PayloadStore | None,
    began: float | None = None,
) -> Restored:
    """Put a child where its records, and the newest attempt that was sent, say that it stood."""
    if began is None:
        began = next((r.started or r.at for r in records if r.attempted), None)
    progress, step = decide(rules, Progress(begun=began), Ready(), Moment(0.0))
    is_new = False
    made = records
    records = _telling(records, rules)
    for number, record in enumerate(records):
        is_new = record.state == TAKEN_BACK and record.address[-1].iteration == FORGOTTEN
        if is_new:
            progress = Progress(submission=record.submission, since=record.submission)
            progress, step = decide(rules, progress, Ready(), Moment(record.at))
            continue
        if record.state == TAKEN_BACK:
            progress = _before(rules, progress, records[:number], record.address[-1].iteration)
        happening = _happening(record, progress, store)
        if record.attempted or record.state == LOST:
            progress, step = _without_pause(rules, progress, step, record.started or record.at)
        if isinstance(happening, (Accepted, Lost)):
            progress = _as_it_was(progress, record)
        progress, step = decide(rules, progress, happening, Moment(record.at))
    in_flight = False
    if sent is not None and isinstance(step, Pause) and _is_of(sent, progress):
        progress, step = _without_pause(rules, progress, step, sent.at)
    if sent is not None and isinstance(step, (Enqueue, Submit, Wake)) and _is_of(sent, progress):
        in_flight, is_new = True, False
        # Numbers of submissions go on; what other drivers lost is not held against the attempt.
        progress = progress._replace(
            phase=Phase.RUNNING,
            submission=sent.submission,
            since=sent.submission - progress.losses,
            begun=progress.begun or sent.at,
        )
    if is_new:
        progress = progress._replace(phase=Phase.WAITING)
    reached = _reached(made, sent)
    last = records[-1] if records and records[-1].state != TAKEN_BACK else None
    leader = None if sent is None else sent.leader
    looped = [one for one in made if one.state == states.Looped.__name__]
    waits = last is not None and isinstance(step, (Wake, Pause))
    seen = restored_state(last, store) if waits and last is not None else None
    return Restored(progress, step, in_flight, is_new, reached, last, looped, leader, seen)


def _without_pause(
    rules: Rules, progress: Progress, step: Step | None, at: float
) -> tuple[Progress, Step | None]:
    """End a pause whose time had come: the attempt that followed is all that was written down."""
    if progress.phase is not Phase.PAUSED:
        return progress, step
    return decide(rules, progress, Due(), Moment(at))


def _reached(records: Sequence[Recorded], sent: Submitted | None) -> int:
    """Find the last iteration that was made or sent; many have no submission of their own."""
    taken_back = [n for n, record in enumerate(records) if record.state == TAKEN_BACK]
    since = records[taken_back[-1] :] if taken_back else records
    made = [record.address[-1].iteration for record in since if record.attempted]
    return max(1, *made, 1 if sent is None else sent.address[-1].iteration)


def _telling(records: Sequence[Recorded], rules: Rules) -> Sequence[Recorded]:
    """Leave out the iterations of which nothing is left but that they were.

    An iteration that ended leaves its number, its payload and its message; of those before the
    last few, not even these matter. A child that was taken back or paused needs all of them, and
    so does one whose best iteration counts.
    """
    if rules.goal.is_set or any(record.state in (TAKEN_BACK, _PAUSED) for record in records):
        return records
    ended = [i for i, record in enumerate(records) if record.state == states.Looped.__name__]
    return records[ended[-MESSAGES] :] if len(ended) > MESSAGES else records


def _is_of(sent: Submitted, progress: Progress) -> bool:
    """Tell whether what was sent last is the attempt that the child has come to."""
    return (
        sent.address[-1].iteration == progress.iteration
        and sent.run_count == progress.run_count
        and sent.submission >= progress.submission
    )


def _as_it_was(progress: Progress, record: Recorded) -> Progress:
    """Put a child where it was when the recorded state was judged."""
    entry = None
    if record.attempted:
        entry = Entry(
            "failed" if record.error is not None else "success",
            retriable=record.retriable,
            start_time=record.start_time,
            parts=record.parts if record.state == states.Looped.__name__ else NO_PARTS,
            worker=record.worker,
            started=record.started,
            ended=record.ended,
        )
    begun = progress.begun
    if begun is None and (record.attempted or not record.final):  # else it ended without beginning
        begun = record.started or record.at
    # Submissions that nobody was charged for left no record: the one that was lost says its number.
    lost = record.state == LOST
    return progress._replace(
        phase=Phase.RUNNING,
        iteration=record.address[-1].iteration,
        run_count=record.run_count,
        submission=max(progress.submission, record.submission) if lost else progress.submission,
        entry=entry,
        begun=begun,
    )


def _happening(record: Recorded, progress: Progress, store: PayloadStore | None) -> Happening:
    if record.state == LOST:
        return Lost(record.message, charged=True)
    if record.state == TAKEN_BACK:
        return TakenBack(record.submission)
    if record.state == APPROVED:
        return Approved(record.value)
    state = restored_state(record, store)
    runs = record.attempted or not record.final or progress.begun is not None
    return Accepted(state, record.value, record.final, runs)


def _before(
    rules: Rules, progress: Progress, earlier: Sequence[Recorded], iteration: int
) -> Progress:
    """Put a child back to where an iteration began."""
    looped = [record for record in earlier if record.state == states.Looped.__name__]
    stood = {record.address[-1].iteration: record for record in looped}  # the last time
    best: Best | None = None
    for at in sorted(number for number in stood if number < iteration):
        best, _ = compared(rules.goal, best, stood[at].parts, stood[at].value, at)
    payload = stood[iteration - 1].value if iteration - 1 in stood else None
    return Progress(Phase.READY, iteration, payload=payload, messages=progress.messages, best=best)


def restored_state(record: Recorded, store: PayloadStore | None) -> states.State:
    """Make the state that a record stands for; its result stays closed until it is asked for."""
    place = record.address[-1]
    error = record.error
    value = None if record.value is None else hold(record.value, store)
    if error is not None:
        held = hold_error(error, record.value, store)
        return _class(record.state, states.Failed)(record.message, held)
    if record.state == states.Looped.__name__:
        told = reported(record.parts)
        metric = None if told is None else told.metric
        return states.Looped(record.message, value, loop_count=place.iteration, metric=metric)
    kind = _class(record.state, states.Success)
    if issubclass(kind, states.Retrying):
        start = moment_of(record.start_time)
        return states.Retrying(record.message, start_time=start, run_count=record.run_count + 1)
    if issubclass(kind, states.Scheduled):
        state = kind(record.message, value, start_time=moment_of(record.start_time))
        state.loop_count = place.iteration
        return state
    return kind(record.message, value)


_CLASSES: Mapping[str, type[states.State]] = {
    name: getattr(states, name) for name in states.__all__
}


def _class(name: str, otherwise: type[states.State]) -> type[states.State]:
    return _CLASSES.get(name, otherwise)
