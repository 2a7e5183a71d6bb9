"""State handlers and hooks: what they see, what they may change (rules L8, L9, R3, R7)."""

from __future__ import annotations

import os
import threading

import pytest

from daskloop import Flow, context, task
from daskloop.engine.signals import FAIL, LOOP, SKIP
from daskloop.engine.state import (
    Failed,
    Looped,
    Mapped,
    Pending,
    Retrying,
    Running,
    Scheduled,
    Success,
)
from daskloop.errors import HandlerError, PayloadError, RemoteError
from daskloop.record.folder_journal import FolderJournal
from daskloop.triggers import all_finished
from tests.flows.traces import Sightings, Trace, on_clusters

PATIENCE = 20.0


def counting_to(last, **options):
    """Make a loop of so many iterations that hands on and returns numbers."""

    @task(**options)
    def count():
        n = context.get("task_loop_result", 1)
        if n < last:
            raise LOOP(message=f"at {n}", result=n + 1)
        return n

    return count


def test_l08_c17_a_loop_of_3_is_announced_in_six_calls(executor):
    seen = Sightings()
    with Flow("three") as flow:
        counting_to(3, state_handlers=[seen])()
    flow.run(executor=executor)
    assert seen.story() == "Running Looped Running Looped Running Success"
    assert [looped.loop_count for looped in seen.of("Looped")] == [1, 2]
    assert [looped.result for looped in seen.of("Looped")] == [2, 3]


def test_l08_handlers_see_n_times_running_and_one_time_less_looped(executor):
    seen = Sightings()
    with Flow("twelve") as flow:
        counting_to(12, state_handlers=[seen])()
    flow.run(executor=executor)
    assert len(seen.of("Running")) == 12
    assert [looped.loop_count for looped in seen.of("Looped")] == list(range(1, 12))
    assert len(seen.of("Success")) == 1
    assert len(seen.states) == 24


def test_l08_every_call_is_told_the_state_before(executor):
    pairs = []

    def see(task, old_state, new_state):
        pairs.append((type(old_state).__name__, type(new_state).__name__))

    with Flow("pairs") as flow:
        counting_to(2, state_handlers=[see])()
    flow.run(executor=executor)
    assert pairs == [
        ("Pending", "Running"),
        ("Running", "Looped"),
        ("Looped", "Running"),
        ("Running", "Success"),
    ]


def test_l01_c08_a_looped_state_has_the_message_of_its_loop(executor):
    seen = Sightings()

    @task(state_handlers=[seen])
    def talk():
        count = context.get("task_loop_count", 1)
        if count == 1:
            raise LOOP(message="m1", result=1)
        if count == 2:
            raise LOOP(result=2)

    with Flow("talk") as flow:
        talk()
    flow.run(executor=executor)
    said, silent = (looped.message for looped in seen.of("Looped"))
    assert said == "m1"
    assert "loop" in silent.lower()
    assert "2" in silent


def test_l08_c19_a_replaced_payload_is_what_the_next_iteration_gets(executor, tmp_path):
    trace = Trace(tmp_path)

    def by_result(task, old_state, new_state):
        if new_state.is_looped():
            new_state.result = {"handed": new_state.result["n"] * 10}
            return new_state
        return None

    def by_state(task, old_state, new_state):
        if new_state.is_looped():
            return Looped(message="mine", result={"handed": new_state.result["n"] * 100})
        return None

    @task
    def loop(handled):
        count = context.get("task_loop_count", 1)
        trace.note(handled, count, context.get("task_loop_result"))
        if count < 3:
            raise LOOP(result={"n": count})

    with Flow("replaced") as flow:
        loop("result", task_args={"state_handlers": [by_result]})
        loop("state", task_args={"state_handlers": [by_state]})
    assert flow.run(executor=executor).is_successful()
    notes = trace.notes()
    assert [rest for handled, *rest in notes if handled == "result"] == [
        [1, None],
        [2, {"handed": 10}],
        [3, {"handed": 20}],
    ]
    assert [rest for handled, *rest in notes if handled == "state"] == [
        [1, None],
        [2, {"handed": 100}],
        [3, {"handed": 200}],
    ]


def test_l08_a_finished_state_instead_of_looped_ends_the_loop(executor):
    def enough(task, old_state, new_state):
        if new_state.is_looped() and new_state.loop_count == 2:
            return Success("enough", result="stopped")
        return None

    @task
    def after(value):
        return value + "!"

    with Flow("enough") as flow:
        loop = counting_to(100, state_handlers=[enough])()
        end = after(loop)
    state = flow.run(executor=executor)
    assert state.result[loop].message == "enough"
    assert state.result[loop].result == "stopped"
    assert state.result[loop].loop_count == 2
    assert state.result[end].result == "stopped!"


