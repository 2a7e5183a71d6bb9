"""The losers of a map are those that a comparison with each of the others would find."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from daskloop.define.asha import ASHA
from daskloop.define.goal import goal
from daskloop.record.metrics import Reported, as_parts, reported
from daskloop.run.envelope import Entry
from daskloop.run.losing import Rungs

METRICS = st.lists(st.sampled_from([math.nan, math.inf, -math.inf]) | st.floats(-3, 3), max_size=30)


@given(
    metrics=METRICS,
    mode=st.sampled_from(["min", "max"]),
    factor=st.integers(2, 4),
    delta=st.sampled_from([0.0, 0.5]),
)
def test_v05_a_child_is_compared_with_each_that_came_before(metrics, mode, factor, delta):
    wanted = goal(patience=9, mode=mode, min_delta=delta, losers=ASHA(factor))
    rungs = Rungs(wanted)
    for number, metric in enumerate(metrics):
        entry = Entry("looped", parts=as_parts(Reported(metric)))
        told = reported(rungs.compared(1, entry).parts)
        better = sum(wanted.is_better(one, metric) for one in metrics[:number])
        goes_on = ASHA(factor).goes_on(better, number + 1)
        assert told is not None
        assert (told.loses == "") is goes_on
        if not goes_on:
            assert f"{better} of {number + 1} have" in told.loses
