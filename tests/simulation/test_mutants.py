"""Would the simulation notice? Each fault that is put into the engine has to be found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation import adversary
from tests.simulation.mutants import MUTANTS
from tests.simulation.simulated import SimulationError, simulate

SEEDS = 200
"""A bound on seeds and not on time: some 30 of them run in a second on an idle core."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MUTANTS)
def test_the_simulation_finds(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(adversary, "_MOST_STEPS", 2_000)  # a run that never ends is found sooner
    caplog.set_level("CRITICAL")
    with MUTANTS[name]():
        found = first_find(str(tmp_path))
    assert found is not None, f"{SEEDS} seeds found nothing wrong"
    # A broken promise, and not a mutant that does not run.
    assert isinstance(found.__cause__, AssertionError), found


def first_find(folder: str) -> SimulationError | None:
    """Return what the first seed that finds something has found."""
    for seed in range(SEEDS):
        try:
            simulate(seed, folder)
        except SimulationError as error:
            return error
    return None


def test_there_are_a_dozen_faults_and_more() -> None:
    assert len(MUTANTS) >= 12
