"""`debug` makes one attempt again, with what it had."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.commands import daskloop, run_named

FIB = ("run", "fib.py", "-p", "ms=[10, 100]", "--executor", "inline")

SEES = """
import daskloop
from daskloop import Flow, Parameter, flatten, task, unmapped
from daskloop.engine.signals import LOOP, SKIP

calls = []


def note(task, old, new):
    calls.append(new)


@task(state_handlers=[note])
def pair(x):
    return [x, x + 1]


@task(max_retries=2, retry_delay=0, on_loop=lambda task, state: calls.append(state))
def walk(x, whole, constant):
    seen = daskloop.context
    so_far = seen.get("task_loop_result", (0,))
    if len(so_far) == 3 and seen.task_run_count == 1:
        raise ValueError("not at once")
    if len(so_far) == 4:
        return [x, whole, constant, seen.map_index, seen.get("task_loop_count"),
                seen.task_run_count, seen.parameters["base"], seen.run_id]
    raise LOOP("on", so_far + (x,))


@task
def skipped():
    raise SKIP("no need")


@task(trigger=daskloop.triggers.all_finished)
def gather(found, one):
    return len(found), one


with Flow("sees") as flow:
    base = Parameter("base", default=10)
    pairs = pair.map([1, base])
    walked = walk.map(flatten(pairs), unmapped(base), constant=unmapped({"k": (1, 2)}))
    skipped()
    gathered = gather(walked, pairs[0])
"""


@pytest.fixture
def sees(folder):
    """Name of a run whose tasks tell what they see."""
    (folder / "sees.py").write_text(SEES)
    return run_named(daskloop("run", "sees.py", "--executor", "inline").output)


def last(output):
    return output.splitlines()[-1]


def test_an_iteration_gets_its_payload_and_says_what_it_hands_on():
    name = run_named(daskloop(*FIB).output)
    made = daskloop("debug", name, "large[1]@9", "--no-pdb")
    assert made.exit_code == 0
    lines = made.output.splitlines()
    assert lines[0] == "large[1] at iteration 9, try 1: (breaks=0, M=100)"
    assert lines[1:] == [
        "payload: Pair(n=9, fib=21)",
        "recorded: Looped: Fib 9=34",
        "LOOP: Fib 9=34",
        "payload of the next iteration: Pair(n=10, fib=34)",
    ]


def test_without_an_iteration_it_is_the_last_one():
    name = run_named(daskloop(*FIB).output)
    made = daskloop("debug", name, "large[1]", "--no-pdb")
    assert "at iteration 12, try 1" in made.output and last(made.output) == "returned: 89"
    made = daskloop("debug", name, "total", "--no-pdb")
    assert "(numbers=[8, 89])" in made.output and last(made.output) == "returned: 97"


def test_a_failure_is_shown_from_the_users_code_on_and_is_code_1(folder):
    name = run_named(daskloop(*FIB, "-p", "breaks=9").output)
    made = daskloop("debug", name, "large[1]@9", "--no-pdb")
    assert made.exit_code == 1
    assert "try 2" in made.output.splitlines()[0]
    assert last(made.output).endswith("Broken: no number 9")
    assert f'{folder}/fib.py", line' in made.output and "debug.py" not in made.output
    (folder / "mended").touch()
    made = daskloop("debug", name, "large[1]@9", "--no-pdb")
    assert made.exit_code == 0 and last(made.output).endswith("Pair(n=10, fib=34)")


def test_it_sees_what_the_attempt_saw(sees):
    made = daskloop("debug", sees, "walk[3]", "--no-pdb")
    expected = [11, 10, {"k": (1, 2)}, 3, 4, 1, 10, sees]
    assert last(made.output) == f"returned: {expected}", made.output
    again = daskloop("debug", sees, "walk[3]@3", "--no-pdb")
    assert "try 2" in again.output and "payload: (0, 11, 11)" in again.output
    assert last(again.output) == "payload of the next iteration: (0, 11, 11, 11)"


def test_what_comes_before_a_task_is_taken_from_the_record(sees):
    assert last(daskloop("debug", sees, "gather", "--no-pdb").output) == "returned: (4, [1, 2])"
    assert last(daskloop("debug", sees, "pair[1]", "--no-pdb").output) == "returned: [10, 11]"
    assert last(daskloop("debug", sees, "skipped", "--no-pdb").output) == "SKIP: no need"


def test_the_last_life_of_a_loop_that_was_taken_back_counts(folder):
    name = run_named(daskloop(*FIB).output)
    daskloop("resume", name, "--only", "large[1]", "--from", "4", "--executor", "inline")
    for iteration in (3, 4, 12):
        made = daskloop("debug", name, f"large[1]@{iteration}", "--no-pdb")
        assert f"payload: Pair(n={iteration}, " in made.output, made.output


@pytest.mark.parametrize(
    ("target", "code", "says"),
    [
        ("large[1]@13", 3, "was never reached: the last that can be called is 12"),
        ("large[7]", 3, "was never called"),
        ("large", 2, "is mapped: say which child"),
        ("larg[1]", 2, "The nearest are: large"),
    ],
)
def test_what_was_never_called_is_refused(target, code, says):
    name = run_named(daskloop(*FIB).output)
    refused = daskloop("debug", name, target, "--no-pdb")
    assert refused.exit_code == code and says in refused.output, refused.output


@pytest.mark.parametrize(
    ("typed", "says", "last_line"),
    [
        ("p M, daskloop.context.task_loop_count\nc\n", "(100, 9)", "Pair(n=10, fib=34)"),
        ("q\n", "(Pdb)", "left the debugger"),
    ],
)
def test_under_pdb_it_stops_at_the_first_line(folder, typed, says, last_line):
    name = run_named(daskloop(*FIB).output)
    made = subprocess.run(
        [sys.executable, "-m", "daskloop", "debug", name, "large[1]@9"],
        input=typed,
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    assert "-> pair = daskloop.context.get" in made.stdout
    assert says in made.stdout
    assert last(made.stdout).endswith(last_line)


def test_pickles_that_others_could_have_written_are_opened_only_when_asked_to(folder):
    name = run_named(daskloop(*FIB).output)
    os.chmod(folder / ".daskloop" / name, 0o770)
    for command in (("debug", name, "large[1]", "--no-pdb"), ("resume", name)):
        refused = daskloop(*command)
        assert refused.exit_code == 3 and "others may write to it" in refused.output
        assert daskloop(*command, "--trust").exit_code == 0
    assert daskloop("show", name).exit_code == 0


def test_nothing_is_written_to_the_journal(folder):
    name = run_named(daskloop(*FIB).output)
    place = folder / ".daskloop" / name
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    daskloop("debug", name, "large[1]@9", "--no-pdb")
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


ENDS = """
import asyncio
import sys

