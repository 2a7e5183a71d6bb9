"""The iterations of loop flows: what of them is kept, and for how long."""

from __future__ import annotations

import gc

from daskloop import Flow, again, context, loop_flow, task
from daskloop.define.annotations import flatten
from daskloop.run.admission import Admission
from daskloop.run.mishaps import Mishaps
from daskloop.run.standing import Standing


def test_g08_nothing_of_an_iteration_is_kept_once_the_next_one_is_under_way():
    alive = []

    def count(task, old, new):
        if new.is_looped() and new.loop_count in (5, 50):
            gc.collect()
            alive.append(sum(type(one) is Standing for one in gc.get_objects()))

    @task
    def same(n):
        return n

    @loop_flow(state_handlers=[count])
    def rounds(n=1):
        return again(n=same(n) + 1).until(n >= 51, result=n)

    gc.collect()
    before = sum(type(one) is Standing for one in gc.get_objects())
    with Flow("kept") as flow:
        end = rounds()
    assert flow.run(executor="inline").result[end].result == 51
    assert [one - before for one in alive] == [2, 2], "the run, and the iteration under way"


def test_g08_no_more_loop_flows_are_under_way_than_the_window_holds_and_all_have_their_turn():
    alive = []

    def count(task, old, new):
        # Not for each: to go through all objects of a process that ran many tests takes a while.
        if new.is_looped() and new.loop_count == 1 and context.map_index % 12 == 0:
            found = [one for one in gc.get_objects() if type(one) is Standing]
            # The driver goes on meanwhile: an iteration just replaced is not collected yet.
            alive.append(sum(one.outer is not None and one.outer.block is one for one in found))

    @task
    def same(n, who):
        if who == 7:
            raise ValueError("seven")
        return n

    @loop_flow(state_handlers=[count])
    def rounds(who, n=1):
        return again(n=same(n, who) + 1).until(n >= 3, result=[who, n])

    window = Admission(1).window
    with Flow("many") as flow:
        ends = rounds.map(list(range(window + 20)))
    states = flow.run(executor="inline").result[ends].map_states
    assert states[7].is_failed()
    wanted = [[who, 3] for who in range(window + 20) if who != 7]
    assert [one.result for one in states if one.is_successful()] == wanted
    assert max(alive) == window


def test_g02_an_argument_that_is_flattened_is_so_for_tasks_and_operators():
    @task
    def nested():
        return [[1], [2, 3]]

    @task
    def total(numbers):
        return sum(numbers)

    @loop_flow
    def rounds(numbers, n=1):
        return again(n=n + 1).until(True, result=[total(numbers), numbers[1]])

    with Flow("flat") as flow:
        end = rounds(flatten(nested()))
    assert flow.run(executor="inline").result[end].result == [6, 2]


def test_q05_what_goes_wrong_in_a_body_counts_for_its_loop_flow():
    mishaps = Mishaps()
    tries = []

    @task(name="twin", max_retries=1)
    def flaky(n):
        tries.append(n)
        if len(tries) == 1:
            raise ValueError("once")
        return n

    @task
    def twin():
        return 1

    @loop_flow
    def rounds(n=1):
        return again(n=flaky(n) + 1).until(True, result=n)

    with Flow("counted") as flow:
        twin()
        rounds()
    from daskloop.flow.begin import begin
    from daskloop.flow.options import checked_options

    run = begin(flow, None, {}, checked_options(executor="inline"), listeners=[mishaps])
    assert run.result().is_successful()
    assert mishaps.counts("rounds-1") == (1, 0)
    assert mishaps.counts("twin-1") == (0, 0)
    assert mishaps.failed("rounds-1") == ((0, 1),)
