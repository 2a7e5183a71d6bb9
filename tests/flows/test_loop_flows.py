"""Loops whose body is a flow: several tasks in each iteration, each with its own retries."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest

from daskloop import Flow, Parameter, again, case, context, flatten, loop_flow, task, unmapped
from daskloop.engine.signals import LOOP, PAUSE, RETRY, SKIP
from daskloop.executors.inline import InlineSession
from daskloop.record.folder_journal import FolderJournal
from daskloop.tasks.control_flow import merge
from tests.flows import loop_flow_program
from tests.flows.killing import started
from tests.flows.traces import Sightings, Trace, linger, on_clusters


@task
def half(x):
    return x / 2


@task
def size(x):
    return abs(x)


@loop_flow
def halve(x, steps=1):
    less = half(x)
    return again(x=less, steps=steps + 1).until(size(less) < 1, result=steps)


def test_g01_a_flow_is_run_again_until_its_condition_holds(executor):
    with Flow("halved") as flow:
        one, several = halve(40), halve.map([1, 10, 100])
        after = size.map(several)
    state = flow.run(executor=executor)
    assert state.result[one].result == 6
    assert state.result[one].loop_count == 6
    assert state.result[several].result == [1, 4, 7]
    assert state.result[after].result == [1, 4, 7]


def test_g02_arguments_are_inputs_defaults_and_fields_of_the_last_iteration(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def look(a, b, c):
        trace.note(a, b, c)
        return a

    @loop_flow
    def rounds(a, b, c=7):
        return again(b=b + 1).until(look(a, b, c).is_equal(0) | (b > 2), result=[a, b, c])

    with Flow("arguments") as flow:
        end = rounds(Parameter("a"), b=1)
    assert flow.run(executor=executor, a=5).result[end].result == [5, 3, 7]
    assert trace.notes() == [(5, 1, 7), (5, 2, 7), (5, 3, 7)]


def test_g03_only_the_task_that_failed_is_tried_again(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def fetch(n):
        trace.note("fetch", n, context.task_run_count)
        return n

    @task(max_retries=2)
    def flaky(x):
        trace.note("flaky", x, context.task_run_count)
        if context.task_run_count < 3:
            raise ValueError("not yet")
        return x

    @loop_flow
    def rounds(n=1):
        return again(n=n + 1).until(flaky(fetch(n)).is_equal(2), result=n)

    with Flow("flaky") as flow:
        end = rounds()
    assert flow.run(executor=executor).result[end].result == 2
    wanted = [("fetch", n, 1) for n in (1, 2)] + [
        ("flaky", n, k) for n in (1, 2) for k in (1, 2, 3)
    ]
    assert sorted(trace.notes()) == wanted


def test_g04_a_task_that_fails_for_good_fails_the_loop_at_that_iteration(executor):
    @task
    def picky(n):
        if n == 3:
            raise ValueError("three is too much")
        return n

    @loop_flow
    def rounds(n=1):
        return again(n=n + 1).until(half(picky(n)) > 100)

    @task
    def fine(x):
        return x

    with Flow("fails") as flow:
        end, other = rounds(), fine(1)
    state = flow.run(executor=executor)
    failed = state.result[end]
    assert state.is_failed() and failed.is_failed() and failed.loop_count == 3
    assert "rounds@3/picky failed: Unexpected error: ValueError('three is too much')" in (
        failed.message
    )
    assert failed.loop_payload == {"n": 3}
    assert state.result[other].is_successful()


def test_g05_maps_branches_and_inner_loops_work_in_a_body(executor):
    @task
    def square(x):
        return x * x

    @task
    def count(x):
        n = context.get("task_loop_result", 0)
        if n < x:
            raise LOOP(result=n + 1)
        return n

    @loop_flow
    def rounds(xs, top, n=1):
        squares = square.map(xs)
        sums = square.map(squares, upstream_tasks=[unmapped(count(2))])
        with case(n % 2, 0):
            even = size(n)
        chosen = merge(even, n)
        return again(xs=squares, n=chosen + 1).until(n >= top, result=sums)

    with Flow("inside") as flow:
        one = rounds([1, 2], 2)
        many = rounds.map([[1, 2], [3], []], top=unmapped(2))
    state = flow.run(executor=executor)
    assert state.result[one].result == [1, 256]
    assert state.result[many].result == [[1, 256], [6561], []]


@task
def pass_on(x):
    return x


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_g02_a_trigger_in_the_body_is_given_the_argument_that_a_merge_hands_on(executor):
    seen = []

    @task(trigger=lambda above: not seen.append(next(iter(above.values())).result))
    def look(x):
        return x

    @loop_flow
    def rounds(n, x, y=0):
        with case(n, 0):
            never = size(n)
        looked = look(merge(never, x)), look(merge(never, n)), look(merge(never, [y, n]))
        return again(n=n + 1, y=size(n)).until(n >= 2, result=looked)

    with Flow("looked-at") as flow:
        made, several = pass_on([[3], 4]), pass_on.map([5, 6])
        rounds(1, {"k": made})
        rounds(1, flatten(made))
        rounds.map(unmapped(1), several)
        rounds.map(unmapped(1), made)
        rounds.map(unmapped(1), [made, 7])
    assert flow.run(executor=executor).is_successful()
    given = [{"k": [[3], 4]}, [3, 4], 5, 6, [3], 4, [[3], 4], 7]
    wanted = [one for x in given for one in (x, 1, [0, 1], x, 2, [1, 2])]
    assert sorted(map(repr, seen)) == sorted(map(repr, wanted))


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_g02_a_trigger_in_the_body_reads_arguments_that_lie_in_the_store(executor):
    seen = []

    @task(trigger=lambda above: not seen.append(len(next(iter(above.values())).result)))
    def look(x):
        return len(x)

    @task
    def large(n):
        return b"x" * (200_000 + n)

    @task
    def several():
        return [b"y" * 700_000, b"z" * 700_001]

    @loop_flow
    def rounds(x, n=1):
        with case(n, 0):
            never = size(n)
        length = look(merge(never, x))
        return again(x=large(n), n=n + 1).until(n >= 3, result=length)

    with Flow("large") as flow:
        one, both = rounds(b"", 1), rounds.map(several())
    state = flow.run(executor=executor)
    assert state.result[one].result == 200_002
    assert state.result[both].result == [200_002, 200_002]
    assert sorted(seen) == sorted([0, 700_000, 700_001] + 3 * [200_001, 200_002])


def test_g01_a_body_without_tasks_hands_its_arguments_round(executor):
    @loop_flow
    def shift(a, b, c):
        return again(a=b, b=c).until(a, result=[a, b, c])

    @loop_flow(max_loops=4)
    def endless(a):
        return again(a=a).until(a)

    with Flow("empty") as flow:
        one, several = shift(0, 0, 1), shift.map([0, 7], [0, 4], unmapped(5))
        never = endless(False)
    state = flow.run(executor=executor)
    assert state.result[one].result == [1, 1, 1] and state.result[one].loop_count == 3
    assert state.result[several].result == [[5, 5, 5], [7, 4, 5]]
    assert state.result[never].is_failed() and "max_loops=4" in state.result[never].message


def test_g04_a_child_of_a_map_in_the_body_fails_the_loop_by_its_name(executor):
    @task
    def picky(x, n):
        if (x, n) == ("b", 2):
            raise ValueError("no b any more")
        return x

    def rounds_with(last):
        @loop_flow(name="rounds")
        def rounds(n=1):
            return again(n=n + 1).until(n >= 3, result=last(picky.map(list("abc"), unmapped(n))))

        return rounds

    @loop_flow
    def lenient(n=1):
        found = picky.copy(tolerate=1).map(list("abc"), unmapped(n))
        return again(n=n + 1).until(n >= 3, result=found)

    with Flow("maps") as flow:
        ends = [rounds_with(last)() for last in (lambda x: x, pass_on, pass_on.map)]
        fine = lenient()
    state = flow.run(executor=executor)
    said = "@2/picky[1] failed: Unexpected error: ValueError('no b any more')"
    for end in ends:
        assert state.result[end].loop_count == 2
        assert said in state.result[end].message, state.result[end].message
    assert state.result[fine].result == ["a", "b", "c"]


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_m15_fail_fast_ends_loop_flows_of_which_tasks_are_under_way_or_wait(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1, retry_delay=3600)
    def work(kind, n):
        trace.note(kind, n)
        if kind == "pauses":
            raise PAUSE("until somebody comes")
        if kind == "retried":
            raise ValueError("later")
        if kind == "loops":
            raise LOOP(after=0.02)
        return n

    @task
    def fails(kind, n):
        if not {("pauses", 1), ("retried", 1), ("loops", 1)} <= set(trace.notes()):
            raise RETRY("not yet", after=0.02)
        raise ValueError("bad")

    @loop_flow
    def inner(kind, n):
        return again(n=work(kind, n)).until(False)

    @loop_flow(fail_fast=True)
    def rounds(kind, n=1):
        with case(kind, "fails"):
            bad = fails(kind, n)
        with case(kind, "nested"):
            nested = inner("loops", n)
        with case(kind, "waits"):
            waits = work("pauses", n)
        return again(n=merge(bad, nested, waits, work(kind, n))).until(False)

    kinds = ["pauses", "retried", "nested", "waits", "fails", *["late"] * 60]
    with Flow("fast") as flow:
        ends, beside = rounds.map(kinds), size(-3)
    state = flow.run(executor=executor)
    assert state.is_failed() and state.result[beside].result == 3
    states = state.result[ends].map_states
    assert states[4].is_failed() and "fails failed" in states[4].message
    others = [one for number, one in enumerate(states) if number != 4]
    assert {type(one).__name__ for one in others} == {"Cancelled"}
    assert {one.message for one in others} == {"cancelled since rounds[4] failed (fail_fast)"}


def test_g05_l15_the_first_iteration_counts_for_max_time_and_for_loop_count(executor):
    @task
    def slow(n):
        linger(0.3)
        return n + 1

    @task
    def broken(n):
        raise ValueError("at once")

    @loop_flow(max_time=0.2, on_limit="return")
    def late(n=1):
        return again(n=slow(n)).until(False)

    @loop_flow
    def fails(n=1):
        return again(n=broken(n)).until(False)

    with Flow("first") as flow:
        end, failed = late(), fails()
    state = flow.run(executor=executor)
    assert state.result[end].result == {"n": 2} and state.result[end].loop_count == 1
    assert state.result[failed].is_failed() and state.result[failed].loop_count == 1


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_g05_l18_no_more_loop_flows_begin_than_max_branches_allows(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def work(who, n):
        trace.note("begins", who)
        if who == 2:
            raise ValueError("two")
        return n + 1

    @loop_flow(max_branches=2)
    def rounds(who, n=1):
        return again(n=work(who, n)).until(n >= 3, result=who)

    @task
    def follow(who):
        trace.note("done", who)
        return who

    @loop_flow
    def around(n=1):
        inner = follow.map(rounds.map([10, 11, 12, 13, 14]))
        return again(n=n + 1).until(n >= 2, result=inner)

    with Flow("branches") as flow:
        ends = rounds.map(list(range(7)))
        after, nested = follow.map(ends), around()
    state = flow.run(executor=executor)
    assert state.result[ends].map_states[2].is_failed()
    assert [one.result for one in state.result[after].map_states if one.is_successful()] == [
        0, 1, 3, 4, 5, 6,
    ]  # fmt: skip
    assert state.result[nested].result == [10, 11, 12, 13, 14]
    # Those of all iterations, and the two maps, are branches of tasks of their own.
    for whose in (range(7), range(10, 15)):
        under_way = set()
        for what, who in (note for note in trace.notes() if note[1] in whose):
            (under_way.add if what == "begins" else under_way.discard)(who)
            under_way.discard(2)  # is never done
            assert len(under_way) <= 2


def test_g06_limits_end_a_loop_flow_like_any_other(executor):
    @loop_flow(max_loops=3)
    def strict(n=1):
        return again(n=size(n) + 1).until(False)

    @loop_flow(max_loops=3, on_limit="return")
    def lenient(n=1):
        return again(n=size(n) + 1).until(False)

    with Flow("limits") as flow:
        one, other = strict(), lenient()
    state = flow.run(executor=executor)
    assert state.result[one].is_failed() and "max_loops=3" in state.result[one].message
    assert state.result[other].result == {"n": 4}


def test_g07_a_skip_in_the_body_skips_the_loop(executor):
    @task
    def leave(n):
        raise SKIP("nothing to do")

    @loop_flow
    def rounds(n=1):
        return again(n=leave(n)).until(False)

    with Flow("skips") as flow:
        end = rounds()
    state = flow.run(executor=executor)
    assert state.result[end].is_skipped() and state.is_successful()


def test_g08_handlers_see_the_loop_as_any_other(executor):
    seen = Sightings()

    @loop_flow(state_handlers=[seen])
    def rounds(n=1):
        return again(n=n + 1, message=size(n)).until(size(n) >= 3, result=n)

    with Flow("seen") as flow:
        rounds()
    assert flow.run(executor=executor).is_successful()
    assert [one.message for one in seen.of("Looped")] == ["1", "2"]


def test_g09_a_loop_flow_stands_in_the_body_of_another(executor):
    @loop_flow
    def inner(x, n=1):
        return again(x=half(x), n=n + 1).until(n >= 2, result=x)

    @loop_flow
    def outer(x, k=1):
        y = inner(x)
        return again(x=y, k=k + 1).until(k >= 3, result=y)

    with Flow("nested") as flow:
        end = outer.map([80, 8])
    assert flow.run(executor=executor).result[end].result == [10, 1]


@on_clusters
def test_g10_a_loop_flow_that_is_stopped_goes_on_where_it_was(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def slow(n):
        trace.note(n)
        time.sleep(0.02)
        return n

    @loop_flow
    def rounds(n=1):
        return again(n=size(slow(n)) + 1).until(n >= 20, result=n)

    with Flow("stopped") as flow:
        end = rounds()
    run = flow.submit(executor=executor, journal=tmp_path / "journal")
    assert trace.wait_for(4)
    run.cancel()
    assert run.result().is_cancelled() or run.result().is_failed()
    done = len(trace.notes())
    assert 4 <= done < 20
    state = flow.run(executor=executor, journal=tmp_path / "journal", resume=True)
    assert state.result[end].result == 20
    assert trace.notes() == [(n,) for n in range(1, 21)]


@on_clusters
def test_g10_many_loop_flows_that_are_given_up_in_flight_go_on(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def slow(n, who):
        trace.note(n, who)
        time.sleep(0.02)
        return n

    @loop_flow
    def rounds(who, n=1):
        return again(n=size(slow(n, who)) + 1).until(n >= 4, result=n)

    with Flow("given-up") as flow:
        ends = rounds.map(list(range(20)))
    journal = tmp_path / "journal"
    run = flow.submit(executor=executor, journal=journal)
    assert trace.wait_for(2, 0)
    run.cancel(now=True)
    assert run.result().is_cancelled()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[ends].result == [4] * 20


def approved(run, name):
    """Approve what is paused; False if nothing is, yet."""
    try:
        run.approve(name)
    except ValueError:
        return False
    return True


@on_clusters
def test_g10_a_task_in_a_body_may_wait_for_approval(executor):
    @task
    def asks(n):
        if n == 2 and not context.get("resume"):
            raise PAUSE("look at it")
        return n

    @loop_flow
    def rounds(n=1):
        return again(n=asks(n) + 1).until(n >= 3, result=n)

    with Flow("asks") as flow:
        end = rounds()
    run = flow.submit(executor=executor)
    deadline = time.monotonic() + 60
    while run.states[end].loop_count != 2 or not approved(run, "asks"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert run.result().result[end].result == 3


def test_g11_a_resumed_run_does_again_what_failed_and_nothing_else(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def fetch(n):
        trace.note("fetch", n)
        return n

    @task
    def once_broken(x):
        trace.note("broken", x)
        if x == 2 and trace.first("breaks"):
            raise ValueError("the first time")
        return x

    @loop_flow
    def rounds(n=1):
        return again(n=n + 1).until(once_broken(fetch(n)) >= 3, result=n)

    with Flow("again") as flow:
        end = rounds()
        after = size(end)
    journal = tmp_path / "journal"
    assert flow.run(executor=executor, journal=journal).is_failed()
    state = flow.run(executor=executor, journal=journal, resume=True)
    assert state.result[after].result == 3
    names = [("fetch", 1), ("broken", 1), ("fetch", 2), ("broken", 2), ("broken", 2)]
    assert trace.notes() == [*names, ("fetch", 3), ("broken", 3)]


def test_g11_what_is_at_most_once_in_a_body_is_not_run_again_when_a_run_is_resumed(tmp_path):
    trace = Trace(tmp_path)

    @task(at_most_once=True, max_retries=2)
    def pay(n):
        trace.note("pay", n)
        if n == 2 and trace.first("interrupted"):
            raise KeyboardInterrupt
        return n

    @loop_flow
    def rounds(n=1):
        return again(n=n + 1).until(pay(n) >= 3, result=n)

    with Flow("careful") as flow:
        end = rounds()
    journal = tmp_path / "journal"
    with pytest.raises(KeyboardInterrupt):
        flow.run(executor="inline", journal=journal)
    state = flow.run(executor="inline", journal=journal, resume=True)
    assert state.result[end].is_failed()
    assert trace.notes() == [("pay", 1), ("pay", 2)]


def test_g11_a_loop_flow_is_taken_back_to_an_iteration_as_a_whole(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def fetch(n):
        trace.note(n)
        return n

    @loop_flow
    def rounds(n=1):
        return again(n=fetch(n) + 1).until(n >= 3, result=n)

    with Flow("back") as flow:
        end = rounds()
    journal = tmp_path / "journal"
    assert flow.run(executor=executor, journal=journal).result[end].result == 3
    state = flow.run(
        executor=executor, journal=journal, resume=True, only="rounds", from_iteration=2
    )
    assert state.result[end].result == 3
    assert trace.notes() == [(1,), (2,), (3,), (2,), (3,)]


# A driver that is killed while it starts its cluster leaves the folder of that behind.
leaves_files = pytest.mark.may_leave("files")


def killed_and_resumed(tmp_path, executor, loops, children, kills):
    """Kill a loop flow now and then; check that only what was in flight is done again."""
    journal, trace = tmp_path / "journal", Trace(tmp_path)
    arguments = [executor, str(journal), str(tmp_path), str(loops), str(children)]
    in_flight = 0
    calls = 3 * loops * children
    for turn in range(kills):
        with started(loop_flow_program.__file__, *arguments) as process:
            goal = (turn + 1) * calls // (kills + 1)
            while process.poll() is None and len(trace.notes()) < goal:
                time.sleep(0.005)
            process.kill()
            process.communicate(timeout=60)
            in_flight += 1
    with started(loop_flow_program.__file__, *arguments) as process:
        said, _ = process.communicate(timeout=600)
    wanted = [loop_flow_program.expected(who, loops) for who in range(children)]
    assert json.loads(said.splitlines()[-1]) == ["Success", wanted]
    recorded = Counter(
        (record.address[0].child, record.address[0].iteration, record.address[1].slug)
        for (summary,) in [FolderJournal(journal).runs()]
        for record in FolderJournal(journal).read(summary.header.run).records
        if len(record.address) == 2 and record.state == "Success" and record.value is not None
    )
    assert set(recorded.values()) == {1}, "something was recorded twice"
    assert len(recorded) == calls
    return trace.notes()


@leaves_files
def test_g12_a_driver_that_is_killed_loses_nothing_of_a_loop_flow(tmp_path):
    notes = killed_and_resumed(tmp_path, "threads", loops=4, children=5, kills=2)
    again = sum(Counter(notes).values()) - len(set(notes))
    assert again <= 2 * 5, "each kill may repeat what was in flight"


@leaves_files
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_g12_three_tasks_twenty_iterations_thirty_children_one_of_them_flaky(tmp_path, executor):
    notes = killed_and_resumed(tmp_path, executor, loops=20, children=30, kills=3)
    tried = Counter((name, n, who, count) for name, n, who, count in notes)
    retried = {one for one in tried if one[3] == 2}
    assert {one[0] for one in retried} == {"flaky"}
    assert len(retried) == sum((n + who) % 4 == 0 for n in range(1, 21) for who in range(30))


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda n: None, "returned None.*again"),
        (lambda n: again(m=1).until(True), "has no argument 'm', but n"),
        (lambda *n: again().until(True), "takes \\*n; inputs of a task have names"),
        (lambda n: again(n=Parameter("p")).until(True), "Parameter 'p' stands in the body"),
        (lambda n: again(n=half.copy(target="x.pkl")(n)).until(True), "has a result= or target="),
    ],
)
def test_g13_a_body_that_cannot_be_one_is_refused_where_it_is_written(write, says):
    with pytest.raises((TypeError, ValueError), match=says):
        loop_flow(write, name="bad")


def test_g13_options_that_belong_to_tasks_are_refused():
    with pytest.raises(TypeError, match=r"loop_flow\(max_retries=...\): what is tried"):
        loop_flow(max_retries=2)(lambda n: again(n=half(n)).until(True))


def test_g13_tasks_of_the_flow_around_are_arguments_and_nothing_else():
    with Flow("around"):
        outside = half(4)
        with pytest.raises(ValueError, match="'half' is bound in flow 'around'"):
            loop_flow(lambda n: again(n=size(outside)).until(True), name="bad")


def test_l15_the_first_iteration_of_a_loop_flow_counts_for_max_time_after_a_stop(tmp_path):
    trace = Trace(tmp_path)

    @task
    def first(n):
        return n

    @task
    def second(n):
        trace.note(n)
        linger(0.5)
        return n + 1

    @loop_flow(max_time=2.0)
    def rounds(n):
        m = second(first(n))
        return again(n=m).until(m > 10**6, result=m)

    with Flow("f") as flow:
        end = rounds(0)
    run = flow.submit(executor="threads", workers=1, journal=tmp_path / "runs")
    trace.wait_for(0)
    run.cancel()
    assert run.result().is_cancelled()
    linger(2.0)
    state = flow.run(executor="inline", journal=tmp_path / "runs", resume=True).result[end]
    assert "max_time=2 s" in state.message
    assert trace.notes() == [(0,)]


def test_l18_loop_flows_that_begin_while_others_are_let_in_wait_where_they_have_to(monkeypatch):
    """The window grows in the middle of a run, as when workers join."""
    asked = iter(range(10**9))
    monkeypatch.setattr(InlineSession, "slots", lambda self: 1 if next(asked) < 40 else 8)

    @task
    def step(x):
        return x + 1

    @task
    def total(rest, x):
        return sum(rest) + x

    @loop_flow(max_branches=40)
    def inner(x):
        y = step(x)
        return again(x=y).until(y > 0, result=y)

    @loop_flow
    def outer(x):
        t = total(inner.map([0]), x)
        return again(x=t).until(t > 0, result=t)

    with Flow("f") as flow:
        end = outer.map(list(range(80)))
    state = flow.run(executor="inline")
    assert state.result[end].result == [x + 1 for x in range(80)]
