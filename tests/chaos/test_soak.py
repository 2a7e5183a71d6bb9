"""A soak that is short, and that it notices what grows."""

from __future__ import annotations

import pytest

from tests.chaos.soak import Sample, rising, soak

FLAT = [Sample(80, 12, 20)] * 40


def test_what_stays_as_it_is_is_flat():
    assert rising({"driver": FLAT}) == []


def test_what_grows_at_first_alone_is_flat():
    assert rising({"driver": [Sample(40 + n, 5 + n, n) for n in range(10)] + FLAT[:30]}) == []


@pytest.mark.parametrize("what", Sample._fields)
def test_what_goes_on_growing_is_named(what):
    grows = [
        one._replace(**{what: one[Sample._fields.index(what)] + n}) for n, one in enumerate(FLAT)
    ]
    (text,) = rising({"driver": FLAT, "worker 0": grows})
    assert text.startswith(f"worker 0: {what} rose by 20.0")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_short_soak_is_sampled_and_right(tmp_path):
    found, iterations = soak(tmp_path, 30)
    assert iterations > 0
    assert {"driver", "scheduler", "worker 0", "worker 1"} <= found.keys()
    assert all(len(samples) >= 4 for samples in found.values())
