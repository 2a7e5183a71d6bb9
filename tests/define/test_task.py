"""What a task is: options, copies, calls, items, and what goes to workers."""

import copy
import pickle
import threading

import cloudpickle
import pytest

from daskloop import triggers
from daskloop.define.annotations import mapped
from daskloop.define.asha import ASHA
from daskloop.define.decorator import FunctionTask, task
from daskloop.define.get_item import GetItem
from daskloop.define.graph import TaskGraph
from daskloop.define.hooks import Hooks
from daskloop.define.options import OPTIONS
from daskloop.define.parameter import Parameter
from daskloop.define.scope import tags
from daskloop.define.task import Task
from daskloop.results.file_result import FileResult
from tests.define.writing import writing


class Scale(Task):
    """Keeps a setting of its own."""

    def __init__(self, by, **options):
        self.by = by
        super().__init__(**options)

    def run(self, x):
        return x * self.by


class Unset(Task):
    """Forgets to call the constructor of `Task`."""

    def __init__(self, by):
        self.by = by

    def run(self, x):
        return x * self.by


@task(max_retries=2, retry_delay="1s", tags=["web"])
def fetch(url, size=10):
    """Fetch a page."""
    return url, size


def test_the_decorator_keeps_name_docstring_and_function():
    assert isinstance(fetch, FunctionTask)
    assert fetch.name == fetch.__name__ == "fetch"
    assert fetch.__doc__ == "Fetch a page."
    assert fetch.run("a") == ("a", 10)
    assert fetch.__wrapped__ is fetch.run
    assert (fetch.max_retries, fetch.retry_delay, fetch.timeout) == (2, 1.0, None)
    assert fetch.trigger is triggers.all_successful
    assert repr(fetch) == "<FunctionTask: fetch>"


@pytest.mark.parametrize(
    "use", [lambda one: one(3), lambda one: one.map([3]), lambda one: one.bind(3), repr]
)
def test_f02_a_class_that_forgets_the_constructor_is_told_so(use):
    with writing(), pytest.raises(AttributeError, match=r"call super\(\).*in Unset.__init__"):
        use(Unset(2))


def test_f02_an_attribute_that_there_is_not_is_missed_as_ever():
    with pytest.raises(AttributeError, match="'Scale' object has no attribute 'retrys'") as raised:
        _ = Scale(2).retrys
    assert (raised.value.name, type(raised.value.obj)) == ("retrys", Scale)
    assert not hasattr(Scale(2), "retrys")


def test_the_decorator_may_stand_with_and_without_options():
    assert task(lambda: 1).name == "<lambda>"
    assert task()(lambda: 1).run() == 1
    assert task(name="one")(lambda: 1).name == "one"
    assert task(lambda: 1, name="one").name == "one"


@pytest.mark.parametrize("given", [5, "name", int, [1]], ids=repr)
def test_the_decorator_refuses_what_is_no_function(given):
    with pytest.raises(TypeError, match="marks a function"):
        task(given)
    with pytest.raises(TypeError, match="task already"):
        task(fetch)


def test_an_unknown_option_is_refused_by_name():
    with pytest.raises(TypeError, match="retries"):
        task(lambda: 1, retries=3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"trigger": "all_failed"}, "trigger='all_failed'"),
        ({"trigger": lambda: True}, "trigger=.*upstream_states"),
        ({"trigger": triggers.some_failed}, r"write some_failed\(at_least=1\)"),
        ({"skip_on_upstream_skip": "no"}, "skip_on_upstream_skip='no'"),
        ({"tags": "web"}, r"tags=\['web'\]"),
        ({"tags": [5]}, "Tag must be a text"),
        ({"nout": -1}, "nout=-1"),
        ({"until": "soon"}, "until='soon' .*give a number"),
        ({"until": float("nan")}, "until=nan: give the metric at which the loop ends"),
        ({"patience": 0}, "patience=0: give a whole number from 1"),
        ({"patience": 2, "mode": "least"}, "mode='least': give \"min\""),
        ({"min_delta": -1, "patience": 2}, "min_delta=-1: give 0 or more"),
        ({"min_delta": 0.1}, "min_delta=0.1 needs patience="),
        ({"losers": "half"}, "losers='half' .*give an ASHA"),
        ({"nout": True}, "nout=True"),
        ({"name": 5}, "Task name must be a text"),
        ({"slug": ""}, "Task slug is empty"),
    ],
)
def test_bad_options_are_refused_in_the_definition_and_in_a_copy(options, says):
    with pytest.raises((TypeError, ValueError), match=says):
        task(lambda: 1, **options)
    with pytest.raises((TypeError, ValueError), match=says):
        fetch.copy(**options)