def test_l08_failed_instead_of_looped_ends_the_loop_as_failed(executor):
    def no(task, old_state, new_state):
        if new_state.is_looped() and new_state.loop_count == 2:
            return Failed("no further", result=ValueError("no"))
        return None

    with Flow("no") as flow:
        loop = counting_to(100, state_handlers=[no])()
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert state.result[loop].is_failed()
    assert state.result[loop].message == "no further"
    assert isinstance(state.result[loop].result, ValueError)


def test_l08_a_handler_may_replace_the_final_state_and_what_downstream_gets(executor):
    def better(task, old_state, new_state):
        if new_state.is_successful():
            return Success("better", result=new_state.result * 2)
        return None

    @task
    def after(value):
        return value + 1

    with Flow("better") as flow:
        loop = counting_to(3, state_handlers=[better])()
        end = after(loop)
    state = flow.run(executor=executor)
    assert (state.result[loop].message, state.result[loop].result) == ("better", 6)
    assert state.result[end].result == 7


def test_l08_a_handler_may_make_a_success_of_a_failure(executor):
    def rescue(task, old_state, new_state):
        return Success("rescued", result="instead") if new_state.is_failed() else None

    @task(state_handlers=[rescue])
    def fail():
        raise ValueError("lost")

    @task
    def after(value):
        return value

    with Flow("rescue") as flow:
        rescued = fail()
        end = after(rescued)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[rescued].message == "rescued"
    assert state.result[end].result == "instead"


def test_l08_several_handlers_are_asked_in_turn_and_see_what_the_one_before_returned(executor):
    calls = []

    def first(task, old_state, new_state):
        calls.append(("first", new_state.message))
        return Success("from first", result=1) if new_state.is_finished() else None

    def second(task, old_state, new_state):
        calls.append(("second", new_state.message))

    @task(state_handlers=[first, second])
    def give():
        return 0

    with Flow("several") as flow:
        given = give()
    state = flow.run(executor=executor)
    assert state.result[given].result == 1
    assert [name for name, _ in calls] == ["first", "second", "first", "second"]
    assert calls[-1] == ("second", "from first")


def test_l08_handlers_run_in_the_driver_and_know_the_task_and_the_child(executor):
    seen = []

    def look(task, old_state, new_state):
        if new_state.is_finished():
            where = context.get("map_index"), context.get("task_full_name")
            seen.append((os.getpid(), task.name, *where, type(new_state).__name__))

    @task(state_handlers=[look])
    def body(number):
        return number

    with Flow("where") as flow:
        body.map([1, 2])
    assert flow.run(executor=executor).is_successful()
    here = os.getpid()
    assert sorted(seen, key=repr) == [
        (here, "body", 0, "body[0]", "Success"),
        (here, "body", 1, "body[1]", "Success"),
        (here, "body", None, "body", "Mapped"),
    ]
    assert dict(context) == {}


@on_clusters  # inline, all of the user's code runs in the one thread that there is
def test_l08_a_handler_that_waits_holds_up_its_own_child_alone(executor):
    other_done, waited = threading.Event(), []

    def wait(task, old_state, new_state):
        if context.get("map_index") == 0 and new_state.is_looped():
            waited.append(other_done.wait(PATIENCE))
        if context.get("map_index") == 1 and type(new_state).__name__ == "Success":
            other_done.set()

    @task(state_handlers=[wait])
    def body(number):
        if context.get("task_loop_count", 1) < number:
            raise LOOP()
        return number

    with Flow("waits") as flow:
        ended = body.map([2, 3])
    assert flow.run(executor=executor).result[ended].result == [2, 3]
    assert waited == [True]


def test_l08_handlers_of_one_child_are_called_in_order_however_many_there_are(executor):
    seen = {}

    def note(task, old_state, new_state):
        pair = type(old_state).__name__, type(new_state).__name__
        seen.setdefault(context.map_index, []).append((*pair, context.get("task_loop_count", 1)))

    @task(state_handlers=[note])
    def body(number):
        if context.get("task_loop_count", 1) < 4:
            raise LOOP()

    with Flow("many") as flow:
        body.map(list(range(30)))
    assert flow.run(executor=executor).is_successful()
    expected = [("Pending", "Running", 1)]
    for count in (1, 2, 3):
        expected += [("Running", "Looped", count), ("Looped", "Running", count + 1)]
    expected += [("Running", "Success", 4)]
    assert set(seen) == {None, *range(30)}
    assert all(seen[index] == expected for index in range(30)), seen


