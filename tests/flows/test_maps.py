"""Maps: which children there are, what each gets, and that each stands for itself."""

from __future__ import annotations

import itertools
import re
import threading
import time

import numpy
import pytest

from daskloop import Flow, Parameter, Task, context, flatten, mapped, task, unmapped
from daskloop.engine import signals
from daskloop.engine.state import Failed, Mapped, Skipped, Success, TriggerFailed
from daskloop.errors import MapError
from daskloop.triggers import all_finished, any_failed
from tests.flows.maps_notes import Notes, warned_of
from tests.flows.traces import on_clusters


@task
def double(x):
    return 2 * x


@task
def add(x, y):
    return x + y


@task
def total(xs):
    return sum(xs)


@task
def give(value):
    return value


@task
def boom():
    raise ValueError("boom")


def test_m01_every_argument_that_is_not_unmapped_is_split(executor):
    with Flow("m") as flow:
        xs = Parameter("xs")
        sums = add.map(xs, y=[10, 20, 30])
    state = flow.run(xs=[1, 2, 3], executor=executor)
    assert state.is_successful()
    assert state.result[sums].is_mapped()
    assert state.result[sums].result == [11, 22, 33]


def test_m01_the_state_is_mapped_with_a_state_for_each_child(executor):
    with Flow("m") as flow:
        doubled = double.map([1, 2])
    parent = flow.run(executor=executor).result[doubled]
    assert type(parent) is Mapped
    assert [type(child) for child in parent.map_states] == [Success, Success]
    assert [child.result for child in parent.map_states] == [2, 4]


def test_m01_c70_results_are_in_input_order_when_later_children_end_first(executor):
    @task
    def slow_first(i):
        time.sleep(0.05 * (4 - i))
        return i * i

    with Flow("m") as flow:
        squares = slow_first.map([0, 1, 2, 3])
    assert flow.run(executor=executor).result[squares].result == [0, 1, 4, 9]