import daskloop
from daskloop import Flow, again, loop_flow, task
from daskloop.engine.signals import FAIL


class Mute:
    def __repr__(self):
        raise RuntimeError("no words")


@task
async def wait(x):
    await asyncio.sleep(0)
    seen = x + 1
    return seen


@task
def leave():
    sys.exit(0)


@task
def walk(x, n=0):
    daskloop.context.logger.info("at %s", n)
    return [x, n] if n == 2 else again(n=n + 1, message=f"after {n}")


@task(until=0.1)
def closer(n=1.0):
    return again(n=n / 4, metric=n)


@task
def mute():
    return Mute()


@task
def given_up():
    raise FAIL("no more")


@task
def add(n):
    return n + 1


@loop_flow
def grow(n):
    more = add(n)
    return again(n=more).until(more > 2, result=more)


with Flow("ends") as flow:
    wait(1), leave(), walk("x"), closer(), mute(), given_up(), grow(0)
"""


@pytest.fixture
def ends(folder):
    """Name of a run whose tasks end in many ways."""
    (folder / "ends.py").write_text(ENDS)
    return run_named(daskloop("run", "ends.py", "--executor", "inline").output)


def under_pdb(folder, name, target, typed):
    return subprocess.run(
        [sys.executable, "-m", "daskloop", "debug", name, target],
        input=typed,
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )


def test_l19_an_iteration_gets_the_fields_of_the_one_before_as_arguments(ends):
    made = daskloop("debug", ends, "walk@2", "--no-pdb")
    assert made.exit_code == 0
    assert made.output.splitlines() == [
        "walk at iteration 2, try 1: (x='x', n=1)",
        "payload: {'n': 1}",
        "recorded: Looped: after 1",
        "again: after 1",
        "payload of the next iteration: {'n': 2}",
    ]
    assert last(daskloop("debug", ends, "walk", "--no-pdb").output) == "returned: ['x', 2]"


def test_l21_a_coroutine_is_run_to_its_end(ends):
    made = daskloop("debug", ends, "wait", "--no-pdb")
    assert made.exit_code == 0 and last(made.output) == "returned: 2"


@pytest.mark.parametrize(
    ("typed", "says", "last_line"),
    [
        ("n\nn\np seen\nc\n", "-> seen = x + 1", "returned: 2"),
        ("q\n", "-> await asyncio.sleep(0)", "left the debugger"),
    ],
)
def test_under_pdb_a_coroutine_stops_at_its_own_first_line(folder, ends, typed, says, last_line):
    made = under_pdb(folder, ends, "wait", typed)
    stops = [text for text in made.stdout.splitlines() if text.startswith("-> ")]
    assert stops[0] == "-> await asyncio.sleep(0)" and says in made.stdout, made.stdout
    assert last(made.stdout).endswith(last_line) and made.returncode == 0, made.stderr


def test_a_task_that_exits_is_a_failure_that_is_shown(folder, ends):
    made = daskloop("debug", ends, "leave", "--no-pdb")
    assert made.exit_code == 1 and last(made.output) == "SystemExit: 0"
    assert "debug.py" not in made.output and "runners.py" not in made.output


def test_after_an_exception_pdb_is_where_it_was_raised(folder, ends):
    made = under_pdb(folder, ends, "leave", "c\np 'still ' + 'here'\nq\n")
    traceback, _, after = made.stdout.partition("SystemExit: 0\n")
    assert "Traceback" in traceback and "-> sys.exit(0)" in after
    assert "'still here'" in after and made.returncode == 1


def test_what_fails_by_a_signal_is_code_1(ends):
    made = daskloop("debug", ends, "given_up", "--no-pdb")
    assert made.exit_code == 1 and last(made.output) == "FAIL: no more"


def test_a_result_that_has_no_repr_is_shown_by_its_class(ends):
    made = daskloop("debug", ends, "mute", "--no-pdb")
    assert made.exit_code == 0 and last(made.output).startswith("returned: <Mute instance at ")


def test_of_a_loop_that_reached_its_goal_the_last_iteration_is_the_last_that_was_called(ends):
    made = daskloop("debug", ends, "closer", "--no-pdb")
    assert made.exit_code == 0, made.output
    assert made.output.startswith("closer at iteration 3, try 1: (n=0.0625)")
    refused = daskloop("debug", ends, "closer@4", "--no-pdb")
    assert refused.exit_code == 3
    assert "was never called: its loop was over by then" in refused.output


def test_a_loop_flow_is_refused_since_its_iterations_are_several_tasks(ends):
    for target in ("grow", "grow@2"):
        refused = daskloop("debug", ends, target, "--no-pdb")
        assert refused.exit_code == 3 and "grow is a loop flow" in refused.output


def test_a_parameter_that_nothing_is_known_of_has_to_be_given(folder):
    run = ("run", "secret.py", "-p", "token=abc", "--executor", "inline")
    name = run_named(daskloop(*run).output)
    refused = daskloop("debug", name, "use", "--no-pdb")
    assert refused.exit_code == 2 and "'token'" in refused.output
    assert "-p NAME=VALUE" in refused.output
    made = daskloop("debug", name, "use", "--no-pdb", "-p", "token=abcd")
    assert made.exit_code == 0 and last(made.output) == "returned: 6"


QUOTES = """
from daskloop import Flow, Parameter, task, unmapped
from daskloop.engine.signals import FAIL, LOOP

