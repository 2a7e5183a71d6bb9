"""Loops: LOOP ends an iteration, its result is the payload of the next (rules L1-L11)."""

from __future__ import annotations

import pytest

import daskloop
from daskloop import Flow, Parameter, context, task
from daskloop.engine.signals import LOOP, SKIP, SUCCESS
from tests.flows.traces import Trace

ABSENT = "absent"


@task
def compute_large_fibonacci(M: int) -> int:
    """The founding task, with numbers made here instead of asked for over HTTP."""
    loop_payload = daskloop.context.get("task_loop_result", {})
    n = loop_payload.get("n", 1)
    fib = loop_payload.get("fib", 1)
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    next_fib = a
    if next_fib > M:
        return fib
    raise LOOP(message=f"Fib {n}={next_fib}", result=dict(n=n + 1, fib=next_fib))  # noqa: C408


@pytest.mark.parametrize(("limit", "expected"), [(100, 89), (1000, 987)])
def test_l01_c01_the_founding_loop_finds_its_number(executor, limit, expected):
    with Flow("fibonacci") as flow:
        M = Parameter("M")
        fib_num = compute_large_fibonacci(M)
    state = flow.run(M=limit, executor=executor)
    assert state.is_successful()
    assert state.result[fib_num].is_successful()
    assert state.result[fib_num].result == expected


def test_l01_c02_the_founding_loop_stops_only_beyond_its_limit(executor):
    with Flow("fibonacci") as flow:
        M = Parameter("M")
        fib_num = compute_large_fibonacci(M)
    assert flow.run(M=89, executor=executor).result[fib_num].result == 89


def test_l01_c13_loop_raised_three_frames_down_is_as_if_raised_in_the_body(executor):
    def outer(n):
        return middle(n)

    def middle(n):
        return inner(n)

    def inner(n):
        if n < 3:
            raise LOOP(result=n + 1)
        return n

    @task
    def count():
        return outer(context.get("task_loop_result", 1))

    with Flow("deep") as flow:
        number = count()
    assert flow.run(executor=executor).result[number].result == 3


def test_l01_loop_raised_while_an_exception_is_handled_is_still_a_loop(executor):
    @task
    def poll():
        ready = context.get("task_loop_result", {})
        try:
            return ready["answer"]
        except KeyError as missing:
            raise LOOP(result={"answer": 42}) from missing

    with Flow("poll") as flow:
        answer = poll()
    assert flow.run(executor=executor).result[answer].result == 42


def test_l01_a_loop_class_without_call_and_a_subclass_are_loops_too(executor):
    class NextPage(LOOP):
        pass

    @task
    def pages():
        number = context.get("task_loop_count", 1)
        if number == 1:
            raise LOOP
        if number == 2:
            assert context.task_loop_result is None
            raise NextPage(result="second")
        return context.task_loop_result

    with Flow("pages") as flow:
        last = pages()
    assert flow.run(executor=executor).result[last].result == "second"


def test_l02_c09_every_iteration_gets_the_same_inputs_again(executor):
    @task
    def walk(numbers, step):
        seen = [*context.get("task_loop_result", []), (list(numbers), step)]
        numbers.append("spoiled by this iteration")
        if len(seen) < 3:
            raise LOOP(result=seen)
        return seen

    with Flow("inputs") as flow:
        numbers = Parameter("numbers")
        seen = walk(numbers, step=5)
    state = flow.run(numbers=[1, 2], executor=executor)
    assert state.result[seen].result == [([1, 2], 5)] * 3


def test_l03_c04_counts_and_payloads_arrive_in_turn(executor):
    @task
    def letters():
        count = context.get("task_loop_count", 1)
        payload = context.get("task_loop_result", "none")
        seen = [*payload[1], (count, payload[0])] if count > 1 else [(count, payload)]
        if count < 3:
            raise LOOP(result=("ab"[count - 1], seen))
        return seen

    with Flow("letters") as flow:
        seen = letters()
    assert flow.run(executor=executor).result[seen].result == [(1, "none"), (2, "a"), (3, "b")]


