"""What task code is told through the context, and what it says by signals (L1, L6-L10, F7)."""

from __future__ import annotations

import copy
import logging
import pickle
from datetime import datetime

import pytest

import daskloop
from daskloop import Flow, Parameter, Task, context, task
from daskloop.engine import signals
from daskloop.engine.signals import FAIL, LOOP, RETRY, SKIP, SUCCESS
from tests.flows.traces import Trace

KEYS = (
    "task_name",
    "task_full_name",
    "task_slug",
    "map_index",
    "task_run_count",
    "run_id",
    "flow_name",
    "parameters",
    "idempotency_key",
    "logger",
    "date",
    "today",
)


def test_f07_a_task_finds_all_keys_in_its_context(executor):
    @task
    def look():
        missing = [key for key in KEYS if key not in context]
        return missing, {
            key: context[key]
            for key in ("task_name", "task_full_name", "task_slug", "map_index", "task_run_count")
        }

    with Flow("keys") as flow:
        seen = look()
    state = flow.run(executor=executor)
    missing, values = state.result[seen].result
    assert missing == []
    assert values == {
        "task_name": "look",
        "task_full_name": "look",
        "task_slug": "look-1",
        "map_index": None,
        "task_run_count": 1,
    }


def test_f07_keys_are_read_by_item_by_attribute_and_by_get(executor):
    @task
    def look():
        assert context["task_name"] == context.task_name == context.get("task_name") == "look"
        assert daskloop.context.task_name == "look"
        assert context.get("no such key") is None
        assert context.get("no such key", 5) == 5
        with pytest.raises(KeyError):
            context["no such key"]
        with pytest.raises(AttributeError, match="no_such_key"):
            _ = context.no_such_key
        return True

    with Flow("ways") as flow:
        looked = look()
    state = flow.run(executor=executor)
    assert state.result[looked].result is True, state.result[looked]


def test_f07_flow_run_and_parameters_are_the_same_for_all_tasks(executor):
    @task
    def look(value):
        return context.flow_name, context.run_id, dict(context.parameters)

    with Flow("common") as flow:
        n = Parameter("n")
        m = Parameter("m", default=[2])
        one, other = look(n), look(m)
        children = look.map([1, 2])
    state = flow.run(n=1, executor=executor)
    seen = [state.result[one].result, state.result[other].result, *state.result[children].result]
    assert all(each == seen[0] for each in seen)
    name, run_id, parameters = seen[0]
    assert name == "common"
    assert parameters == {"n": 1, "m": [2]}
    again = flow.run(n=1, executor=executor).result[one].result
    assert again[1] != run_id


def test_f07_children_know_their_index_and_their_full_name(executor):
    @task
    def look(letter):
        return context.task_name, context.map_index, context.task_full_name, letter

    with Flow("children") as flow:
        seen = look.map(["a", "b", "c"])
    assert flow.run(executor=executor).result[seen].result == [
        ("look", index, f"look[{index}]", letter) for index, letter in enumerate("abc")
    ]


def test_f07_slugs_tell_two_tasks_of_one_name_apart(executor):
    @task
    def look():
        return context.task_name, context.task_slug

    with Flow("slugs") as flow:
        one, other = look(), look()
    state = flow.run(executor=executor)
    assert [state.result[each].result for each in (one, other)] == [
        ("look", "look-1"),
        ("look", "look-2"),
    ]


def test_f07_c109_context_given_to_run_is_seen_everywhere_and_leaves_nothing(executor):
    @task
    def look(value):
        if context.get("task_loop_count", 1) == 1:
            raise LOOP(result=context.foo)
        return context.foo, context.get("bar"), context.task_loop_result

    with Flow("given") as flow:
        plain = look(0)
        children = look.map([1, 2])
    state = flow.run(executor=executor, context={"foo": 1, "bar": {"deep": [1]}})
    expected = (1, {"deep": [1]}, 1)
    assert state.result[plain].result == expected
    assert state.result[children].result == [expected, expected]
    assert "foo" not in context
    assert dict(context) == {}
    without = flow.run(executor=executor)
    assert without.result[plain].is_failed()


