"""Results kept beyond a run: targets, results by name, and caches (rules L11 and C29)."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time

import dask
import pytest

import daskloop
from daskloop import Flow, Parameter, context, task
from daskloop.engine.results import FileResult, LocalResult
from daskloop.engine.serializers import CompressedSerializer, JSONSerializer, PickleSerializer
from daskloop.engine.signals import LOOP, SKIP, SUCCESS
from daskloop.errors import ResultError
from tests.flows.traces import Sightings, Trace, attempt, one_by_one
from tests.results import slow_files  # noqa: F401 - fsspec knows slow:// by that

inline = pytest.mark.parametrize("executor", ["inline"], indirect=True)
on_few = pytest.mark.parametrize("executor", ["inline", "processes"], indirect=True)


def looping(trace, **options):
    """Make a loop of three iterations that notes each."""

    @task(**options)
    def loop(x):
        count, tried = attempt()
        trace.note(x, count, tried)
        if count < 3:
            raise LOOP(result=count)
        return x * 10

    return loop


def run(flow, executor, **options):
    return flow.run(executor=executor, **options)


def test_c29_a_cached_loop_executes_no_iteration_the_second_time(executor, tmp_path):
    trace = Trace(tmp_path)
    with Flow("cached") as flow:
        ended = looping(trace, cache=tmp_path / "cache", cache_for="1h").map([1, 2, 3])
    first = run(flow, executor)
    assert len(trace.notes()) == 9
    second = run(flow, executor)
    assert len(trace.notes()) == 9
    assert first.result[ended].result == second.result[ended].result == [10, 20, 30]
    assert not any(child.is_cached() for child in first.result[ended].map_states)
    assert all(child.is_cached() for child in second.result[ended].map_states)
    assert second.is_successful()


def test_l11_c29_a_target_is_looked_for_once_and_holds_the_final_value_only(executor, tmp_path):
    trace = Trace(tmp_path)
    target = str(tmp_path / "{task_name}-{map_index}.pkl")

    @task(target=target)
    def loop(x):
        count = context.get("task_loop_count", 1)
        trace.note(x, count, os.path.exists(tmp_path / f"loop-{context.map_index}.pkl"))
        if count == 1:
            # What comes in the meantime is not looked at.
            (tmp_path / f"loop-{context.map_index}.pkl").write_bytes(pickle.dumps("other"))
        if count < 3:
            raise LOOP(result=count)
        return x

    with Flow("target") as flow:
        ended = loop.map([5, 6])
    assert run(flow, executor).result[ended].result == [5, 6]
    assert sorted(trace.notes()) == [(x, n, n > 1) for x in (5, 6) for n in (1, 2, 3)]
    assert pickle.loads((tmp_path / "loop-1.pkl").read_bytes()) == 6
    state = run(flow, executor).result[ended]
    assert len(trace.notes()) == 6
    assert [child.is_cached() for child in state.map_states] == [True, True]
    assert state.result == [5, 6]


@on_few
def test_l11_only_the_first_attempt_of_the_first_iteration_looks(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(target=str(tmp_path / "x.pkl"), max_retries=1)
    def flaky():
        trace.note(context.task_run_count)
        if context.task_run_count == 1:
            (tmp_path / "x.pkl").write_bytes(b"half of somethi")
            raise ValueError
        return "whole"

    with Flow("flaky") as flow:
        one = flaky()
    assert run(flow, executor).result[one].result == "whole"
    assert pickle.loads((tmp_path / "x.pkl").read_bytes()) == "whole"


def test_l11_what_is_downstream_and_mapped_over_gets_the_cached_value(executor, tmp_path):
    @task(cache=tmp_path)
    def numbers():
        return [1, 2, 3]

    @task
    def double(x):
        return 2 * x

    @task
    def total(xs):
        return sum(xs)

    with Flow("down") as flow:
        many = numbers()
        end = total(double.map(many))
    for cached in (False, True):
        state = run(flow, executor)
        assert state.result[many].is_cached() is cached
        assert state.result[end].result == 12


@inline
def test_l11_handlers_see_running_and_then_cached(executor, tmp_path):
    seen = Sightings()
    with Flow("seen") as flow:
        looping(Trace(tmp_path), cache=tmp_path / "cache", state_handlers=[seen])(1)
    run(flow, executor)
    assert seen.story() == "Running Looped Running Looped Running Success"
    seen.states.clear()
    run(flow, executor)
    assert seen.story() == "Running Cached"
    assert str(tmp_path) in seen.states[-1].message


@inline
def test_other_inputs_and_another_source_are_computed(executor, tmp_path):
    trace = Trace(tmp_path)
    cached = {"cache": tmp_path / "cache", "name": "work"}

    def work(x, y=0):
        trace.note(x, y)
        return x + y

    def changed(x, y=0):
        trace.note(x, y)
        return x - y

    def results(function, **given):
        with Flow("inputs") as flow:
            one = task(function, **cached)(**given)
        state = run(flow, executor).result[one]
        return state.result, state.is_cached()

    assert results(work, x=1) == (1, False)
    assert results(work, x=2) == (2, False)
    assert results(work, x=1.0) == (1.0, False)
    assert results(work, x=1, y=2) == (3, False)
    assert results(changed, x=1, y=2) == (-1, False)
    assert results(work, x=1, y=2) == (3, True)
    assert results(work, x=1, y=0) == (1, True)
    assert results(changed, x=1, y=2) == (-1, True)


@inline
def test_the_context_and_parameters_are_no_part_of_the_key(executor, tmp_path):
    @task(cache=tmp_path)
    def work(x):
        return x, context.get("colour")

    with Flow("context") as flow:
        Parameter("other")
        one = work(1)
    assert run(flow, executor, other=1, context={"colour": "red"}).result[one].result == (1, "red")
    assert run(flow, executor, other=2, context={"colour": "blue"}).result[one].is_cached()


@inline
def test_a_value_that_is_too_old_is_computed_again(executor, tmp_path, monkeypatch):
    trace = Trace(tmp_path)
    with Flow("old") as flow:
        looping(trace, cache=tmp_path / "cache", cache_for="1h")(1)
    run(flow, executor)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3500)
    run(flow, executor)
    assert len(trace.notes()) == 3
    monkeypatch.setattr(time, "time", lambda: now() + 3601)
    run(flow, executor)
    assert len(trace.notes()) == 6
    run(flow, executor)
    assert len(trace.notes()) == 6


@inline
def test_cache_key_stands_for_the_inputs(executor, tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("one")

    @task(cache=tmp_path / "cache", cache_key=lambda path, **_: path.read_text())
    def read(path, lock=None):
        return path.read_text()

    @task
    def lock():
        return context.logger

    with Flow("key") as flow:
        one = read(source)
    found = []
    for text in ("one", "one", "two"):
        source.write_text(text)
        state = run(flow, executor).result[one]
        found.append((state.result, state.is_cached()))
    assert found == [("one", False), ("one", True), ("two", False)]


@inline
def test_a_cache_key_that_raises_fails_its_task_for_good(executor, tmp_path):
    trace = Trace(tmp_path)
    options = {"cache": tmp_path, "cache_key": lambda x: 1 / x, "max_retries": 2}
    with Flow("key") as flow:
        one = looping(trace, **options)(0)
    failed = run(flow, executor).result[one]
    assert failed.is_failed() and not trace.notes()
    assert "'loop': cache_key raised ZeroDivisionError" in failed.message


class Connection:
    """Has no content that could be read, and pickles all the same."""

    def __init__(self):
        self.lock = threading.Lock()

    def __reduce__(self):
        return Connection, ()

    def __dask_tokenize__(self):
        raise RuntimeError("a connection is not like any other")


@inline
def test_an_input_that_cannot_be_told_from_others_is_named(executor, tmp_path):
    trace = Trace(tmp_path)
    with Flow("unknown") as flow:
        one = looping(trace, cache=tmp_path / "cache", max_retries=1)(Connection())
    failed = run(flow, executor).result[one]
    assert failed.is_failed() and not trace.notes()
    assert "argument 'x'" in failed.message and "cache_key=" in failed.message


@inline
def test_a_function_that_holds_what_cannot_be_told_from_others_fails(executor, tmp_path):
    held = Connection()

    @task(cache=tmp_path)
    def work():
        return held

    with Flow("unknown") as flow:
        one = work()
    failed = run(flow, executor).result[one]
    assert failed.is_failed()
    assert "its function holds a" in failed.message and "cache_key=" in failed.message


@inline
@pytest.mark.parametrize("damage", ["cut", "changed", "emptied", "folder", "open to all"])
def test_a_cached_value_that_is_damaged_fails_its_task_for_good(executor, tmp_path, damage):
    trace = Trace(tmp_path)
    with Flow("damaged") as flow:
        one = looping(trace, cache=tmp_path / "cache", max_retries=2)(1)
    run(flow, executor)
    (path,) = (tmp_path / "cache" / "loop").iterdir()
    data = path.read_bytes()
    if damage == "folder":
        path.unlink()
        path.mkdir()
    elif damage == "open to all":
        path.chmod(0o666)
    else:
        path.write_bytes({"cut": data[:-3], "changed": data[:-1] + b"x", "emptied": b""}[damage])
    failed = run(flow, executor).result[one]
    assert failed.is_failed() and not failed.is_retrying()
    assert str(path) in failed.message
    assert len(trace.notes()) == 3


@inline
@pytest.mark.parametrize(
    ("serializer", "data"),
    [
        (PickleSerializer(), b"\x80\x05K"),
        (JSONSerializer(), b'{"half": '),
        (CompressedSerializer(JSONSerializer()), b"x"),
    ],
    ids=repr,
)
def test_a_target_that_cannot_be_read_fails_its_task(executor, tmp_path, serializer, data):
    trace = Trace(tmp_path)
    place = LocalResult(dir=tmp_path, serializer=serializer)
    with Flow("damaged") as flow:
        one = looping(trace, result=place, target="x", max_retries=1)(1)
    (tmp_path / "x").write_bytes(data)
    failed = run(flow, executor).result[one]
    assert failed.is_failed() and not trace.notes()
    assert f"'{tmp_path}/x'" in failed.message
    assert (tmp_path / "x").read_bytes() == data


@inline
def test_a_target_that_cannot_be_written_fails_its_task_and_no_other(executor, tmp_path):
    (tmp_path / "file").write_bytes(b"")

    @task(result=LocalResult(dir=tmp_path), target="{name}/x.pkl")
    def save(name):
        return name

    @task(result=LocalResult(dir=tmp_path, serializer=JSONSerializer()), target="{name}.json")
    def save_plain(name):
        return {name}

    with Flow("unwritable") as flow:
        saved, plain = save.map(["folder", "file"]), save_plain("y")
    state = run(flow, executor)
    good, bad = state.result[saved].map_states
    assert good.result == "folder" and bad.is_failed()
    for word in (f"{tmp_path}/file/x.pkl", "Not a directory"):
        assert word in bad.message
    for word in ("JSON would not give back it, a set", "y.json"):
        assert word in state.result[plain].message
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_two_children_whose_targets_are_one_path_are_found_while_the_flow_runs(executor, tmp_path):
    @task
    def cities():
        return ["Rome", "Bonn", "Rome"]

    @task(result=LocalResult(dir=tmp_path), target="{city}.pkl")
    def save(city):
        return city, context.map_index

    with Flow("cities") as flow:
        saved = save.map(cities())
    children = run(flow, executor).result[saved].map_states
    assert children[1].result == ("Bonn", 1)
    (bad,) = [child for child in children if child.is_failed()]
    (good,) = [child for child in (children[0], children[2]) if not child.is_failed()]
    assert good.result == ("Rome", 0 if good is children[0] else 2)
    for word in ("save-1[0]", "save-1[2]", "one path", f"{tmp_path}/Rome.pkl"):
        assert word in bad.message


@inline
def test_a_target_may_be_named_by_all_that_is_known(executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = "{flow_name}/{task_slug}-{task_full_name}-{map_index}-{x[a]}{y}-{parameters[M]:03d}.pkl"

    @task(target="out/" + known)
    def save(x, y=2):
        return x

    with Flow("names") as flow:
        M = Parameter("M")
        saved = save.map([{"a": 1}], upstream_tasks=[daskloop.unmapped(M)])
        plain = task(lambda: None, name="plain", target="{today}-{date:%Y}.pkl")()
    state = run(flow, executor, M=7)
    assert state.is_successful(), state.result[saved].map_states
    assert os.path.exists("out/names/save-1-save[0]-0-12-007.pkl")
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert os.path.exists(f"{today}-{today[:4]}.pkl")
    assert state.result[plain].result is None
    assert run(flow, executor, M=7).result[plain].is_cached()


@inline
def test_none_is_a_value_that_is_kept(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(cache=tmp_path / "cache")
    def work():
        trace.note("run")

    with Flow("none") as flow:
        one = work()
    for _ in range(2):
        assert run(flow, executor).result[one].result is None
    assert len(trace.notes()) == 1


@inline
def test_success_is_kept_and_skip_is_not(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(cache=tmp_path / "cache")
    def work(how):
        trace.note(how)
        if how == "success":
            raise SUCCESS(result=1)
        raise SKIP(result=2) if how == "skip" else ValueError(how)

    with Flow("signals") as flow:
        ended = work.map(["success", "skip", "fail"])
    run(flow, executor)
    states = run(flow, executor).result[ended].map_states
    assert sorted(trace.notes()) == sorted([("success",), *2 * [("skip",), ("fail",)]])
    assert states[0].is_cached() and states[0].result == 1
    assert states[1].is_skipped() and states[2].is_failed()


@on_few
def test_a_result_without_a_target_is_written_and_never_read(executor, tmp_path):
    trace = Trace(tmp_path)
    location = "{task_name}-{x}-{task_loop_count}.json"
    place = FileResult(tmp_path / "out", location=location, serializer=JSONSerializer())
    with Flow("written") as flow:
        looping(trace, result=place).map([1, 2])
        whole = task(lambda: "w", name="whole", result=str(tmp_path / "whole"))()
        parts = task(lambda x: x, name="part", result=str(tmp_path / "parts")).map(["a", "b"])
    for _ in range(2):
        state = run(flow, executor)
        assert not state.result[whole].is_cached()
    assert sorted(os.listdir(tmp_path / "out")) == ["loop-1-3.json", "loop-2-3.json"]
    assert json.loads((tmp_path / "out" / "loop-2-3.json").read_text()) == 20
    assert len(trace.notes()) == 12
    runs = os.listdir(tmp_path / "whole")
    assert len(runs) == 2
    assert LocalResult(dir=tmp_path / "whole").read(f"{runs[0]}/whole-1") == "w"
    assert LocalResult(dir=tmp_path / "parts").read(f"{runs[0]}/part-1/1") == "b"
    assert state.result[parts].result == ["a", "b"]


@inline
def test_results_may_lie_behind_any_url(executor):
    fsspec = pytest.importorskip("fsspec")

    @task(result=FileResult("memory://flows"), target="{x}/{task_name}.pkl")
    def save(x):
        return x

    @task(cache="memory://caches")
    def cached(x):
        return x

    with Flow("urls") as flow:
        one, two = save("a"), cached("b")
    try:
        for again in (False, True):
            state = run(flow, executor)
            assert [state.result[t].is_cached() for t in (one, two)] == [again, again]
            assert [state.result[t].result for t in (one, two)] == ["a", "b"]
    finally:
        fsspec.filesystem("memory").store.clear()


@inline
def test_the_configuration_says_where_caches_lie(executor, tmp_path):
    with Flow("configured") as flow:
        one = looping(Trace(tmp_path), cache_for=True)(1)
    with dask.config.set({"daskloop.cache": str(tmp_path / "cache")}):
        run(flow, executor)
        assert run(flow, executor).result[one].is_cached()
    assert os.listdir(tmp_path / "cache") == ["loop"]
    with dask.config.set({"daskloop.cache": 5}):
        failed = run(flow, executor).result[one]
    assert "config daskloop.cache=5" in failed.message


@one_by_one
def test_l11_a_resumed_run_knows_what_was_cached(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def after(x):
        if trace.first():
            raise ValueError
        return x

    with Flow("resumed") as flow:
        cached = looping(trace, cache=tmp_path / "cache")(1)
        end = after(cached)
    with Flow("before") as before:
        looping(trace, cache=tmp_path / "cache")(1)
    run(before, executor)
    journal = str(tmp_path / "journal")
    assert run(flow, executor, journal=journal).is_failed()
    again = run(flow, executor, journal=journal, resume=True)
    assert again.result[end].result == 10
    assert again.result[cached].is_cached()
    assert len(trace.notes()) == 3


@inline
def test_a_value_that_is_large_comes_back_whole(executor, tmp_path):
    numpy = pytest.importorskip("numpy")

    @task(cache=tmp_path)
    def make(n):
        return numpy.arange(n)

    with Flow("large") as flow:
        made = make(1_000_000)
    first = run(flow, executor).result[made].result
    state = run(flow, executor).result[made]
    assert state.is_cached()
    assert (state.result == first).all()


@inline
@pytest.mark.parametrize(
    ("target", "words"),
    [("{parameters[other]}.pkl", "names the parameter 'other'"), ("{x}.pkl", "secret"),
     ("{parameters[M]}.pkl", "secret")],
)  # fmt: skip
def test_a_template_that_names_what_there_is_not_or_a_secret_is_refused(
    executor, tmp_path, target, words
):
    with Flow("refused") as flow:
        task(lambda x: x, name="save", target=target)(Parameter("M", secret=True))
    with pytest.raises(ValueError, match=words):
        run(flow, executor, M=1)


@on_few
def test_children_that_make_one_cached_value_at_once_all_get_it_whole(executor, tmp_path):
    @task(cache=tmp_path / "cache")
    def work(size):
        return b"x" * size

    with Flow("at once") as flow:
        ended = work.map([200_000] * 24)
    for _ in range(2):
        children = run(flow, executor).result[ended].map_states
        assert {child.result for child in children} == {b"x" * 200_000}
    assert all(child.is_cached() for child in children)
    assert len(os.listdir(tmp_path / "cache" / "work")) == 1


SCRIPT = """
import sys
from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP

