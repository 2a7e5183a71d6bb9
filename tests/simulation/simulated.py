"""Run random flows against the adversary, each compared with the sequential interpreter.

python -m tests.simulation.simulated --seed 1234    one seed, as a failing test says

`ci/simulate` runs many of them.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import tempfile
import traceback
from collections.abc import Iterator
from random import Random
from unittest import mock

from daskloop.record.last_words import LastWords
from daskloop.record.store import PayloadStore
from daskloop.run import admission
from daskloop.run.share import Clock
from daskloop.run.verdict import verdict
from daskloop.states import Mapped, State
from tests.simulation.adversary import Adversary
from tests.simulation.faults import random_faults
from tests.simulation.scripted import ABSENT, show
from tests.simulation.sequential import Outcome, interpret
from tests.simulation.specs import random_spec

__all__ = ["SimulationError", "narrow_window", "simulate"]


class SimulationError(AssertionError):
    """A seed that found something; says how to see it again."""

    def __init__(self, seed: int, what: BaseException) -> None:
        super().__init__(
            f"{what!r:.2000}\nreplay: python -m tests.simulation.simulated --seed {seed}"
        )


def simulate(seed: int, folder: str) -> Adversary:
    """Run one seed.

    Parameters
    ----------
    seed : int
        Everything follows from it.
    folder : str
        Where a payload store may be made.

    Raises
    ------
    SimulationError
        If a promise was broken or a result is not that of the sequential interpreter.
    """
    draw = Random(seed)
    spec = random_spec(draw)
    stored = draw.random() < 0.3
    journal = f"{folder}/journal-{seed}" if seed % 50 == 3 else None
    store = PayloadStore(f"{folder}/{seed}") if stored else None
    # Where claims are kept, at_most_once tasks may lose workers too.
    claims = store.claims() if store is not None and draw.random() < 0.7 else None
    # An attempt that must not be made twice needs its claim to outlive the driver.
    mortal = claims is not None or not any(node.once for node in spec.nodes)
    faults = random_faults(draw, seed, mortal)
    adversary = Adversary(spec, faults, draw, store, claims, journal)
    try:
        # This very process plays all workers, and is not to be made ready to die as one.
        with narrow_window(), mock.patch.object(LastWords, "listen"), _patience(draw):
            adversary.run()
            _compare(adversary, interpret(spec))
    except (Exception, RecursionError) as error:
        raise SimulationError(seed, error) from error
    finally:
        if store is not None:
            store.remove_all()
    return adversary


@contextlib.contextmanager
def _patience(draw: Random) -> Iterator[None]:
    """Let chance say when a future's time is up, not this machine's clock."""
    patience = draw.choice((0.5, 0.9, 1.0))

    def allows(clock: Clock, last: float) -> bool:
        return clock.left > 0 and draw.random() < patience

    with mock.patch.object(Clock, "allows", allows):
        yield


@contextlib.contextmanager
def narrow_window() -> Iterator[None]:
    """Let no more be in flight than there are slots, so that small flows have to queue."""
    before = admission._SLOTS_AHEAD, admission._AHEAD
    admission._SLOTS_AHEAD, admission._AHEAD = 1, 0
    try:
        yield
    finally:
        admission._SLOTS_AHEAD, admission._AHEAD = before


def _compare(adversary: Adversary, wanted: list[Outcome]) -> None:
    machine = adversary.machine
    nodes = {node.plan.name: node for node in machine.standing.nodes}
    cut_off: set[int] = set()
    for number, (spec, outcome) in enumerate(zip(adversary.spec.nodes, wanted, strict=True)):
        state = nodes[spec.name].state
        used = {n for arg in (*spec.inputs.values(), *spec.after) for n in arg.nodes}
        if used & cut_off:  # follows from what was cancelled
            cut_off.add(number)
            continue
        if any(one.is_cancelled() for one in _with_children(state)):
            assert adversary.halted, f"{spec.name} was cancelled, and nobody stopped the run"
            cut_off.add(number)
        _same(spec.name, state, outcome)
        # A handler that was called by a driver that then died is called again.
        if spec.handlers and number not in cut_off and not adversary.deaths:
            _same_sights(adversary, spec.name, outcome)
    if not cut_off:
        _same_verdict(adversary, wanted)


def _same_verdict(adversary: Adversary, wanted: list[Outcome]) -> None:
    """F3: the terminal tasks decide how the flow ended."""
    specs = adversary.spec.nodes
    used = {n for s in specs for arg in (*s.inputs.values(), *s.after) for n in arg.nodes}
    judged = [one for number, one in enumerate(wanted) if number not in used]
    failed = any(
        child.failed
        for one in judged
        for child in [one, *(() if one.tolerated else one.children or [])]
    )
    state = verdict(adversary.machine.standing, adversary.machine.stopping)
    assert type(state).__name__ == ("Failed" if failed else "Success"), state


def _with_children(state: State) -> list[State]:
    return [state, *(state.map_states if isinstance(state, Mapped) else ())]


def _same(name: str, state: State, wanted: Outcome) -> None:
    if state.is_cancelled():
        return
    kind = type(state).__name__
    assert kind == wanted.kind, f"{name}: {state!r}, wanted {wanted.kind}({show(wanted.result)})"
    if isinstance(state, Mapped):
        children = wanted.children or []
        found = len(state.map_states)
        assert found == len(children), f"{name}: {found} children, wanted {len(children)}"
        for index, child in enumerate(children):
            _same(f"{name}[{index}]", state.map_states[index], child)
        return
    _same_result(name, state, wanted)
    if wanted.iteration is not None:
        found = state.loop_count
        assert found == wanted.iteration, f"{name}: loop_count={found}, wanted {wanted.iteration}"
    if wanted.failed:
        payload = None if wanted.payload is ABSENT else wanted.payload
        assert show(state.loop_payload) == show(payload), f"{name}: {state.loop_payload!r}"


def _same_result(name: str, state: State, wanted: Outcome) -> None:
    found = show(state.result)
    assert found == show(wanted.result), f"{name}: {found}, wanted {show(wanted.result)}"


def _same_sights(adversary: Adversary, name: str, wanted: Outcome) -> None:
    """L8, R3: what the state handlers saw."""
    if wanted.children is None:
        named = {name: wanted}
    else:
        named = {f"{name}[{i}]": child for i, child in enumerate(wanted.children)}
    for one, outcome in named.items():
        if outcome.seen:
            seen = adversary.seen.get(one)
            assert seen == outcome.seen, f"{one}: handlers saw {seen}, wanted {outcome.seen}"


def main(arguments: list[str]) -> int:
    """Run one seed; return 1 if it found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.simulated")
    parser.add_argument("--seed", type=int, required=True)
    seed = parser.parse_args(arguments).seed
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        try:
            simulate(seed, folder)
        except SimulationError as error:
            traceback.print_exception(error.__cause__)
            return 1
    print(f"seed {seed} found nothing")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