@pytest.mark.parametrize("key", ["task_loop_count", "task_loop_result", "task_run_count", "run_id"])
def test_f07_keys_of_the_engine_are_refused_in_the_context_given_to_run(tmp_path, key):
    trace = Trace(tmp_path)

    @task
    def ran():
        trace.note("ran")

    with Flow("refused") as flow:
        ran()
    with pytest.raises(ValueError, match=key):
        flow.run(executor="inline", context={key: 5})
    assert trace.notes() == []


def test_f07_a_task_that_changes_what_it_finds_in_the_context_changes_it_for_nobody(executor):
    @task
    def spoil(after):
        seen = list(context.numbers)
        context.numbers.append("spoiled")
        context.parameters["p"].append("spoiled")
        return seen

    @task
    def look(after):
        return list(context.numbers), list(context.parameters["p"])

    with Flow("spoiled") as flow:
        p = Parameter("p")
        first = spoil(p)
        second = look(first)
    numbers, value = [1], [2]
    state = flow.run(p=value, executor=executor, context={"numbers": numbers})
    assert state.result[first].result == [1]
    assert state.result[second].result == ([1], [2])
    assert numbers == [1]
    assert value == [2]


def test_f07_the_logger_of_the_context_logs_under_daskloop(caplog):
    @task
    def talk():
        context.logger.warning("a word from the task")
        return context.get("logger").name

    with Flow("logs") as flow:
        name = talk()
    with caplog.at_level(logging.INFO, logger="daskloop"):
        state = flow.run(executor="inline")
    assert state.result[name].result.startswith("daskloop")
    assert "a word from the task" in caplog.text


def test_f07_the_logger_and_the_date_can_be_used_on_every_executor(executor):
    @task
    def use():
        context.logger.info("a word from the task")
        return isinstance(context.date, datetime), str(context.today)[:2]

    with Flow("uses") as flow:
        used = use()
    assert flow.run(executor=executor).result[used].result == (True, "20")


def test_f11_a_task_class_logs_with_a_logger_of_the_task_or_with_its_own(executor, caplog):
    class Talk(Task):
        def run(self):
            self.logger.info("a word from %s", self.name)

    class Aloud(Talk):
        def __init__(self, **options):
            super().__init__(**options)
            self.logger = logging.getLogger("aloud")

    with Flow("classes") as flow:
        Talk()()
        aloud = Aloud()()
    with caplog.at_level(logging.INFO):
        assert flow.run(executor=executor).is_successful()
    own, of_task = (
        [one for one in caplog.records if one.name == name]
        for name in ("aloud", "daskloop.task.Talk")
    )
    assert [one.child for one in of_task] == ["Talk"]
    if executor == "inline":  # what other processes log is not heard here
        assert [one.getMessage() for one in own] == ["a word from Aloud"]
    assert aloud.logger.name == "aloud"


def test_f07_outside_a_run_the_context_is_empty():
    assert dict(context) == {}
    assert context.get("task_loop_result", {}) == {}
    with pytest.raises(AttributeError, match="task_name"):
        _ = context.task_name


@pytest.mark.parametrize(
    ("signal", "name"), [(SKIP, "Skipped"), (SUCCESS, "Success"), (FAIL, "Failed")]
)
def test_l06_signals_from_a_body_become_states(executor, signal, name):
    @task
    def with_words():
        raise signal("said", result=[1])

    @task
    def without():
        raise signal

    with Flow("says") as flow:
        said, silent = with_words(), without()
    state = flow.run(executor=executor)
    assert [type(state.result[each]).__name__ for each in (said, silent)] == [name, name]
    assert state.result[said].message == "said"
    assert state.result[said].result == [1]
    assert state.result[silent].message


def test_m01_a_skip_without_a_result_is_its_own_result_and_a_fail_too(executor):
    @task
    def skip():
        raise SKIP("skipped")

    @task
    def fail():
        raise FAIL("failed")

    with Flow("says") as flow:
        skipped, failed = skip(), fail()
    state = flow.run(executor=executor)
    assert isinstance(state.result[skipped].result, SKIP)
    assert isinstance(state.result[failed].result, FAIL)
    assert state.result[failed].result.message == "failed"