def test_a_task_without_run_says_so_when_it_is_run():
    with pytest.raises(NotImplementedError, match="define a method run in Task"):
        Task(name="empty").run()
    with writing(), pytest.raises(TypeError, match="takes no inputs"):
        Task(name="empty")(1)


def test_task_args_may_set_every_option():
    def handler(task, old, new):
        return None

    def hook(task, state):
        return None

    values = {
        "name": "n", "slug": "s", "tags": {"t"}, "max_retries": 4, "retry_delay": 2.0,
        "retry_jitter": 0.5, "retry_on": (KeyError,), "retry_if": bool, "timeout": 3.0,
        "max_loops": 5, "max_time": 6.0, "max_worker_losses": 7, "at_most_once": True,
        "trigger": triggers.all_failed, "skip_on_upstream_skip": False, "on_failure": hook,
        "on_retry": hook, "on_loop": hook, "on_final_failure": hook, "on_completion": hook,
        "state_handlers": (handler,), "nout": 2, "batch": 8,
        "priority": 9, "resources": {"GPU": 1}, "workers": "w", "allow_other_workers": False,
        "on_limit": "return", "max_running": 9, "rate": 10.0, "max_branches": 11, "tolerate": 12,
        "fail_fast": True, "until": 0.5, "patience": 13, "mode": "max", "min_delta": 0.25,
        "log_stdout": True,
        "losers": ASHA(factor=14),
        "result": FileResult("r"), "cache": FileResult("c"), "cache_for": 60.0, "cache_key": len,
    }  # fmt: skip
    assert {*values, "target"} == set(OPTIONS)  # beside a cache, a target is refused
    new = fetch.copy(**values)
    places = (
        new, new.retry, new.limits, new.placement, new.hooks, new.throttle, new.tolerance,
        new.keeping, new.goal,
    )  # fmt: skip
    renamed = {"retry_delay": "delay", "retry_jitter": "jitter"}
    kept = {"resources": (("GPU", 1.0),), "workers": ("w",)}
    for key, value in {**values, **kept}.items():
        found = [
            getattr(place, renamed.get(key, key))
            for place in places
            if hasattr(place, renamed.get(key, key))
        ]
        assert value in found, key
    assert (fetch.name, fetch.max_retries, fetch.tags) == ("fetch", 2, {"web"})


def test_task_args_that_nobody_knows_are_refused_with_what_there_is():
    no_option = pytest.raises(TypeError, match=r"'fetch' has no option retries=3 .*max_retries")
    with writing() as graph, no_option:
        fetch("a", task_args={"retries": 3})
    assert not graph.tasks
    assert Scale(by=2, name="double").copy(by=3).run(2) == 6


def test_copies_do_not_share_what_can_change():
    new = fetch.copy()
    new.tags.add("more")
    assert fetch.tags == {"web"}
    assert new.run is fetch.run
    assert new is not fetch


def test_f02_a_call_outside_a_flow_says_what_to_do():
    for act in (
        lambda: fetch("a"),
        lambda: fetch.map(["a"]),
        lambda: fetch.bind("a"),
        lambda: fetch["k"],
        lambda: fetch.set_upstream(fetch),
        lambda: fetch.set_downstream(fetch),
        lambda: fetch.set_dependencies(),
    ):
        with pytest.raises(ValueError, match=r"outside a flow.*with Flow.*fetch\.run\(") as caught:
            act()
        assert "'fetch'" in str(caught.value)