import daskloop


@task
def crawl(x, token):
    so_far = daskloop.context.get("task_loop_result")
    if so_far is None:
        raise LOOP(f"asked with {token}", result={"url": f"http://host/?t={token}"})
    if x == 0:
        raise ValueError(f"401 for {token}")
    if x == 1:
        raise FAIL(f"no {token}")
    return [token] * 2


with Flow("quotes") as flow:
    crawl.map([0, 1, 2], unmapped(Parameter("token", secret=True)))
"""


@pytest.mark.parametrize(
    "token", ["hunter22", "it's \"22", "long" * 100], ids=["short", "quotes", "cut"]
)
def test_p5_secret_values_are_hidden_in_all_that_is_printed(folder, token):
    (folder / "quotes.py").write_text(QUOTES)
    (folder / "tok").write_text(token)
    given = ("-p", "token=@tok")
    name = run_named(daskloop("run", "quotes.py", *given, "--executor", "inline").output)
    for target, says in (
        ("crawl[2]@1", "LOOP: asked with •••"),
        ("crawl[0]@2", "ValueError: 401 for •••"),
        ("crawl[1]@2", "FAIL: no •••"),
        ("crawl[2]@2", "returned: ['•••', '•••']"),
    ):
        made = daskloop("debug", name, target, "--no-pdb", *given)
        assert says in made.output, made.output
        assert "token='•••" in made.output.splitlines()[0], made.output
        assert token[:6] not in made.output and token[-6:] not in made.output, made.output
        assert ("payload: {'url': 'http" in made.output) == target.endswith("@2"), made.output