def test_l06_signals_raised_inside_called_code_and_through_except_exception(executor):
    def deep():
        try:
            raise SUCCESS(result="deep")
        except Exception:
            return None

    @task
    def say():
        return deep()

    with Flow("deep") as flow:
        said = say()
    assert flow.run(executor=executor).result[said].result == "deep"


@pytest.mark.parametrize("name", ["FAIL", "LOOP", "RETRY", "SKIP", "SUCCESS", "TRIGGERFAIL"])
def test_l07_signals_are_no_exceptions_and_survive_a_copy(name):
    signal_class = getattr(signals, name)
    assert not issubclass(signal_class, Exception)
    signal = signal_class("said", result={"a": 1})
    for other in (pickle.loads(pickle.dumps(signal)), copy.copy(signal), copy.deepcopy(signal)):
        assert type(other) is signal_class
        assert (other.message, other.result) == ("said", {"a": 1})


def test_l01_loop_outside_a_flow_says_where_it_has_a_meaning():
    @task
    def loop():
        raise LOOP(message="page 1", result=1)

    with pytest.raises(LOOP, match="only has meaning inside a task") as caught:
        loop.run()
    assert "page 1" in str(caught.value)


def test_l01_loop_returned_instead_of_raised_fails_and_says_to_raise_it(executor):
    @task
    def loop():
        return LOOP(result=1)

    with Flow("returned") as flow:
        returned = loop()
    state = flow.run(executor=executor).result[returned]
    assert state.is_failed()
    assert isinstance(state.result, TypeError)
    assert "returned LOOP" in state.message
    assert "raise" in state.message


@pytest.mark.parametrize("signal", [SKIP, SUCCESS, FAIL, RETRY], ids=lambda s: s.__name__)
def test_l01_other_signals_returned_instead_of_raised_fail_as_well(executor, signal):
    @task
    def say():
        return signal("said")

    with Flow("returned") as flow:
        returned = say()
    state = flow.run(executor=executor).result[returned]
    assert state.is_failed()
    assert signal.__name__ in state.message
    assert "raise" in state.message


def test_l09_c23_loop_raised_in_a_trigger_fails_the_task_and_says_so(executor, tmp_path):
    trace = Trace(tmp_path)

    def loop_trigger(upstream_states):
        raise LOOP(result=1)

    @task
    def before():
        return 1

    @task(trigger=loop_trigger, max_retries=2)
    def body(value):
        trace.note("ran")

    with Flow("trigger") as flow:
        end = body(before())
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert state.result[end].is_failed()
    assert "LOOP" in state.result[end].message
    assert "trigger" in state.result[end].message.lower()
    assert trace.notes() == []


@pytest.mark.parametrize("moment", ["Running", "Looped", "Success"])
def test_l09_c23_loop_raised_in_a_handler_fails_the_task_and_says_so(executor, tmp_path, moment):
    trace = Trace(tmp_path)

    def loop_handler(task, old_state, new_state):
        if type(new_state).__name__ == moment:
            raise LOOP(result=1)

    @task(state_handlers=[loop_handler], max_retries=2)
    def body():
        trace.note(context.get("task_loop_count", 1))
        if context.get("task_loop_count", 1) < 2:
            raise LOOP(result=1)

    with Flow("handler") as flow:
        end = body()
    state = flow.run(executor=executor)
    assert state.is_failed()
    assert state.result[end].is_failed()
    assert not state.result[end].is_looped()
    assert "LOOP" in state.result[end].message
    assert "handler" in state.result[end].message
    # At most what was before the handler's moment: no retries, no further iterations.
    assert len(trace.notes()) <= {"Running": 1, "Looped": 1, "Success": 2}[moment]


def test_r07_a_trigger_that_raises_something_else_fails_the_task_and_is_named(executor, tmp_path):
    trace = Trace(tmp_path)

    def broken_trigger(upstream_states):
        raise ZeroDivisionError("in the trigger")

    @task
    def before():
        return 1

    @task(trigger=broken_trigger, max_retries=2)
    def body(value):
        trace.note("ran")

    with Flow("trigger") as flow:
        end = body(before())
        beside = before()
    state = flow.run(executor=executor)
    assert state.result[end].is_failed()
    assert "broken_trigger" in state.result[end].message
    assert "in the trigger" in state.result[end].message
    assert state.result[beside].is_successful()
    assert trace.notes() == []
