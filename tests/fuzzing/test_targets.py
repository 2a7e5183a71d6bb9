"""A bounded run of each target: its seeds, and what hypothesis makes of them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing.targets import SEEDS, TARGETS

_EXAMPLES = {"run_file": 15}


def test_every_target_has_seeds():
    assert set(SEEDS) == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_taken_or_refused(name):
    for seed in SEEDS[name]():
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_seeds_are_taken_or_refused(name):
    seeds = st.sampled_from(list(SEEDS[name]()))
    patches = st.lists(st.tuples(st.integers(0, 2**16), st.binary(max_size=3)), max_size=4)

    @settings(
        max_examples=_EXAMPLES.get(name, 150),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=seeds, patches=patches)
    def run(seed, patches):
        data = bytearray(seed)
        for place, piece in patches:
            at = place % (len(data) + 1)
            data[at : at + len(piece)] = piece
        TARGETS[name](bytes(data))

    run()


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_taken_or_refused(name):
    @settings(max_examples=_EXAMPLES.get(name, 100), deadline=None, database=None)
    @given(st.binary(max_size=200))
    def run(data):
        TARGETS[name](data)

    run()
