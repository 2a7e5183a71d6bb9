"""What is written to keep results, and what is refused where it is written."""

import pickle
from datetime import timedelta

import pytest

from daskloop import Flow, Task, task
from daskloop.engine.results import FileResult, LocalResult
from daskloop.engine.serializers import JSONSerializer
from tests.case_names import case_name


def keeping(**options):
    @task(**options)
    def f(x, y=1):
        return x

    return f.keeping


def test_a_task_keeps_nothing_unless_it_is_told_to():
    assert not keeping().keeps
    assert not keeping(cache=False).keeps
    assert not keeping(cache_for=False).keeps


@pytest.mark.parametrize(
    ("given", "seconds"), [("1h", 3600), (60, 60), (timedelta(days=1), 86_400), (True, None)]
)
def test_a_cache_is_good_for_so_long(given, seconds):
    assert keeping(cache_for=given).caches
    assert keeping(cache_for=given).cache_for == seconds


def test_a_cache_has_a_place(tmp_path):
    place = FileResult("s3://bucket", serializer=JSONSerializer())
    assert keeping(cache=place).cache is place
    assert keeping(cache=tmp_path).cache == FileResult(tmp_path)
    assert keeping(cache=True).cache is None


def test_a_copy_of_a_task_may_keep_in_another_way():
    @task(result="here", target="{x}.pkl")
    def f(x):
        return x

    assert f.copy(target="{x}-{task_name}").keeping.result == FileResult("here")
    assert f.copy(name="g").keeping == f.keeping
    other = f.copy(target=None, result=None, cache_for="1s").keeping
    assert (other.target, other.result, other.cache_for) == (None, None, 1.0)
    with pytest.raises(ValueError, match="there is no 'z'"):
        f.copy(target="{z}")


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"target": "{z}.pkl"}, ValueError, "no 'z'"),
        ({"target": "{task_loop_count}.pkl"}, ValueError, "first iteration"),
        ({"target": ""}, ValueError, "name of a file"),
        ({"target": 5}, TypeError, "target=5"),
        ({"target": "/x.pkl", "result": "here"}, ValueError, "result= out"),
        ({"target": "s3://b/x", "result": "here"}, ValueError, "result= out"),
        ({"target": "x", "result": FileResult("h", location="y")}, ValueError, "one name"),
        ({"target": "x", "cache": True}, ValueError, "Give one"),
        ({"result": FileResult("here", location="{z}")}, ValueError, "no 'z'"),
        ({"result": FileResult("here", location="/z")}, ValueError, "within the folder"),
        ({"result": 5}, TypeError, "result=5"),
        ({"result": JSONSerializer()}, TypeError, "give a folder"),
        ({"cache": 5}, TypeError, "cache=5"),
        ({"cache": False, "cache_for": "1h"}, ValueError, "is it to be cached"),
        ({"cache": "here", "cache_for": False}, ValueError, "is it to be cached"),
        ({"cache_for": 0}, ValueError, "more than 0"),
        ({"cache_for": -1}, ValueError, "cache_for=-1"),
        ({"cache_for": "soon"}, ValueError, "cache_for='soon'"),
        ({"cache_for": [1]}, TypeError, "cache_for="),
        ({"cache_key": lambda x: x}, ValueError, "without a cache"),
        ({"cache_key": "x", "cache": True}, TypeError, "cache_key='x'"),
    ],
    ids=lambda one: case_name(one)[:60],
)
def test_what_means_nothing_is_refused_where_it_is_written(options, error, words):
    with pytest.raises(error, match=words):
        keeping(**options)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FileResult(5), "folder or a URL"),
        (lambda: FileResult(""), "folder or a URL"),
        (lambda: FileResult("x", location=5), "location=5"),
        (lambda: FileResult("x", serializer=JSONSerializer), "serializer="),
        (lambda: FileResult("x", serializer="json"), "serializer="),
        (lambda: LocalResult(dir="s3://bucket"), "FileResult"),
    ],
)
def test_a_place_that_is_none_is_refused(make, words):
    with pytest.raises((TypeError, ValueError), match=words):
        make()


def test_a_place_travels_and_cannot_be_changed():
    place = LocalResult(dir="here", location="{x}", serializer=JSONSerializer())
    assert pickle.loads(pickle.dumps(place)) == place
    assert hash(place) == hash(LocalResult(dir="here", location="{x}"))
    with pytest.raises(AttributeError):
        place.url = "there"
    assert "secret" not in repr(FileResult("ftp://me:secret@host/x"))


def test_a_place_is_read_by_hand(tmp_path):
    place = LocalResult(dir=tmp_path)
    assert place.write("a/b", {1, 2}) == f"{tmp_path}/a/b"
    assert place.exists("a/b") and not place.exists("c")
    assert place.read("a/b") == {1, 2}
    with pytest.raises(Exception, match=f"no result at '{tmp_path}/c'"):
        place.read("c")


def test_a_class_of_tasks_names_its_inputs():
    class Scale(Task):
        def run(self, number):
            return number

    assert Scale(target="{number}").keeping.target is not None
    with pytest.raises(ValueError, match="no 'other'"):
        Scale(target="{other}")


def compiled(*tasks):
    from daskloop.plan.compile import compile_plan

    with Flow("f") as flow:
        for one, given in tasks:
            one.map(given) if isinstance(given, list) else one(given)
    return compile_plan(flow)


def writer(target, name="f"):
    return task(lambda x: x, name=name, target=target)


@pytest.mark.parametrize(
    "tasks",
    [
        [(writer("a.pkl"), 1), (writer("a.pkl", "g"), 2)],
        [(writer("{task_name}"), 1), (writer("{task_name}"), 2)],
        [(writer("{x}"), 1), (writer("1", "g"), 2)],
        [(writer("{run_id}"), 1), (writer("{run_id}", "g"), 2)],
        [(writer("{map_index}"), [1, 2]), (writer("{map_index}", "g"), [1, 2])],
        [(writer("./a"), 1), (writer("a", "g"), 2)],
    ],
)
def test_two_targets_at_one_path_are_refused_when_the_flow_is_compiled(tasks):
    with pytest.raises(ValueError, match="two targets at one path: 'f-1' and '[fg]-[12]'"):
        compiled(*tasks)


@pytest.mark.parametrize("target", ["a", "{task_name}", "{run_id}"])
def test_one_target_for_all_children_is_refused_when_the_flow_is_compiled(target):
    with pytest.raises(ValueError, match="all children of 'f'.*map_index"):
        compiled((writer(target), [1, 2]))


@pytest.mark.parametrize(
    "tasks",
    [
        [(writer("{task_slug}"), 1), (writer("{task_slug}"), 2)],
        [(writer("{x}"), 1), (writer("{x}"), 2)],
        [(writer("{map_index}"), [1, 2]), (writer("b"), 1)],
        [(writer("{x}"), [1, 2])],
        [(writer("{task_full_name}"), [1, 2])],
    ],
)
def test_targets_that_differ_are_fine(tasks):
    compiled(*tasks)


def test_a_template_that_does_not_fit_is_refused_when_the_flow_is_compiled():
    with pytest.raises(ValueError, match="'f'.*cannot be filled in"):
        compiled((writer("{map_index:03d}"), 1))