def test_a_flow_can_be_given_instead_of_a_with_block():
    graph = TaskGraph("f")
    one = fetch("a", flow=graph)
    two = fetch.map(["a"], flow=graph)
    assert list(graph.tasks) == [one, two]


def test_binding_takes_this_very_task():
    with writing() as graph:
        one = fetch.copy()
        assert one.bind("a") is one
    assert list(graph.tasks) == [one]


@pytest.mark.parametrize("name", ["self", "name", "tags", "context", "args", "kwargs", "function"])
def test_arguments_may_have_names_that_we_use_ourselves(name):
    namespace = {}
    exec(f"def body({name}): return {name}", namespace)
    with writing() as graph:
        call = graph.call_of(task(namespace["body"])(**{name: 1}))
    assert [argument.name for argument in call.arguments] == [name]


def test_f06_items_are_tasks():
    with writing() as graph:
        one = fetch("a")
        first, by_name = one[0], one["k"]
        by_task = one[fetch("b")]
    assert {type(item) for item in (first, by_name, by_task)} == {GetItem}
    assert list(graph.upstream_tasks(first)) == [one]
    assert [a.name for a in graph.call_of(by_name).arguments] == ["task_result", "key"]
    assert len(graph.upstream_tasks(by_task)) == 2


def test_f06_a_task_that_says_how_many_values_it_returns_is_unpacked():
    @task(nout=2)
    def two():
        return 1, 2

    @task
    def three() -> tuple[int, str, float]:
        return 1, "a", 2.0

    with writing():
        a, b = two()
        c, d, e = three()
        assert len({a, b, c, d, e}) == 5
        assert list(fetch("a", task_args={"nout": 0})) == []


def test_f06_a_task_that_does_not_say_is_not_unpacked():
    with writing() as graph:
        one = fetch("a")
        with pytest.raises(TypeError, match=r"'fetch' cannot be unpacked.*nout=2.*map a task"):
            _a, _b = one
        with pytest.raises(TypeError, match="'fetch' is mapped"):
            list(fetch.map(["a"], task_args={"nout": 2}))
    assert not any(isinstance(each, GetItem) for each in graph.tasks)


def test_tags_of_a_block_are_added_to_tasks_made_and_called_inside():
    with tags("outer"), writing():
        with tags("inner", "more"):
            one = fetch("a")
        two = fetch("b")
    assert one.tags == {"web", "outer", "inner", "more"}
    assert two.tags == {"web", "outer"}
    assert fetch.tags == {"web"}


def test_what_is_written_in_one_thread_is_not_seen_in_another():
    errors = []

    def call():
        try:
            fetch("a")
        except ValueError as error:
            errors.append(error)

    with writing() as graph:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    assert len(errors) == 1
    assert not graph.tasks


def test_a_function_task_ships_its_bare_function():
    assert fetch.shipped is fetch.run


def test_a_subclass_ships_without_what_stays_at_the_driver():
    lock = threading.Lock()

    def handler(task, old, new):
        lock.acquire()

    with writing():
        scale = Scale(
            by=3,
            max_retries=1,
            retry_if=lambda error: lock.locked(),
            state_handlers=[handler],
            trigger=lambda upstream: lock.locked(),
        ).bind(2)
    shipped = pickle.loads(cloudpickle.dumps(scale.shipped))
    assert shipped(2) == 6
    assert shipped.__self__.hooks == Hooks()
    assert shipped.__self__._graph is None
    assert scale.hooks.state_handlers == (handler,)


def test_a_bound_task_can_be_copied_and_pickled_without_its_flow():
    with writing("first"):
        one = fetch("a")
    for same in (copy.copy(one), copy.deepcopy(one), pickle.loads(cloudpickle.dumps(one))):
        assert same.run("b") == ("b", 10)
        TaskGraph("second").add_task(same)


def test_a_task_of_a_whole_graph_comes_back_from_a_pickle():
    with writing() as graph:
        fetch.map([Parameter("url")], size=mapped([1]))
    again = pickle.loads(cloudpickle.dumps(graph))
    assert [one.name for one in again.tasks] == ["url", "fetch"]
    assert next(iter(again.parameters())).required