@on_clusters
def test_m01_c70_results_are_in_input_order_when_children_end_in_reverse(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def ends_after_the_next(i):
        if i == 0:
            notes.wait_for("ended", 1)
        notes.write("ended", i)
        return i

    with Flow("m") as flow:
        ended = ends_after_the_next.map([0, 1])
    assert flow.run(executor=executor).result[ended].result == [0, 1]
    assert notes.read() == [("ended", 1), ("ended", 0)]


def test_m01_a_failed_child_gives_its_exception_and_a_skipped_one_its_signal(executor):
    @task
    def picky(x):
        if x == 1:
            raise KeyError("one")
        if x == 2:
            raise signals.SKIP("not two")
        return x

    with Flow("m") as flow:
        picked = picky.map([0, 1, 2])
        again = give.map(picked)
    state = flow.run(executor=executor)
    first = state.result[picked].result
    assert first[0] == 0
    assert isinstance(first[1], KeyError)
    assert isinstance(first[2], signals.SKIP)
    second = state.result[again]
    assert [type(child) for child in second.map_states] == [Success, TriggerFailed, Skipped]
    assert second.result[2] is None


def test_m01_a_list_and_a_parameter_and_a_task_can_be_mapped_together(executor):
    @task
    def three():
        return [100, 200, 300]

    @task
    def add_all(a, b, c):
        return a + b + c

    with Flow("m") as flow:
        p = Parameter("p", default=(10, 20, 30))
        sums = add_all.map([1, 2, 3], p, three())
    assert flow.run(executor=executor).result[sums].result == [111, 222, 333]


def test_m01_a_subclass_of_task_maps_too(executor):
    class Power(Task):
        def __init__(self, exponent, **kwargs):
            self.exponent = exponent
            super().__init__(**kwargs)

        def run(self, base):
            return base**self.exponent

    with Flow("m") as flow:
        powers = Power(exponent=2, name="power").map([1, 2, 3])
    assert flow.run(executor=executor).result[powers].result == [1, 4, 9]


def test_m01_c89_mapped_keywords_are_split_and_defaults_are_not(executor):
    @task
    def describe(x, y=[1, 2], **more):  # noqa: B006
        return (x, y, more)

    with Flow("m") as flow:
        described = describe.map(["a", "b"], z=[10, 20])
    assert flow.run(executor=executor).result[described].result == [
        ("a", [1, 2], {"z": 10}),
        ("b", [1, 2], {"z": 20}),
    ]


def test_m01_mapped_inside_a_plain_call_maps_that_argument_alone(executor):
    with Flow("m") as flow:
        xs = Parameter("xs")
        joined = add(mapped(xs), y=[9])
    assert flow.run(xs=[[1], [2]], executor=executor).result[joined].result == [[1, 9], [2, 9]]


def test_m01_c72_an_unmapped_list_reaches_each_child_whole(executor):
    with Flow("m") as flow:
        joined = add.map([[0], [5]], unmapped([1, 2]))
    assert flow.run(executor=executor).result[joined].result == [[0, 1, 2], [5, 1, 2]]


def test_m01_an_unmapped_task_is_run_once_and_reaches_each_child(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def base():
        notes.write("base")
        return 100

    with Flow("m") as flow:
        sums = add.map([1, 2, 3], unmapped(base()))
    assert flow.run(executor=executor).result[sums].result == [101, 102, 103]
    assert notes.count("base") == 1


def test_m01_an_unmapped_mapped_task_reaches_each_child_as_a_list(executor):
    with Flow("m") as flow:
        doubled = double.map([1, 2])
        joined = add.map([[0], [5]], unmapped(doubled))
    assert flow.run(executor=executor).result[joined].result == [[0, 2, 4], [5, 2, 4]]


def test_m01_a_child_cannot_spoil_the_list_that_its_siblings_share(executor):
    @task
    def spoil(x, shared):
        shared.append(x)
        return len(shared)

    with Flow("m") as flow:
        lengths = spoil.map([1, 2, 3], unmapped([0]))
    state = flow.run(executor=executor)
    assert state.result[lengths].result == [2, 2, 2]


def test_m01_c91_handlers_see_the_parent_once_and_then_each_child(executor):
    calls = []

    def handler(the_task, old, new):
        calls.append((context.get("map_index"), type(new).__name__))
        return new

    with Flow("m") as flow:
        give.copy(state_handlers=[handler]).map([1, 2])
    flow.run(executor=executor)
    assert calls.count((None, "Mapped")) == 1
    assert [name for index, name in calls if index is None] == ["Mapped"]
    for child in (0, 1):
        assert [name for index, name in calls if index == child] == ["Running", "Success"]
    assert len(calls) == 5


def test_m02_c71_the_shortest_list_decides_with_a_warning(executor, caplog):
    with warned_of("length", caplog):
        with Flow("m") as flow:
            sums = add.map([1, 2, 3], [10, 20])
        state = flow.run(executor=executor).result[sums]
    assert state.is_mapped()
    assert state.result == [11, 22]


@pytest.mark.parametrize("longer", ["first", "second"])
def test_m02_c71_the_shortest_decides_when_a_side_is_a_mapped_task(executor, longer, caplog):
    long, short = [1, 2, 3], [1, 2]
    with Flow("m") as flow:
        first = double.map(long if longer == "first" else short)
        sums = add.map(first, Parameter("ys"))
    with warned_of("length", caplog):
        state = flow.run(ys=short if longer == "first" else long, executor=executor)
    assert state.result[sums].result == [3, 6]
    assert state.is_successful()


def test_m02_strict_makes_different_lengths_an_error_where_they_are_known():
    with Flow("m"), pytest.raises(MapError, match=r"(?s)3.*2|2.*3"):
        add.map([1, 2, 3], [10, 20], strict=True)


def test_m02_strict_makes_different_lengths_fail_that_map_alone(executor):
    with Flow("m") as flow:
        xs = Parameter("xs")
        sums = add.map(xs, [10, 20], strict=True)
        other = double.map(xs)
    state = flow.run(xs=[1, 2, 3], executor=executor)
    assert state.is_failed()
    assert state.result[sums].is_failed()
    assert not state.result[sums].is_mapped()
    assert isinstance(state.result[sums].result, MapError)
    assert "3" in state.result[sums].message
    assert "2" in state.result[sums].message
    assert state.result[other].result == [2, 4, 6]


def test_m02_strict_lets_equal_lengths_pass(executor):
    with Flow("m") as flow:
        sums = add.map([1, 2], Parameter("ys"), strict=True)
    assert flow.run(ys=[1, 1], executor=executor).result[sums].result == [2, 3]


def test_m02_c73_an_empty_list_from_a_task_gives_empty_maps_and_reduces(executor):
    @task
    def nothing():
        return []

    with Flow("m") as flow:
        first = double.map(nothing())
        second = double.map(first)
        reduced = total(second)
        listed = give(second)
    state = flow.run(executor=executor)
    assert state.is_successful()
    for level in (first, second):
        assert state.result[level].is_mapped()
        assert state.result[level].map_states == []
        assert state.result[level].result == []
    assert state.result[reduced].result == 0
    assert state.result[listed].result == []


@pytest.mark.parametrize("empty", [[], (), "", range(0)], ids=["list", "tuple", "str", "range"])
def test_m02_an_empty_constant_gives_an_empty_map(empty):
    with Flow("m") as flow:
        doubled = double.map(empty)
    state = flow.run(executor="inline")
    assert state.is_successful()
    assert state.result[doubled].is_mapped()
    assert state.result[doubled].result == []


def test_m02_an_empty_side_beside_a_long_one_gives_an_empty_map(executor, caplog):
    with Flow("m") as flow:
        sums = add.map(Parameter("xs"), [1, 2])
    with warned_of("length", caplog):
        state = flow.run(xs=[], executor=executor)
    assert state.result[sums].is_mapped()
    assert state.result[sums].result == []


KINDS = {
    "list": ([1, 2, 3], [2, 4, 6]),
    "tuple": ((1, 2, 3), [2, 4, 6]),
    "range": (range(3), [0, 2, 4]),
    "numpy": (numpy.array([1, 2, 3]), [2, 4, 6]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", ["constant", "parameter", "task"])
def test_m03_c75_sequences_map_by_position(kind, source, executor):
    value, wanted = KINDS[kind]
    with Flow("m") as flow:
        if source == "constant":
            doubled = double.map(value)
        elif source == "parameter":
            doubled = double.map(Parameter("xs", default=value))
        else:
            doubled = double.map(give(value))
    assert list(flow.run(executor=executor).result[doubled].result) == wanted


@pytest.mark.parametrize("source", ["constant", "parameter", "task"])
@pytest.mark.parametrize(
    ("text", "wanted"), [("abc", ["aa", "bb", "cc"]), (b"ab", [194, 196])], ids=["str", "bytes"]
)
# A text as the only mapped argument is often a slip, so there may be a warning.
@pytest.mark.filterwarnings("ignore:.*characters:UserWarning")
def test_m03_row22_a_text_maps_over_its_characters(source, text, wanted, executor):
    with Flow("m") as flow:
        if source == "constant":
            doubled = double.map(text)
        elif source == "parameter":
            doubled = double.map(Parameter("xs", default=text))
        else:
            doubled = double.map(give(text))
    assert flow.run(executor=executor).result[doubled].result == wanted


def test_m03_an_array_maps_over_its_rows(executor):
    @task
    def row_sum(row):
        return int(row.sum())

    with Flow("m") as flow:
        sums = row_sum.map(Parameter("rows"))
        given = row_sum.map(numpy.arange(6).reshape(3, 2))
    state = flow.run(rows=numpy.ones((2, 5)), executor=executor)
    assert state.result[sums].result == [5, 5]
    assert state.result[given].result == [1, 5, 9]


def test_m03_a_series_maps_over_its_values_whatever_its_index(executor):
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([1, 2, 3], index=[7, 5, 3])
    with Flow("m") as flow:
        constant = double.map(series)
        from_task = double.map(give(series))
    state = flow.run(executor=executor)
    assert list(state.result[constant].result) == [2, 4, 6]
    assert list(state.result[from_task].result) == [2, 4, 6]


def test_m03_c75_a_list_that_mixes_tasks_and_constants_maps_element_wise(executor):
    with Flow("m") as flow:
        doubled = double.map([give(1), 2, give(3)])
    assert flow.run(executor=executor).result[doubled].result == [2, 4, 6]


def test_m03_equal_elements_are_separate_children(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def record(x):
        notes.write("ran", context.map_index)
        return x

    with Flow("m") as flow:
        ones = record.map([1, 1, 1])
    assert flow.run(executor=executor).result[ones].result == [1, 1, 1]
    assert sorted(notes.read()) == [("ran", 0), ("ran", 1), ("ran", 2)]


REFUSED = {
    "dict": ({"a": 1}, r"items\(\)"),
    "set": ({1, 2}, r"list\(|sorted\("),
    "number": (5, "5"),
    "none": (None, "None"),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("place", ["positional", "keyword"])
def test_m03_what_has_no_positions_is_refused_where_the_flow_is_written(kind, place):
    value, says = REFUSED[kind]
    positional, keywords = ([[1], value], {}) if place == "positional" else ([[1]], {"y": value})
    with Flow("m"), pytest.raises(TypeError, match=says) as caught:
        add.map(*positional, **keywords)
    assert "'y'" in str(caught.value)
    assert "add" in str(caught.value)


def test_m03_a_generator_is_refused_where_the_flow_is_written():
    with Flow("m"), pytest.raises(TypeError, match=r"list\("):
        double.map(x for x in range(3))


def test_m03_an_endless_iterator_is_refused_and_never_drawn_from():
    numbers = itertools.count()
    with Flow("m"), pytest.raises(TypeError, match="'x'"):
        double.map(numbers)
    assert next(numbers) == 0


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("source", ["parameter", "task"])
def test_m03_what_has_no_positions_fails_that_map_alone(kind, source, executor):
    value, says = REFUSED[kind]
    with Flow("m") as flow:
        source_task = Parameter("p") if source == "parameter" else give(value)
        bad = double.map(source_task)
        after = total(bad)
        fine = double.map([1, 2])
    values = {"p": value} if source == "parameter" else {}
    state = flow.run(executor=executor, **values)
    assert state.is_failed()
    assert type(state.result[bad]) is Failed
    assert isinstance(state.result[bad].result, MapError)
    assert "'x'" in state.result[bad].message
    assert type(state.result[after]) is TriggerFailed
    assert state.result[fine].result == [2, 4]
    assert re.search(says, state.result[bad].message)


def test_m04_c74_only_unmapped_arguments_make_one_plain_run(executor):
    @task
    def index_and_sum(x, y):
        return (context.get("map_index"), x, y)

    with Flow("m") as flow:
        plain = index_and_sum.map(unmapped([1, 2]), y=unmapped(3))
    state = flow.run(executor=executor)
    assert type(state.result[plain]) is Success
    assert state.result[plain].result == (None, [1, 2], 3)


@on_clusters
def test_m05_c78_a_fast_child_goes_on_before_a_slow_sibling_ends(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def a(x):
        if x == "slow":
            notes.wait_for("b", "fast")
        return x

    @task
    def b(x):
        notes.write("b", x)
        return x

    with Flow("m") as flow:
        ended = b.map(a.map(["slow", "fast"]))
    assert flow.run(executor=executor).result[ended].result == ["slow", "fast"]


@on_clusters
def test_m05_a_chain_of_maps_goes_depth_first_past_a_sibling_that_waits(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def a(x):
        if x == 0:
            notes.wait_for("d", 1)
        return x

    @task
    def d(x):
        notes.write("d", x)
        return x

    with Flow("m") as flow:
        level = a.map([0, 1])
        for _ in range(3):
            level = give.map(level)
        ended = d.map(level)
    assert flow.run(executor=executor).result[ended].result == [0, 1]


def test_m05_c90_a_retry_of_one_child_touches_that_child_only(executor, tmp_path):
    notes = Notes(tmp_path)

    @task(max_retries=2)
    def first(x):
        if notes.write("first", x) == 1 and x == 1:
            raise ValueError("once")
        return x

    @task
    def second(x):
        notes.write("second", x)
        return x

    with Flow("m") as flow:
        ended = second.map(first.map([0, 1, 2]))
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert state.result[ended].result == [0, 1, 2]
    assert [notes.count("first", i) for i in range(3)] == [1, 2, 1]
    assert [notes.count("second", i) for i in range(3)] == [1, 1, 1]


@on_clusters
def test_m05_a_child_that_waits_for_its_retry_holds_up_no_sibling(executor, tmp_path):
    notes = Notes(tmp_path)

    @task(max_retries=1, retry_delay=2.0)
    def first(x):
        if x == 0 and notes.write("first", x) == 1:
            raise ValueError("once")
        return x

    @task
    def second(x):
        notes.write("second", x)
        return x

    with Flow("m") as flow:
        ended = second.map(first.map([0, 1, 2, 3]))
    assert flow.run(executor=executor).result[ended].result == [0, 1, 2, 3]
    assert notes.read()[-1] == ("second", 0)
    assert (
        notes.position("second", 3)
        < [i for i, line in enumerate(notes.read()) if line == ("first", 0)][1]
    )


def test_m05_c79_a_failed_child_fails_only_what_follows_it(executor):
    @task
    def divide(x):
        return 1 / x

    with Flow("m") as flow:
        divided = divide.map([1, 0, 2])
        again = double.map(divided)
        reduced = total(divided)
    state = flow.run(executor=executor)
    assert state.is_failed()
    first = state.result[divided]
    assert first.is_mapped()
    assert [child.is_failed() for child in first.map_states] == [False, True, False]
    assert first.result[::2] == [1.0, 0.5]
    assert isinstance(first.result[1], ZeroDivisionError)
    second = state.result[again]
    assert [type(child) for child in second.map_states] == [Success, TriggerFailed, Success]
    assert second.result[::2] == [2.0, 1.0]
    assert type(state.result[reduced]) is TriggerFailed


def test_m05_a_skipped_child_skips_only_what_follows_it(executor):
    @task
    def no_one(x):
        if x == 1:
            raise signals.SKIP("no one")
        return x

    with Flow("m") as flow:
        level = no_one.map([0, 1, 2])
        for _ in range(2):
            level = double.map(level)
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert [type(c) for c in state.result[level].map_states] == [Success, Skipped, Success]
    assert state.result[level].result == [0, None, 8]


def test_m05_a_mapped_task_with_another_trigger_runs_after_a_failed_child(executor):
    @task
    def divide(x):
        return 1 / x

    @task(trigger=all_finished)
    def name_of(x):
        return type(x).__name__

    with Flow("m") as flow:
        names = name_of.map(divide.map([1, 0]))
    assert flow.run(executor=executor).result[names].result == ["float", "ZeroDivisionError"]


def test_m07_upstream_tasks_of_a_map_are_mapped_over_too(executor):
    @task
    def divide(x):
        return 1 / x

    with Flow("m") as flow:
        checks = divide.map([1, 0, 2])
        doubled = double.map([10, 20, 30], upstream_tasks=[checks])
    state = flow.run(executor=executor)
    children = state.result[doubled].map_states
    assert [type(c) for c in children] == [Success, TriggerFailed, Success]
    assert [children[0].result, children[2].result] == [20, 60]


def test_m07_unmapped_upstream_tasks_are_waited_for_as_a_whole(executor):
    @task
    def divide(x):
        return 1 / x

    with Flow("m") as flow:
        checks = divide.map([1, 0, 2])
        doubled = double.map([10, 20, 30], upstream_tasks=[unmapped(checks)])
    state = flow.run(executor=executor)
    assert state.result[doubled].is_mapped()
    assert [type(c) for c in state.result[doubled].map_states] == [TriggerFailed] * 3


def test_m07_the_list_of_a_plain_upstream_task_counts_for_the_width(executor, caplog):
    with Flow("m") as flow:
        doubled = double.map([10, 20, 30], upstream_tasks=[give([0, 0])])
    with warned_of("length", caplog):
        state = flow.run(executor=executor)
    assert state.result[doubled].result == [20, 40]


def test_m07_an_unmapped_upstream_task_only_comes_first(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def prepare():
        notes.write("prepared")

    @task
    def use(x):
        notes.write("used", x)
        return x

    with Flow("m") as flow:
        used = use.map([1, 2], upstream_tasks=[unmapped(prepare)])
    assert flow.run(executor=executor).result[used].result == [1, 2]
    assert notes.read()[0] == ("prepared",)
    assert len(notes.read()) == 3


@pytest.mark.parametrize("trigger", [None, all_finished, any_failed], ids=repr)
def test_m08_c82_after_a_failed_upstream_the_map_is_failed_without_children(trigger, executor):
    with Flow("m") as flow:
        doubled = double.copy(trigger=trigger).map(boom())
    state = flow.run(executor=executor).result[doubled]
    assert state.is_failed()
    assert not state.is_mapped()
    assert type(state) is Failed


def test_m08_c83_a_failed_unmapped_upstream_fails_every_child(executor):
    with Flow("m") as flow:
        sums = add.map([1, 2], unmapped(boom()))
        after = double.map(sums)
    state = flow.run(executor=executor)
    assert state.is_failed()
    for level in (sums, after):
        assert state.result[level].is_mapped()
        assert [type(c) for c in state.result[level].map_states] == [TriggerFailed] * 2


def test_m08_c84_a_skipped_unmapped_upstream_skips_the_map_as_a_whole(executor):
    @task
    def skip():
        raise signals.SKIP("today")

    with Flow("m") as flow:
        sums = add.map([1, 2], unmapped(skip()))
        after = double.map(sums)
        reduced = total(after)
    state = flow.run(executor=executor)
    assert state.is_successful()
    for level in (sums, after, reduced):
        assert type(state.result[level]) is Skipped


def test_m08_a_skipped_upstream_of_the_map_skips_it(executor):
    @task
    def skip():
        raise signals.SKIP("today")

    with Flow("m") as flow:
        doubled = double.map(skip())
    state = flow.run(executor=executor)
    assert state.is_successful()
    assert type(state.result[doubled]) is Skipped


def test_m09_c87_flatten_makes_children_of_the_inner_elements_in_order(executor):
    with Flow("m") as flow:
        doubled = double.map(flatten(Parameter("nested")))
    state = flow.run(nested=[[0, 1], [], [2]], executor=executor)
    assert len(state.result[doubled].map_states) == 3
    assert state.result[doubled].result == [0, 2, 4]


def test_m10_c88_children_know_their_index_and_full_name_and_others_have_none(executor):
    @task
    def who(x):
        return (context.get("map_index", "missing"), context.task_full_name, context.task_name)

    with Flow("m") as flow:
        children = who.map(["a", "b"])
        alone = who("a")
    state = flow.run(executor=executor)
    assert state.result[children].result == [(0, "who[0]", "who"), (1, "who[1]", "who")]
    assert state.result[alone].result == (None, "who", "who")


class Counted:
    """Counts how often it is pickled in the process of the test."""

    pickled = 0
    lock = threading.Lock()

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        with Counted.lock:
            Counted.pickled += 1
        return _counted, (self.number,)


def _counted(number):
    return number


@pytest.mark.parametrize("source", ["constant", "parameter"])
@on_clusters
def test_m11_a_child_is_sent_its_own_element_and_never_the_whole_list(executor, source):
    width = 30
    elements = [Counted(i) for i in range(width)]
    Counted.pickled = 0
    with Flow("m") as flow:
        xs = elements if source == "constant" else Parameter("xs", default=elements)
        doubled = double.map(xs)
    state = flow.run(executor=executor)
    assert state.result[doubled].result == [2 * i for i in range(width)]
    # Once for each child, and a few times more for looking at the list as a whole.
    assert Counted.pickled <= 5 * width


@on_clusters
def test_m12_a_map_of_unknown_width_holds_up_nothing_else(executor, tmp_path):
    notes = Notes(tmp_path)

    @task
    def late_list():
        notes.wait_for("independent reduce")
        return [1, 2]

    @task
    def independent(xs):
        notes.write("independent reduce")
        return xs

    with Flow("m") as flow:
        late = double.map(late_list())
        other = independent(double.map(give.map([3, 4])))
    state = flow.run(executor=executor)
    assert state.result[late].result == [2, 4]
    assert state.result[other].result == [6, 8]


def test_m12_the_width_may_come_from_a_loop(executor):
    @task
    def grow():
        so_far = context.get("task_loop_result", [])
        if len(so_far) == 3:
            return so_far
        raise signals.LOOP(result=[*so_far, len(so_far)])

    with Flow("m") as flow:
        doubled = double.map(grow())
    assert flow.run(executor=executor).result[doubled].result == [0, 2, 4]