def test_l08_a_child_waits_for_its_own_handler(executor, tmp_path):
    trace, order = Trace(tmp_path), []

    def slow(task, old_state, new_state):
        if new_state.is_looped():
            started = trace.wait_for(new_state.loop_count + 1, seconds=0.2)
            order.append((new_state.loop_count, started))

    @task(state_handlers=[slow])
    def body():
        count = context.get("task_loop_count", 1)
        trace.note(count)
        if count < 3:
            raise LOOP()

    with Flow("own") as flow:
        body()
    assert flow.run(executor=executor).is_successful()
    # Within its time no handler saw the next iteration begin.
    assert order == [(1, False), (2, False)]


def test_r07_c39_fail_raised_by_a_handler_on_success_is_retried(executor, tmp_path):
    trace, seen = Trace(tmp_path), Sightings()

    def strict(task, old_state, new_state):
        if new_state.is_successful():
            raise FAIL("not good enough")

    @task(max_retries=2, state_handlers=[strict, seen])
    def body():
        trace.note(context.task_run_count)
        return 1

    with Flow("strict") as flow:
        end = body()
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert state.result[end].is_failed()
    assert "not good enough" in state.result[end].message
    assert trace.notes() == [(1,), (2,), (3,)]
    assert len(seen.of("Retrying")) == 2


def test_r07_fail_raised_by_a_handler_once_leads_to_success(executor):
    def picky(task, old_state, new_state):
        if new_state.is_successful() and new_state.result < 2:
            raise FAIL("too small")

    @task(max_retries=3, state_handlers=[picky])
    def body():
        return context.task_run_count

    with Flow("picky") as flow:
        end = body()
    assert flow.run(executor=executor).result[end].result == 2


@pytest.mark.parametrize("moment", ["Running", "Looped", "Success"])
def test_r07_an_exception_raised_by_a_handler_fails_the_task_and_names_it(
    executor, tmp_path, moment
):
    trace = Trace(tmp_path)

    def broken_handler(task, old_state, new_state):
        if type(new_state).__name__ == moment:
            raise ZeroDivisionError("in the handler")

    @task(max_retries=3, state_handlers=[broken_handler])
    def body():
        trace.note(context.get("task_loop_count", 1), context.task_run_count)
        if context.get("task_loop_count", 1) < 2:
            raise LOOP()

    @task
    def fine():
        return "fine"

    with Flow("broken") as flow:
        end = body()
        beside = fine()
    state = flow.run(executor=executor)
    assert state.is_failed()
    failed = state.result[end]
    assert failed.is_failed()
    assert "broken_handler" in failed.message
    assert "in the handler" in failed.message
    assert isinstance(failed.result, BaseException)
    assert state.result[beside].result == "fine"
    expected = {"Running": [], "Looped": [(1, 1)], "Success": [(1, 1), (2, 1)]}[moment]
    # A body that had begun when its handler on Running raised is of no account.
    assert trace.notes() in ([expected, [(1, 1)]] if moment == "Running" else [expected])


def test_r07_a_handler_that_raises_on_a_failure_is_named_and_does_not_hide_it(executor):
    def broken_handler(task, old_state, new_state):
        if new_state.is_failed():
            raise ZeroDivisionError("in the handler")

    @task(state_handlers=[broken_handler])
    def body():
        raise ValueError("in the body")

    with Flow("broken") as flow:
        end = body()
    failed = flow.run(executor=executor).result[end]
    assert failed.is_failed()
    assert "broken_handler" in failed.message


def test_l08_the_hooks_are_called_each_at_its_time(executor):
    calls = []

    def hook(name):
        return lambda task, state: calls.append((name, task.name, type(state).__name__))

    @task(
        max_retries=1,
        on_failure=hook("failure"),
        on_retry=hook("retry"),
        on_loop=hook("loop"),
        on_final_failure=hook("final"),
    )
    def body():
        count, tried = context.get("task_loop_count", 1), context.task_run_count
        if count == 3 or (count, tried) == (1, 1):
            raise ValueError
        raise LOOP()

    with Flow("hooks") as flow:
        body()
    assert flow.run(executor=executor).is_failed()
    assert calls == [
        ("failure", "body", "Failed"),
        ("retry", "body", "Retrying"),
        ("loop", "body", "Looped"),
        ("loop", "body", "Looped"),
        ("failure", "body", "Failed"),
        ("retry", "body", "Retrying"),
        ("failure", "body", "Failed"),
        ("final", "body", "Failed"),
    ]


