"""`runs` and `show` read a journal for people and for programs, and unpickle nothing."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

import dask
import pytest
from click.testing import CliRunner

from daskloop.cli.journals import open_shelf
from daskloop.cli.prune import prune
from tests.cli.commands import daskloop, run_named, started

FIB = ("run", "fib.py", "-p", "ms=[10, 100]", "--executor", "inline")


def run(*words):
    return run_named(daskloop(*FIB, *words).output)


def test_runs_is_a_table_that_fits_80_columns():
    good, bad = run(), run("-p", "breaks=9")
    listed = daskloop("runs")
    lines = listed.output.splitlines()
    assert lines[0].split() == ["RUN", "FLOW", "STATUS", "AGE", "ITERATIONS", "ENDED"]
    assert [text.split()[0:3] for text in lines[1:3]] == [
        [bad, "fibs", "failed"],
        [good, "fibs", "success"],
    ]
    assert lines[3] == f"continue: daskloop resume {bad}"
    assert max(map(len, lines[:3])) <= 80


def counted(folder, text, batch):
    """Run a flow: what it says, its iterations by `runs`, and those of its tasks by `show`."""
    (folder / "counted.py").write_text(text)
    with dask.config.set({"daskloop.batch": batch}):
        said = daskloop("run", "counted.py", "--executor", "inline").output
    (listed,) = json.loads(daskloop("runs", "--json").output)
    shown = json.loads(daskloop("show", run_named(said), "--json").output)["tasks"]
    return said, listed["iterations"], {one["name"]: one["iterations"] for one in shown}


COUNTED = """
from daskloop import Flow, again, context, loop_flow, task
from daskloop.signals import LOOP, SKIP

@task
def plain():
    return 1

@task
def climb(n):
    k = context.get("task_loop_count", 1)
    if k < n:
        raise LOOP(result=k)
    if n == 3:
        raise ValueError("three")
    if n == 4:
        raise SKIP("four")
    return k

@task(max_loops=2)
def endless():
    raise LOOP

@task
def more(x):
    return x + 1

@task
def is_large(x):
    return x > 2

@loop_flow
def rise(x):
    y = more(x)
    return again(x=y).until(is_large(y), result=y)

with Flow("counted") as flow:
    plain()
    climb.map([1, 2, 3, 4])
    endless()
    rise(0)
"""


@pytest.mark.parametrize("batch", [1, "auto"])
def test_q05_the_ending_runs_show_and_the_log_count_the_same_iterations(folder, batch):
    said, listed, shown = counted(folder, COUNTED, batch)
    # plain: 1; climb: 1 of [0], 2 of [1], 2 before [2] failed, 3 before [3] was skipped; rise: 3;
    # endless: 2, that it is not to go on from does not undo them
    counts = [int(found) for found in re.findall(r"(\d+) iterations?  ", said)]
    assert counts == [1, 8, 2, 3]
    assert "Failed in" in said and ", 14 iterations, 0 retries" in said
    assert listed == 14
    assert shown == {"plain": 1, "climb": 8, "endless": 2, "rise": 3}


CONVERGING = """
from daskloop import Flow, context, task
from daskloop.signals import LOOP

@task(until=0.3)
def shrink():
    size = context.get("task_loop_result", 1.0) / 2
    raise LOOP(result=size, metric=size)

with Flow("converging") as flow:
    shrink()
