"""Rebuild one attempt of a recorded run as it was sent: its function, arguments and context.

The engine itself is asked: it is given the record up to the attempt, and says what it would send::

    past, cut before the attempt ─► machine ─► the child is submitted ─► order ─► arguments, context
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from daskloop.cli.exit_codes import CannotStart
from daskloop.cli.targets import Target
from daskloop.define.again import Fields
from daskloop.define.loop_flow import LoopFlow
from daskloop.flow.flow import Flow
from daskloop.keys import is_inside
from daskloop.plan.compile import compile_plan
from daskloop.record.entries import LOST, TAKEN_BACK, Past, Recorded
from daskloop.record.store import PayloadStore
from daskloop.run.body import Surroundings
from daskloop.run.closing import Closing
from daskloop.run.machine import Machine
from daskloop.run.memory import Memory
from daskloop.run.order import Tree, open_tree, unpack_own, unpack_shared
from daskloop.run.orders import Orders
from daskloop.run.standing import Child
from daskloop.run.turn import Handled, Turn

__all__ = ["Call", "rebuild"]

_EVERYBODY = 1_000_000_000  # slots, so that no child waits for its turn


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt, ready to be made again."""

    name: str
    iteration: int
    run_count: int
    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    context: Mapping[str, Any]
    """What `daskloop.context` held."""
    recorded: Recorded | None
    """How it ended when it was made; None if it never did."""


def rebuild(
    flow: Flow, target: Target, past: Past, parameters: Mapping[str, Any], store: PayloadStore
) -> Call:
    """Rebuild an attempt.

    Parameters
    ----------
    flow : Flow
        The flow, as it is now.
    target : Target
        Which child, and which iteration; without one, the last that it came to.
    past : Past
        What is recorded of the run.
    parameters : mapping
        A value for each parameter.
    store : PayloadStore
        Where the run's large values lie.

    Raises
    ------
    CannotStart
        If the attempt was never made, or what it needs is not recorded.

    Notes
    -----
    Opens pickles. Values that were given to ``flow.run(context=...)`` are not recorded.
    """
    run = past.summary.header.run
    for task, slug in flow.slugs.items():
        if slug == target.mark.slug and isinstance(task, LoopFlow):
            raise CannotStart(
                f"{target.name} is a loop flow: an iteration of it is several tasks, and not one "
                "call. What failed in it is named in its message, with the iteration"
            )
    own = [record for record in past.records if _is_of(record, target)]
    iteration = target.iteration or _last_iteration(own)
    before, made = _cut(own, iteration)
    _check_reached(target, iteration, before)
    kept = set(map(id, before))
    records = tuple(r for r in past.records if not _is_of(r, target) or id(r) in kept)
    machine = Machine(
        compile_plan(flow),
        run,
        parameters,
        store,
        _EVERYBODY,
        Memory(records, (), store),
    )
    child = _submitted(machine, target, past.summary.updated)
    if child is None or child.progress.iteration != iteration:
        why = "what it waited for had not ended well, or its loop was over."
        raise CannotStart(f"{_never(iteration, target, run)}: {why}")
    closing = Closing(None, 0, run)  # nothing is written to the run's store
    orders = Orders(machine.standing, closing, run, {}, claims=None, here=True)
    assert child.pack is not None
    job, refused = orders.job(child.pack, past.summary.updated)
    if job is None or child in refused:
        raise CannotStart(f"{target.name} in run '{run}' cannot be called: {refused[child]}")
    shared = unpack_shared(job.shared)
    attempt = next(one for one in unpack_own(job.own).attempts if one.child == child.index)
    attempt = attempt._replace(run_count=made.run_count if made is not None else 1)
    if attempt.over:  # it made a result of the last payload, and called nothing
        if target.iteration is None:
            earlier = replace(target, iteration=iteration - 1)
            return rebuild(flow, earlier, past, parameters, store)
        raise CannotStart(f"{_never(iteration, target, run)}: its loop was over by then.")
    surroundings = Surroundings(replace(shared, log=()), attempt, store)
    return Call(
        name=child.name,
        iteration=iteration,
        run_count=attempt.run_count,
        function=child.node.plan.task.shipped,
        arguments=_arguments({**shared.inputs, **attempt.inputs}, surroundings, store),
        context={**surroundings, "parameters": dict(parameters)},
        recorded=made,
    )


def _arguments(
    trees: Mapping[str, Tree], surroundings: Surroundings, store: PayloadStore
) -> Mapping[str, Any]:
    """Open what the function is called with: its inputs, or what ``again(...)`` said instead."""
    inputs = {name: open_tree(tree, store) for name, tree in trees.items()}
    payload = surroundings.get("task_loop_result")
    return {**inputs, **payload} if type(payload) is Fields else inputs


def _never(iteration: int, target: Target, run: str) -> str:
    return f"Iteration {iteration} of {target.name} in run '{run}' was never called"


def _is_of(record: Recorded, target: Target) -> bool:
    place = record.address[-1]
    meant = (place.slug, place.child) == (target.mark.slug, target.child)
    return meant and not is_inside(record.address)


def _last_iteration(own: Sequence[Recorded]) -> int:
    """Return the last iteration that was called, or that was to be called next."""
    if not own:
        return 1
    last = own[-1]
    return max(1, last.address[-1].iteration + (last.state == "Looped"))


def _cut(own: Sequence[Recorded], iteration: int) -> tuple[Sequence[Recorded], Recorded | None]:
    """Divide a child's records: those before it last came to an iteration, and its last attempt."""
    there = [
        number
        for number, record in enumerate(own)
        if record.address[-1].iteration == iteration and record.state != TAKEN_BACK
    ]
    if not there:
        return own, None
    first = there[-1]
    while first - 1 in there:
        first -= 1
    attempts = [own[number] for number in there if number >= first]
    made = [one for one in attempts if one.attempted or one.state == LOST]
    return own[:first], made[-1] if made else None


def _check_reached(target: Target, iteration: int, before: Sequence[Recorded]) -> None:
    if iteration == 1:
        return
    last = before[-1] if before else None
    reached = 0 if last is None else last.address[-1].iteration + (last.state == "Looped")
    if reached != iteration:
        raise CannotStart(
            f"Iteration {iteration} of {target.name} was never reached: "
            f"the last that can be called is {max(reached, 1)}."
        )


def _submitted(machine: Machine, target: Target, now: float) -> Child | None:
    """Let the machine go on until it would send the child; handlers and triggers are not asked."""
    turn: Turn = machine.start(now)
    while True:
        for child in turn.submissions:
            if (child.node.plan.slug, child.index) == (target.mark.slug, target.child):
                return child
        if not turn.questions:
            return None
        turn = machine.take([Handled(one, None) for one in turn.questions], now)