def test_l08_a_result_that_no_handler_asks_for_is_not_opened_in_the_driver(executor, tmp_path):
    trace = Trace(tmp_path)

    class Watched:
        def __init__(self, note):
            self.note = note

        def __reduce__(self):
            return opened, (self.note,)

    def opened(note):
        note(os.getpid())
        return Watched(note)

    seen = Sightings()

    @task(state_handlers=[seen])
    def body():
        if context.get("task_loop_count", 1) < 4:
            raise LOOP(result=Watched(trace.note))
        return Watched(trace.note)

    with Flow("closed") as flow:
        end = body()
    state = flow.run(executor=executor)
    assert seen.names().count("Looped") == 3
    if executor != "inline" and "inproc" not in executor.scheduler.address:
        assert (os.getpid(),) not in trace.notes()
    assert type(state.result[end].result).__name__ == "Watched"


def test_l08_handlers_need_not_be_picklable(executor):
    guard, seen = threading.Lock(), []

    def locked(task, old_state, new_state):
        with guard:
            seen.append(type(new_state).__name__)

    with Flow("locked") as flow:
        end = counting_to(2, state_handlers=[locked])()
    assert flow.run(executor=executor).result[end].result == 2
    assert seen == ["Running", "Looped", "Running", "Success"]


class Unpicklable(Exception):
    """Holds what cannot travel."""

    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()