"""


@pytest.mark.parametrize("batch", [1, "auto"])
def test_q05_what_makes_a_result_of_a_payload_is_counted_alike(folder, batch):
    said, listed, shown = counted(folder, CONVERGING, batch)
    (ending,) = re.findall(r"shrink +Success +(\d+) iterations", said)
    (logged,) = re.findall(r", (\d+) iterations, 0 retries", said)
    assert int(ending) == int(logged) == listed == shown["shrink"]


def test_a_long_flow_name_does_not_make_the_table_wider(folder):
    text = (folder / "fib.py").read_text()
    (folder / "fib.py").write_text(text.replace('"fibs"', repr("long name " * 20)))
    run()
    assert max(map(len, daskloop("runs").output.splitlines())) <= 80


def test_no_runs_is_said_and_makes_no_folder(folder):
    listed = daskloop("runs")
    assert listed.exit_code == 0 and listed.output == "No runs in .daskloop.\n"
    assert daskloop("runs", "--json").output == "[]\n"
    assert not (folder / ".daskloop").exists()


def test_the_newest_are_listed_and_the_others_counted():
    runs = [run("--quiet") or name for name in ("", "")]
    assert len(runs) == 2
    listed = daskloop("runs", "--limit", "1")
    assert "… 1 older: daskloop runs --all" in listed.output
    assert len(json.loads(daskloop("runs", "--json", "--all").output)) == 2


def test_runs_as_json_keeps_its_names():
    name = run("-p", "breaks=9")
    (found,) = json.loads(daskloop("runs", "--json").output)
    assert list(found) == [
        "run",
        "flow",
        "status",
        "begun",
        "updated",
        "message",
        "origin",
        "times_begun",
        "iterations",
        "children",
        "attempts",
        "failures",
        "owner",
        "store",
        "versions",
        "continue",
    ]
    assert (found["run"], found["status"]) == (name, "failed")
    assert found["begun"].endswith("Z")
    assert found["owner"]["pid"] == os.getpid()
    assert found["continue"] == f"daskloop resume {name}"


def test_a_damaged_run_is_listed_with_what_is_wrong(folder):
    name = run()
    (folder / ".daskloop" / name / "run.sqlite").write_bytes(b"no more")
    listed = daskloop("runs")
    assert listed.exit_code == 0
    assert f"damaged {name}: " in listed.output
    shown = daskloop("show", name)
    assert shown.exit_code == 3 and "damaged" in shown.output
    assert daskloop("resume", name).exit_code == 3


def test_prune_removes_what_ended_well_and_asks_about_the_rest(folder):
    good, bad = run(), run("-p", "breaks=9")
    pruned = daskloop("runs", "--prune")
    assert pruned.exit_code == 0
    count, _, _, freed, *_ = pruned.output.split()
    assert count == "1" and int(freed) > 10_000
    assert not (folder / ".daskloop" / good).exists()

    kept = daskloop("runs", "--prune", "--older-than", "0s", says="n\n")
    assert f"{bad}  failed, " in kept.output and "0 runs removed" in kept.output
    unanswered = daskloop("runs", "--prune", "--older-than", "0s")
    assert "They are kept. --yes removes them" in unanswered.output
    young = daskloop("runs", "--prune", "--yes")
    assert "0 runs removed" in young.output

    pruned = daskloop("runs", "--prune", "--older-than", "0s", "--yes")
    assert "1 run removed" in pruned.output
    assert not (folder / ".daskloop" / bad).exists()


def test_prune_removes_payloads_that_lie_elsewhere(folder):
    text = (folder / "fib.py").read_text()
    (folder / "fib.py").write_text(text.replace("return pair.fib", "return bytes(100_000)"))
    daskloop(*FIB, "--store", "elsewhere")
    assert list((folder / "elsewhere").glob("*/payloads/*"))
    pruned = daskloop("runs", "--prune", "--older-than", "0s", "--yes")
    assert int(pruned.output.split()[3]) > 100_000
    assert not list((folder / "elsewhere").glob("*/payloads/*"))


def test_prune_keeps_a_run_that_was_resumed_since_it_was_listed(folder):
    text = (folder / "fib.py").read_text()
    (folder / "fib.py").write_text(text.replace("return pair.fib", "return bytes(100_000)"))
    name = run_named(daskloop(*FIB, "--store", "elsewhere", "-p", "breaks=9").output)
    shelf = open_shelf(None)
    (listed,) = shelf.journal.runs()
    (folder / "mended").touch()
    stores = {path for path in (folder / "elsewhere").rglob("*") if path.is_file()}
    assert stores
    with started("resume", name, "--executor", "inline", cwd=folder, seconds=30) as resumed:
        resumed.wait_for("begun")
        with CliRunner().isolation() as streams:
            prune(shelf, [listed], "0s", yes=True)
            said = streams[0].getvalue().decode() + streams[1].getvalue().decode()
    assert f"{name} is kept: " in said and f"process {resumed.process.pid}" in said
    assert "0 runs removed, 0 bytes freed" in said
    assert {path for path in stores if path.is_file()} == stores
    assert (folder / ".daskloop" / name / "run.sqlite").is_file()


@pytest.mark.parametrize(
    "words", [("--yes",), ("--older-than", "7d"), ("--prune", "--older-than", "soon")]
)
def test_options_of_prune_are_checked(words):
    assert daskloop("runs", *words).exit_code == 2


def test_show_tells_how_a_run_stands(folder):
    name = run("-p", "breaks=9")
    shown = daskloop("show", name).output
    assert f"run       {name}" in shown
    assert f"flow      fibs   {folder}/fib.py:flow" in shown
    assert "status    failed: Some reference tasks failed." in shown
    assert f"owner     process {os.getpid()} on " in shown
    assert "ms = [10, 100]" in shown
    assert "large x2  1 Success, 1 Failed  15 iterations" in shown
    assert "large[1]: Failed at iteration 9, try 2: " in shown and "no number 9" in shown
    assert f"continue: daskloop resume {name}" in shown


def test_show_lists_the_children_of_a_map_and_the_attempts_of_one():
    name = run("-p", "breaks=9")
    children = daskloop("show", name, "large").output.splitlines()
    assert [text.split()[:3] for text in children[1:]] == [
        ["large[0]", "Success", "7"],
        ["large[1]", "Failed", "9"],
    ]
    attempts = daskloop("show", name, "large-1[1]").output
    assert "large[1]: Failed, 8 iterations done" in attempts
    assert "Fib 8=21" in attempts and "Pair(n=9, fib=21)" in attempts
    assert [
        text.split()[2] for text in attempts.splitlines() if text.lstrip().startswith("9 ")
    ] == [
        "Failed",
        "Retrying",
        "Failed",
    ]
    assert "last traceback (iteration 9, try 2):" in attempts
    one = daskloop("show", name, "large[1]@3").output
    assert "Fib 3=2" in one and "Fib 4" not in one


@pytest.mark.parametrize(
    ("task", "says"),
    [
        ("large[2]", "has 2 children, counted from 0"),
        ("large[1]@30", "has no record of iteration 30"),
        ("large@3", "say which child"),
        ("larg", "The nearest are: large"),
    ],
)
def test_show_refuses_what_is_not_there(task, says):
    refused = daskloop("show", run(), task)
    assert refused.exit_code == 2 and says in refused.output


def test_show_as_json():
    name = run("-p", "breaks=9")
    found = json.loads(daskloop("show", name, "--json").output)
    assert found["run"] == name
    assert found["parameters"][0] == {
        "name": "ms",
        "secret": False,
        "preview": "[10, 100]",
        "json": "[10,100]",
        "length": 2,
    }
    large = found["tasks"][0]
    assert (large["slug"], large["width"]) == ("large-1", 2)
    assert large["states"] == {"Success": 1, "Failed": 1}
    assert found["failed"][0]["error"]["text"] == "no number 9"
    child = json.loads(daskloop("show", name, "large[0]", "--json").output)["children"][0]
    assert child["attempts"][-1]["json"] == "8"


def test_a_secret_value_is_nowhere(folder):
    words = ("run", "secret.py", "-p", "token=hunter2", "--executor", "inline")
    name = run_named(daskloop(*words).output)
    shown = daskloop("show", name).output + daskloop("show", name, "--json").output
    assert "token = (secret)" in shown and "hunter2" not in shown
    files = [path for path in (folder / ".daskloop").rglob("*") if path.is_file()]
    assert not any(b"hunter2" in path.read_bytes() for path in files)


def test_nothing_is_unpickled_and_no_control_character_printed(folder):
    (folder / "evil.py").write_text(
        "import os\n"
        "from daskloop import Flow, task\n"
        "class Trap:\n"
        "    def __reduce__(self):\n"
        "        return os.mkdir, ('sprung',)\n"
        "    def __repr__(self):\n"
        "        return chr(27) + '[31mred'\n"
        "@task\n"
        "def lay():\n"
        "    return Trap()\n"
        "with Flow('evil') as flow:\n"
        "    lay()\n"
    )
    name = run_named(daskloop("run", "evil.py", "--executor", "inline").output)
    assert not (folder / "sprung").exists()
    for words in ((name,), (name, "--json"), (name, "lay"), (name, "lay", "--json")):
        shown = daskloop("show", *words)
        assert shown.exit_code == 0
        assert "\x1b" not in shown.output
    assert daskloop("runs").exit_code == 0
    assert not (folder / "sprung").exists()


def test_prune_frees_what_an_abandoned_run_holds_on_its_scheduler(folder, monkeypatch):
    name = run("-p", "breaks=9")
    shelf = open_shelf(None)
    (summary,) = shelf.journal.runs()
    left = replace(summary, owner=replace(summary.owner, scheduler="tcp://127.0.0.1:1"), epoch=3)
    asked = []

    def let_go(scheduler, run, epochs):
        asked.append((scheduler, run, epochs))
        raise OSError("no answer within 1 s")

    monkeypatch.setattr("daskloop.executors.hold.let_go", let_go)
    with CliRunner().isolation() as streams:
        prune(shelf, [left], "0s", yes=True)
        said = streams[0].getvalue().decode() + streams[1].getvalue().decode()
    assert asked == [("tcp://127.0.0.1:1", name, 3)]
    assert "the scheduler at tcp://127.0.0.1:1 does not answer" in said
    assert "1 run removed" in said and not (folder / ".daskloop" / name).exists()


WIDE = """
from daskloop import Flow, Parameter, again, task
from daskloop.engine.signals import SKIP


