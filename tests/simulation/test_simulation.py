"""Random flows on a cluster that loses, delays, repeats and reorders, against the plain rules."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.simulated import simulate

SEEDS = 400
IN_ONE_TEST = 50


@pytest.mark.parametrize("first", range(0, SEEDS, IN_ONE_TEST))
@pytest.mark.filterwarnings("ignore")
def test_flows_end_as_the_sequential_interpreter_says(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + IN_ONE_TEST):
        simulate(seed, str(tmp_path))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_many_more_flows_end_as_the_sequential_interpreter_says(tmp_path: Path) -> None:
    for seed in range(SEEDS, SEEDS + 4000):
        simulate(seed, str(tmp_path))


def test_the_random_flows_reach_every_kind_of_end(tmp_path: Path) -> None:
    """The simulation would prove little if its flows did not do much."""
    seen: Counter[str] = Counter()
    losses = retries = iterations = 0
    for seed in range(1000, 1120):
        machine = simulate(seed, str(tmp_path)).machine
        for node in machine.standing.nodes:
            for child in (node.child, *node.children):
                seen[type(child.state).__name__] += 1
        losses, retries = losses + machine.counts.losses, retries + machine.counts.retries
        iterations += machine.counts.iterations
    kinds = ("Success", "Mapped", "Failed", "TriggerFailed", "Skipped", "Crashed", "Cancelled")
    assert all(seen[kind] >= 5 for kind in kinds), seen
    assert min(losses, retries, iterations) >= 50, (losses, retries, iterations)