class Mute(Unpicklable):
    """Cannot be shown either."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize("mapped", [False, True])
def test_l08_a_handler_that_gives_a_result_that_cannot_be_pickled_fails_its_task_alone(
    executor, mapped, tmp_path
):
    def locked(task, old_state, new_state):
        if new_state.is_successful():
            return Success("from the handler", result=[1, threading.Lock()])
        return None

    @task
    def follow(x):
        return x

    with Flow("locked") as flow:
        bad = counting_to(2, state_handlers=[locked])()
        after = follow.map(bad) if mapped else follow(bad)
        beside = counting_to(3)()
    for resume in (False, True):
        state = flow.run(executor=executor, journal=tmp_path / "runs", resume=resume)
        failed = state.result[bad]
        assert failed.is_failed() and failed.loop_count == 2
        assert "the result of" in failed.message and "(_thread.lock)" in failed.message
        assert isinstance(failed.result, PayloadError)
        assert state.result[after].is_failed()
        assert state.result[beside].result == 3


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "words"), [(Unpicklable, "of mine"), (Mute, "<Mute whose str raised RuntimeError>")]
)
def test_l08_a_failure_of_a_handler_that_cannot_travel_is_handed_on_in_words(
    executor, kind, words, tmp_path
):
    def refuse(task, old_state, new_state):
        return Failed("refused", kind("of mine")) if new_state.is_successful() else None

    @task(trigger=all_finished)
    def told(error):
        return type(error).__name__, error.class_name, error.text

    with Flow("refused") as flow:
        bad = counting_to(2, state_handlers=[refuse])()
        end = told(bad)
    state = flow.run(executor=executor, journal=tmp_path / "runs")
    assert state.result[bad].message == "refused"
    assert type(state.result[bad].result) is kind
    name = f"{kind.__module__}.{kind.__name__}"
    assert state.result[end].result == ("RemoteError", name, words)


@pytest.mark.parametrize("executor", ["inline", "processes"], indirect=True)
@pytest.mark.parametrize(
    ("answer", "message", "words"),
    [
        (lambda state: None, "Unexpected error: Unpicklable('of mine')", "of mine"),
        (lambda state: Failed("reworded", state.result), "reworded", "of mine"),
        # Of what a handler puts in its place the message is what says why.
        (lambda state: Failed("other", RemoteError("far.Away", "its own")), "other", "other"),
    ],
    ids=["looks", "rewords", "replaces"],
)
def test_l08_a_failure_that_a_handler_knows_in_words_only_is_recorded_with_those_that_stand(
    executor, answer, message, words, tmp_path
):
    seen = []

    def look(task, old_state, new_state):
        if not new_state.is_failed():
            return None
        seen.append((type(new_state.result), new_state.result.text))
        return answer(new_state)

    @task(state_handlers=[look])
    def fail():
        raise Unpicklable("of mine")

    with Flow("words") as flow:
        bad = fail()
    state = flow.run(executor=executor, journal=tmp_path / "runs")
    assert seen == [(RemoteError, "of mine")]
    assert state.result[bad].message == message
    journal = FolderJournal(tmp_path / "runs")
    (run,) = journal.runs()
    last = journal.read(run.header.run).records[-1]
    assert (last.state, last.message, last.error.text) == ("Failed", message, words)


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize("kind", [Unpicklable, KeyError])
def test_l08_a_handler_may_give_an_earlier_failure_that_nobody_has_opened(executor, kind, tmp_path):
    earlier = []

    def first_counts(task, old_state, new_state):
        if new_state.is_failed():
            earlier.append(new_state)
        return earlier[0] if new_state.is_successful() else None

    @task(state_handlers=[first_counts], max_retries=1)
    def flaky():
        if context.task_run_count == 1:
            raise kind("of the first")
        return "well"

    with Flow("earlier") as flow:
        bad = flaky()
    failed = flow.run(executor=executor, journal=tmp_path / "runs").result[bad]
    assert failed.is_failed() and "of the first" in failed.message
    assert isinstance(failed.result, RemoteError if kind is Unpicklable else kind)
    journal = FolderJournal(tmp_path / "runs")
    (run,) = journal.runs()
    last = journal.read(run.header.run).records[-1]
    assert last.state == "Failed" and "of the first" in last.error.text
    assert last.error.class_name.endswith(kind.__name__)


ANSWERS = {
    "retrying": lambda: Retrying("again"),
    "scheduled": lambda: Scheduled("later"),
    "running": lambda: Running("now"),
    "looped": lambda: Looped("on", result=1),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("instead_of", ["Mapped", "Skipped", "TriggerFailed"])
def test_m01_r07_a_handler_cannot_run_what_has_nothing_to_run(
    executor, instead_of, answer, tmp_path
):
    """A map itself, and what is skipped or refused by its trigger."""
    trace = Trace(tmp_path)

    def handler(subject, old, new):
        return ANSWERS[answer]() if type(new).__name__ == instead_of else None

    @task
    def above():
        raise SKIP("no") if instead_of == "Skipped" else ValueError("no")

    @task(state_handlers=[handler])
    def below(x=None):
        trace.note("ran")

    with Flow("f") as flow:
        end = below.map([1, 2]) if instead_of == "Mapped" else below(above())
    state = flow.run(executor=executor).result[end]
    assert type(state) is Failed
    assert isinstance(state.result, HandlerError)
    assert "has nothing to run" in state.message
    assert not trace.notes()


def test_l08_a_handler_cannot_leave_a_task_undecided_that_has_not_run(executor):
    def handler(subject, old, new):
        return Pending("hm") if new.is_running() else None

    @task(state_handlers=[handler])
    def one():
        return 1

    with Flow("f") as flow:
        end = one()
    state = flow.run(executor=executor).result[end]
    assert type(state) is Failed
    assert "for a task that has not run" in state.message


@pytest.mark.parametrize("instead_of", ["Retrying", "Failed"])
def test_b01_l08_a_handler_cannot_have_an_attempt_run_again_that_has_ended(
    executor, instead_of, tmp_path
):
    """It would travel under a key that was used before, and the run would wait for it for ever."""
    trace = Trace(tmp_path)

    def handler(subject, old, new):
        return Running("now") if type(new).__name__ == instead_of else None

    @task(state_handlers=[handler], max_retries=1 if instead_of == "Retrying" else 0, max_loops=2)
    def loops():
        trace.note("ran")
        if instead_of == "Retrying":
            raise ValueError("no")
        raise LOOP(result=1)

    with Flow("f") as flow:
        end = loops()
    state = flow.submit(executor=executor).result(PATIENCE).result[end]
    assert type(state) is Failed
    assert isinstance(state.result, HandlerError)
    assert "had ended" in state.message
    assert len(trace.notes()) == (1 if instead_of == "Retrying" else 2)


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_l08_m05_one_success_instead_of_a_map_can_be_mapped_over(executor):
    def handler(subject, old, new):
        return Success("as one", [5, 6]) if new.is_mapped() else None

    @task(state_handlers=[handler])
    def above(number):
        return number

    @task
    def below(number):
        return 2 * number

    with Flow("f") as flow:
        end = below.map(above.map([1]))
    assert flow.run(executor=executor).result[end].result == [10, 12]


@pytest.mark.parametrize("instead_of", ["Looped", "Success"])
def test_m01_l08_a_handler_cannot_make_a_map_of_what_has_no_children(executor, instead_of):
    """Its result would be an empty list, and downstream tasks would get something else."""

    def handler(subject, old, new):
        return Mapped("many") if type(new).__name__ == instead_of else None

    @task
    def below(value):
        return value

    with Flow("f") as flow:
        end = counting_to(2, state_handlers=[handler])()
        after = below(end)
    state = flow.run(executor=executor)
    assert type(state.result[end]) is Failed
    assert "no children were started" in state.result[end].message
    assert state.result[after].is_trigger_failed()