@task
def odd(x):
    if x % 2:
        raise ValueError(f"odd {x}")
    return x


@task
def skip():
    raise SKIP("no need")


@task
def pair():
    return {"a": 1}


@task(max_loops=2)
def ever(n=0):
    return again(n=n + 1)


with Flow("wide") as flow:
    odd.map(list(range(250)))
    pair()["a"] + 1
    skip(), ever()

with Flow("nothing") as nothing:
    Parameter("x", default=1)
"""


@pytest.fixture
def wide(folder):
    """Output of a run of 250 children, of which half failed."""
    (folder / "wide.py").write_text(WIDE)
    return daskloop("run", "wide.py:flow", "--executor", "inline")


def test_show_lists_200_children_of_a_wide_map_and_counts_the_rest(wide):
    lines = daskloop("show", run_named(wide.output), "odd").output.splitlines()
    assert len(lines) == 202 and lines[-1] == "… 50 more"
    assert lines[200].split()[:2] == ["odd[199]", "Failed"]


def test_show_as_json_has_every_child_of_a_wide_map(wide):
    found = json.loads(daskloop("show", run_named(wide.output), "odd", "--json").output)
    assert (found["width"], len(found["children"])) == (250, 250)
    last = found["children"][-1]
    assert (last["name"], last["state"], last["attempts"][0]["error"]["text"]) == (
        "odd[249]",
        "Failed",
        "odd 249",
    )


def test_show_lists_five_failures_and_counts_the_rest(wide):
    lines = daskloop("show", run_named(wide.output)).output.splitlines()
    first = lines.index("failures") + 1
    assert [text.split(":")[0].strip() for text in lines[first : first + 6]] == [
        *(f"odd[{n}]" for n in (1, 3, 5, 7, 9)),
        "… 121 more",
    ]
    assert (
        len(json.loads(daskloop("show", run_named(wide.output), "--json").output)["failed"]) == 126
    )


def test_the_end_of_a_run_shows_what_came_of_each_kind_of_task(wide):
    assert wide.exit_code == 1
    rows = {text.split()[0]: text for text in wide.output.splitlines() if "iteration" in text}
    assert "125 Success, 125 Failed" in rows["odd"] and "[0, ValueError: odd 1, 2" in rows["odd"]
    assert rows["skip"].endswith("SKIP('no need')") and rows["Add"].endswith("  2")
    assert "LoopLimit: the loop of ever reached" in rows["ever"]


def test_a_run_of_parameters_only_ends_well_and_is_shown(folder):
    (folder / "wide.py").write_text(WIDE)
    ended = daskloop("run", "wide.py:nothing", "--executor", "inline", "-p", "x=7")
    assert ended.exit_code == 0
    shown = daskloop("show", run_named(ended.output))
    assert shown.exit_code == 0 and "x = 7" in shown.output
    assert "status    success" in shown.output