def test_l03_the_first_iteration_has_neither_count_nor_payload(executor):
    @task
    def look():
        return (
            "task_loop_count" in context,
            "task_loop_result" in context,
            context.get("task_loop_count", "count"),
            context.get("task_loop_result", "result"),
            context.get("task_loop_result"),
        )

    with Flow("first") as flow:
        seen = look()
    expected = (False, False, "count", "result", None)
    assert flow.run(executor=executor).result[seen].result == expected


def test_l03_c05_falsy_payloads_arrive_as_they_are(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def falsy():
        payloads = [0, False, [], {}, None, "", 0.0, b"", ()]
        count = context.get("task_loop_count", 1)
        if count > 1:
            trace.note("task_loop_result" in context, context.get("task_loop_result", "default"))
        if count <= len(payloads):
            raise LOOP(result=payloads[count - 1])

    with Flow("falsy") as flow:
        falsy()
    assert flow.run(executor=executor).is_successful()
    seen = [repr(payload) for present, payload in trace.notes() if present]
    assert seen == ["0", "False", "[]", "{}", "None", "''", "0.0", "b''", "()"]


def test_l03_a_payload_keeps_its_type_and_its_value(executor):
    @task
    def odd():
        payloads = [float("inf"), 2**200, "\ud800\U0001f600\x00", bytes(range(256)), {1: {2, 3}}]
        count = context.get("task_loop_count", 1)
        if count > 1:
            sent, got = payloads[count - 2], context.task_loop_result
            assert type(sent) is type(got), (sent, got)
            assert sent == got
        if count <= len(payloads):
            raise LOOP(message="odd \ud800 message", result=payloads[count - 1])
        return count

    with Flow("odd") as flow:
        count = odd()
    assert flow.run(executor=executor).result[count].result == 6


def test_l04_c07_loop_without_result_hands_on_none(executor):
    @task
    def tick():
        if "task_loop_count" not in context:
            raise LOOP()
        return context.task_loop_count, context.get("task_loop_result", "default")

    with Flow("tick") as flow:
        seen = tick()
    assert flow.run(executor=executor).result[seen].result == (2, None)


def test_l05_c10_a_loop_that_ends_with_none_gives_none_downstream(executor):
    @task
    def fade():
        if context.get("task_loop_count", 1) < 3:
            raise LOOP(result="payload")

    @task
    def receive(value):
        return ["received", value]

    with Flow("fade") as flow:
        faded = fade()
        received = receive(faded)
    state = flow.run(executor=executor)
    assert state.result[faded].is_successful()
    assert state.result[faded].result is None
    assert state.result[received].result == ["received", None]


def test_l06_c20_skip_at_iteration_3_ends_the_loop_and_skips_what_depends_on_it(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def until_skipped():
        count = context.get("task_loop_count", 1)
        trace.note(count)
        if count == 3:
            raise SKIP("enough")
        raise LOOP(result=count)

    @task
    def after(value):
        trace.note("after")

    with Flow("skipped") as flow:
        loop = until_skipped()
        end = after(loop)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[loop].is_skipped()
    assert "enough" in state.result[loop].message
    assert state.result[end].is_skipped()
    assert trace.notes() == [(1,), (2,), (3,)]


def test_l06_c21_success_at_iteration_2_ends_the_loop_with_its_result(executor):
    @task
    def until_success():
        if context.get("task_loop_count", 1) == 2:
            raise SUCCESS("there", result="R")
        raise LOOP(result="payload")

    @task
    def after(value):
        return value * 2

    with Flow("success") as flow:
        loop = until_success()
        end = after(loop)
    state = flow.run(executor=executor)
    assert type(state.result[loop]).__name__ == "Success"
    assert state.result[loop].result == "R"
    assert state.result[loop].message == "there"
    assert state.result[end].result == "RR"


def test_l07_except_exception_does_not_swallow_a_loop(executor):
    @task
    def careless():
        try:
            if context.get("task_loop_count", 1) < 3:
                raise LOOP(result="on")
        except Exception:
            return "swallowed"
        return context.task_loop_count

    with Flow("careless") as flow:
        count = careless()
    assert flow.run(executor=executor).result[count].result == 3


def test_l10_c14_a_downstream_task_has_no_loop_keys(executor):
    @task
    def loop():
        if context.get("task_loop_count", 1) < 3:
            raise LOOP(result="payload")
        return "done"

    @task
    def look(value):
        keys = {"task_loop_count", "task_loop_result"} & set(context)
        return sorted(keys), context.get("task_loop_count", ABSENT), context.get("task_loop_result")

    with Flow("after") as flow:
        seen = look(loop())
    assert flow.run(executor=executor).result[seen].result == ([], ABSENT, None)
    assert not {"task_loop_count", "task_loop_result", "task_name"} & set(context)


def test_l10_c16_the_same_task_called_twice_is_two_loops(executor):
    @task
    def gather(name, turns):
        seen = [*context.get("task_loop_result", []), (name, context.get("task_loop_count", 1))]
        if len(seen) < turns:
            raise LOOP(result=seen)
        return seen

    with Flow("twice") as flow:
        first = gather("a", 3)
        second = gather("b", 5)
    state = flow.run(executor=executor)
    assert state.result[first].result == [("a", 1), ("a", 2), ("a", 3)]
    assert state.result[second].result == [("b", n) for n in range(1, 6)]


def test_l10_loops_and_plain_children_on_the_same_workers_see_only_their_own(executor):
    @task
    def turn(name, turns):
        payload = context.get("task_loop_result", (name, 1))
        assert payload == (name, context.get("task_loop_count", 1)), payload
        assert (payload[1] > 1) == ("task_loop_count" in context)
        if payload[1] < turns:
            raise LOOP(result=(name, payload[1] + 1))
        return payload

    with Flow("many") as flow:
        ended = turn.map(Parameter("names"), Parameter("turns"))
    turns = [1, 4, 1, 2, 5, 1, 3, 1, 1, 2]
    state = flow.run(names=list("abcdefghij"), turns=turns, executor=executor)
    assert state.is_successful()
    assert state.result[ended].result == list(zip("abcdefghij", turns, strict=True))


def test_l11_a_trigger_is_looked_at_once_before_the_first_iteration(executor):
    looked = []

    def watch(upstream_states):
        looked.append([state.result for state in upstream_states.values()])
        return True

    @task
    def start():
        return 7

    @task(trigger=watch)
    def loop(value):
        if context.get("task_loop_count", 1) < 4:
            raise LOOP(result=value)
        return context.task_loop_count

    with Flow("watched") as flow:
        count = loop(start())
    assert flow.run(executor=executor).result[count].result == 4
    assert looked == [[7]]


WIDE = [2**63, -(2**63) - 1, 2**64, 10**5_000, True]


@pytest.mark.parametrize(
    "payload",
    [WIDE[0], WIDE[3], WIDE, {"n": WIDE[1]}, {"deep": [{"n": WIDE[2]}]}, [2**63 - 1, -(2**63)]],
    ids=["number", "5,000 digits", "list", "dict", "deep", "64 bits"],
)
def test_l02_whole_numbers_of_any_size_are_handed_on_as_they_are(executor, payload, tmp_path):
    """JSON in the journal, or a pickle: few readers of JSON know more than 64 bits."""

    @task
    def grow(fails):
        so_far = context.get("task_loop_result")
        if so_far is None:
            raise LOOP(result=payload)
        if fails and not (tmp_path / "mended").exists():
            raise ValueError("resume it")
        return so_far

    with Flow("wide") as flow:
        ended = grow.map([False, True])
    assert flow.run(executor=executor, journal=tmp_path / "runs").is_failed()
    (tmp_path / "mended").touch()
    state = flow.run(executor=executor, journal=tmp_path / "runs", resume=True)
    for found in state.result[ended].result:
        assert found == payload and type(found) is type(payload)
