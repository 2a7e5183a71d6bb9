"""Where, with what and how early a task runs: what may be said, by whom, and who wins."""

from __future__ import annotations

import math
import subprocess
import sys

import dask
import numpy
import pytest

from daskloop.define.decorator import task
from daskloop.define.parameter import Parameter
from daskloop.define.placement import Placement, placement
from daskloop.define.scope import tags
from daskloop.define.task import Task
from tests.case_names import case_name
from tests.define.writing import writing


@task
def plain(x=0):
    return x


def asked(given: Task) -> Placement:
    """Return what Dask is asked for in the end."""
    return given.placement.with_tags(given.tags)


def test_w01_all_of_it_is_kept_in_one_form():
    said = placement(priority=numpy.int64(3), resources={"MEM": 2, "GPU": 1}, workers="alice")
    assert said == Placement(3, (("GPU", 1.0), ("MEM", 2.0)), ("alice",), None)
    assert placement(workers={"bob", "alice", 1}).workers == (1, "alice", "bob")
    assert placement() == Placement()


@pytest.mark.parametrize(
    "options",
    [
        {"priority": 1.5},
        {"priority": True},
        {"priority": "high"},
        {"priority": 10**12},
        {"resources": "GPU"},
        {"resources": ["GPU"]},
        {"resources": {"GPU": 0}},
        {"resources": {"GPU": -1}},
        {"resources": {"GPU": "1"}},
        {"resources": {"GPU": True}},
        {"resources": {"GPU": math.inf}},
        {"resources": {"": 1}},
        {"resources": {1: 1}},
        {"workers": ""},
        {"workers": 2},
        {"workers": []},
        {"workers": [""]},
        {"workers": [1.0]},
        {"workers": [True]},
        {"workers": b"alice"},
        {"workers": len},
        {"allow_other_workers": 1},
        {"allow_other_workers": True},
    ],
    ids=case_name,
)
def test_w02_what_makes_no_sense_is_refused_where_it_is_written(options):
    (name,) = options
    with pytest.raises((TypeError, ValueError), match=rf"{name}.*(give|Give|must be|is empty)"):
        task(lambda: None, **options)
    with pytest.raises((TypeError, ValueError), match=name):
        plain.copy(**options)


def test_w02_other_workers_might_lack_the_resources_and_so_the_two_exclude_each_other():
    with pytest.raises(ValueError, match=r"GPU=1.*exclude each other"):
        Task(resources={"GPU": 1}, workers="alice", allow_other_workers=True)
    with pytest.raises(ValueError, match="exclude each other"):
        Task(tags=["dask-resource:GPU=1"], workers="alice", allow_other_workers=True)


def test_w03_a_copy_may_say_something_else_and_take_back_what_was_said():
    gpu = plain.copy(resources={"GPU": 1}, priority=5)
    assert gpu.copy(priority=0).placement == placement(priority=0, resources={"GPU": 1})
    assert gpu.copy(resources=None).placement == placement(priority=5)
    with writing():
        assert gpu.map([1], task_args={"workers": "alice"}).placement.workers == ("alice",)


def test_w04_tags_add_to_the_resources_and_the_option_wins_over_a_tag():
    tagged = plain.copy(tags=["dask-resource:GPU=2", "dask-resource: TPU =0.5", "other"])
    assert asked(tagged).resources == (("GPU", 2.0), ("TPU", 0.5))
    assert asked(tagged.copy(resources={"GPU": 1, "MEM": 3})).resources == (
        ("GPU", 1.0),
        ("MEM", 3.0),
        ("TPU", 0.5),
    )
    with writing(), tags("dask-resource:GPU=1"):
        assert asked(plain()).resources == (("GPU", 1.0),)


@pytest.mark.parametrize(
    "tag",
    ["dask-resource:GPU", "dask-resource:=1", "dask-resource:GPU=0", "Dask-Resource:GPU=many"],
)
def test_w04_a_tag_that_cannot_be_read_is_refused_where_it_is_written(tag):
    with pytest.raises(ValueError, match="dask-resource:GPU=1"):
        plain.copy(tags=[tag])
    with tags(tag), pytest.raises(ValueError, match="cannot be read"):
        Task()


def test_w04_two_tags_that_disagree_are_refused():
    with pytest.raises(ValueError, match="Two tags ask for the resource 'GPU'"):
        Task(tags=["dask-resource:GPU=1", "dask-resource:GPU=2"])


def test_w05_an_enclosing_annotate_says_what_the_task_leaves_open():
    own = plain.copy(priority=1, workers="alice")
    with writing(), dask.annotate(priority=9, resources={"GPU": 1}, workers="bob"):
        assert plain().placement == placement(9, {"GPU": 1}, "bob")
        assert plain.map([1]).placement == placement(9, {"GPU": 1}, "bob")
        assert plain.copy().bind(1).placement == placement(9, {"GPU": 1}, "bob")
        assert own().placement == placement(1, {"GPU": 1}, "alice")
        assert plain.copy(resources={}, priority=0)().placement == placement(0, {}, "bob")
        with dask.annotate(priority=10):
            assert plain().placement.priority == 10
    with dask.annotate(workers="bob", allow_other_workers=True), writing():
        assert own().placement == own.placement
        assert plain().placement == placement(workers="bob", allow_other_workers=True)


def test_w05_what_counts_is_where_the_task_is_called_not_where_it_is_defined_or_run():
    with dask.annotate(priority=3):
        defined = plain.copy()
    with writing():
        called = defined()
        bound = plain.copy().bind(1)
        with dask.annotate(priority=3):
            bound.set_upstream(called)
            following = Task(name="following")
            following.set_upstream(bound)
    assert called.placement == bound.placement == Placement()
    assert following.placement.priority == 3


def test_w05_a_tag_is_said_by_the_task_and_wins_over_annotate():
    with writing(), dask.annotate(resources={"GPU": 4, "MEM": 1}):
        tagged = plain(task_args={"tags": ["dask-resource:GPU=1"]})
        assert asked(tagged).resources == (("GPU", 1.0), ("MEM", 1.0))


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"priority": lambda key: 1}, "callable"),
        ({"workers": lambda key: "alice"}, "callable"),
        ({"priority": 0.5}, "whole number"),
        ({"resources": {"GPU": "one"}}, "above 0"),
        ({"allow_other_workers": True}, "workers="),
        ({"workers": ["alice"], "resources": {"GPU": 1}, "allow_other_workers": True}, "exclude"),
    ],
    ids=case_name,
)
def test_w06_an_annotation_that_cannot_apply_is_refused_and_leaves_nothing_behind(said, error):
    with writing() as graph, dask.annotate(**said):
        with pytest.raises((TypeError, ValueError), match=error):
            plain()
        with pytest.raises((TypeError, ValueError), match=error):
            plain.map([1])
        Parameter("x")
    assert [one.name for one in graph.tasks] == ["x"]


def test_w06_retries_of_annotate_are_ignored_with_a_warning():
    with (
        writing(),
        dask.annotate(retries=3, priority=1),
        pytest.warns(UserWarning, match="max_retries") as warned,
    ):
        called = plain()
    assert len(warned) == 1
    assert called.placement.priority == 1
    assert called.max_retries == 0


def test_dask_is_not_imported_to_look_for_annotations():
    program = (
        "import sys; from daskloop.define.task import Task; "
        "from daskloop.define.graph import TaskGraph; TaskGraph('f').add_task(Task()); "
        "sys.exit('dask' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