FACTOR = 10

def scaled(x):
    return x * FACTOR

@task(cache=sys.argv[1], cache_for="1h")
def loop(x, words={"a", "b", "c"}):
    count = context.get("task_loop_count", 1)
    print("iteration", count)
    if count < 3:
        raise LOOP(result=count)
    return scaled(x) if len(words) == 3 else None

with Flow("script") as flow:
    ended = loop.map([1, 2])
state = flow.run(executor="inline").result[ended]
print(state.result, [child.is_cached() for child in state.map_states])
"""


def test_c29_another_process_takes_what_was_cached_and_a_changed_script_does_not(tmp_path):
    said = []
    for change in (("", ""), ("", ""), ("FACTOR = 10", "FACTOR = 11")):
        (tmp_path / "script.py").write_text(SCRIPT.replace(*change) if change[0] else SCRIPT)
        done = subprocess.run(
            [sys.executable, "script.py", "cache"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        said.append(done.stdout.splitlines())
    assert [len(lines) for lines in said] == [7, 1, 7]
    assert said[1] == ["[10, 20] [True, True]"]
    assert said[2][-1] == "[11, 22] [False, False]"


@inline
def test_what_could_not_be_written_is_retried_as_the_task_says(executor, tmp_path):
    seen = Sightings()

    @task(target=str(tmp_path / "folder" / "x"), max_retries=1, state_handlers=[seen])
    def save():
        if context.task_run_count == 1:
            (tmp_path / "folder").write_bytes(b"in the way")
        else:
            (tmp_path / "folder").unlink()
        return context.task_run_count

    with Flow("retried") as flow:
        saved = save()
    assert run(flow, executor).result[saved].result == 2
    assert seen.story() == "Running Failed Retrying Running Success"
    assert f"'{tmp_path}/folder/x'" in seen.of("Failed")[0].message


@inline
def test_a_flow_of_many_names_for_one_result_is_told_without_a_store(
    executor, tmp_path, monkeypatch
):
    monkeypatch.setattr("daskloop.record.store.PayloadStore.claims", lambda self: None)

    @task(result=LocalResult(dir=tmp_path), target="{x}")
    def save(x):
        return x

    with Flow("nowhere") as flow:
        saved = save.map([1])
        other = task(lambda: 1, name="other", target=str(tmp_path / "{task_slug}"))()
    state = run(flow, executor)
    (child,) = state.result[saved].map_states
    assert child.is_failed() and "store=" in child.message
    assert state.result[other].is_successful()


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_k2_k5_results_and_caches_lie_where_files_are_written_piece_by_piece_as_well(
    executor, tmp_path
):
    trace = Trace(tmp_path)
    place = f"slow://{tmp_path}/kept"
    with Flow("slow") as flow:
        cached = looping(trace, cache=f"{place}/cache").map([1, 2])
        named = looping(trace, result=FileResult(place), target="{task_name}/{x:02d}").map(cached)
        broken = task(lambda: b"breaks off", name="broken", target=f"{place}/broken")()
    for ended in (False, True):
        state = run(flow, executor)
        assert state.result[named].result == [100, 200]
        children = state.result[cached].map_states + state.result[named].map_states
        assert [one.is_cached() for one in children] == [ended] * 4
        assert "No space left on device" in state.result[broken].message
    assert len(trace.notes()) == 12
    assert sorted(os.listdir(tmp_path / "kept" / "loop")) == ["10", "20"]
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if ".part" in name]


@on_few
def test_a_cache_at_a_local_url_is_for_its_owner_alone(executor, tmp_path):
    """A pickle that others could have written is not opened, however its folder is called."""
    with Flow("local") as flow:
        ended = looping(Trace(tmp_path), cache=f"local://{tmp_path}/cache")(1)
    assert run(flow, executor).result[ended].result == 10
    (path,) = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o666)
    assert "others may write to it" in run(flow, executor).result[ended].message


@inline
def test_a_relative_target_where_the_current_folder_was_removed_is_refused_in_words(
    executor, tmp_path, monkeypatch
):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with Flow("gone") as flow:
        looping(Trace(tmp_path), target="kept/{x}.pkl")(1)
    with pytest.raises(ResultError, match="the current folder was removed"):
        run(flow, executor)
    with Flow("whole") as flow:
        ended = looping(Trace(tmp_path), target=f"{tmp_path}/kept/{{x}}.pkl")(1)
    assert run(flow, executor, journal=tmp_path / "runs").result[ended].result == 10
