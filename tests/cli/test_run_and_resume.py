"""`run` and `resume`, inline: what they print, what they record, how they exit."""

from __future__ import annotations

import json

import dask
import pytest
from distributed import LocalCluster

from daskloop.cli.load_flow import load_flow
from tests.cli.commands import daskloop, run_named
from tests.notify.receiver import receiver

MS = ("-p", "ms=[10, 100, 1000]")
INLINE = ("--executor", "inline")


def run(*words):
    return daskloop("run", "fib.py", *MS, *INLINE, *words)


def called(folder):
    """List the iterations that were really called."""
    return (folder / "called").read_text().splitlines()


def test_a_run_prints_where_it_is_recorded_and_a_line_for_each_task(folder):
    ended = run()
    assert ended.exit_code == 0
    name = run_named(ended.output)
    assert ended.output.splitlines()[0].endswith(f"run {name} · inline")
    assert "journal .daskloop" in ended.output
    assert "large x3  3 Success  36 iterations  [8, 89, 987]" in ended.output
    assert "total     Success    1 iteration    1084" in ended.output
    assert (folder / ".daskloop" / name / "run.sqlite").is_file()


def test_what_a_merge_hands_on_is_printed_as_its_value_and_a_secret_is_not(folder):
    (folder / "merged.py").write_text(
        "from daskloop import Flow, Parameter, case, task\n"
        "from daskloop.tasks.control_flow import merge\n"
        "@task\n"
        "def give(value):\n"
        "    return value\n"
        "with Flow('merged') as flow:\n"
        "    token, user = Parameter('token', secret=True), Parameter('user')\n"
        "    with case(give(1), 2):\n"
        "        never = give(3)\n"
        "    for number, branch in enumerate(\n"
        "        (5, user, token, [user, 6], user + '!', give('made'), give.map([6]))\n"
        "    ):\n"
        "        merge(never, branch, name=f'merge-{number}')\n"
        "    merge(never, merge(never, token), name='merge-twice')\n"
    )
    ended = daskloop("run", "merged.py", "-p", "token=hunter2", "-p", "user=me", *INLINE)
    assert ended.exit_code == 0, ended.output
    assert "hunter2" not in ended.output
    rows = [line.split("iterations") for line in ended.output.splitlines() if "merge-" in line]
    taken = "computed where it is taken)"
    assert [shown.strip() for _, shown in rows] == [
        "5", "'me'", "•••", f"(merge-3, {taken}", f"(Add, {taken}", "'made'", f"(merge-6, {taken}",
        "•••",
    ]  # fmt: skip


def test_quiet_prints_nothing_if_all_is_well():
    assert run("--quiet").output == ""


def test_no_journal_keeps_nothing(folder):
    ended = run("--no-journal")
    assert ended.exit_code == 0 and "journal" not in ended.output
    assert not (folder / ".daskloop").exists()


def test_the_message_about_a_failure_says_where_why_from_what_and_how_to_go_on(folder):
    ended = run("-p", "breaks=9", "--quiet")
    assert ended.exit_code == 1
    number = (folder / "fib.py").read_text().partition("raise Broken")[0].count("\n") + 1
    (name,) = {text.split()[3] for text in ended.output.splitlines() if "resume" in text}
    assert ended.output.splitlines() == [
        "✖ large[1] (M=100) failed at iteration 9, try 2 of 2",
        f"  Broken: no number 9          fib.py:{number} in large",
        "  payload when iteration 9 began: Pair(n=9, fib=21)",
        "  Iterations 1–8 are safe in the journal; [0] is done.",  # noqa: RUF001
        "✖ large[2] (M=1000) failed at iteration 9, try 2 of 2",
        f"  Broken: no number 9          fib.py:{number} in large",
        "  payload when iteration 9 began: Pair(n=9, fib=21)",
        "  Iterations 1–8 are safe in the journal; [0] is done.",  # noqa: RUF001
        f"    continue:   daskloop resume {name}            the 2 that failed, each from the "
        "iteration it failed at",
        f"    look at it: daskloop debug {name} 'large[1]@9'",
    ]


MANY = """
from daskloop import Flow, again, loop_flow, task


@task
def five():
    return 5


@task
def over(x):
    return x


@loop_flow
def grow(n):
    more = over(n)
    return again(n=more).until(1 / more > 2, result=more)


@task
def walk(x, n=1):
    if n == x:
        raise ValueError(f"no {n}")
    return again(n=n + 1)


with Flow("many") as flow:
    over.map(five())
    grow(0)

with Flow("more") as more:
    over.map(five())
    walk.map([2, 1, 2, 3, 4, 5])
    walk(1)
"""


def test_of_a_map_as_a_whole_and_a_loop_flow_there_is_no_call_to_look_at(folder):
    (folder / "many.py").write_text(MANY)
    ended = daskloop("run", "many.py:flow", *INLINE, "--quiet")
    assert ended.exit_code == 1
    assert "✖ over failed\n  MapError: argument 'x' of 'over'" in ended.output
    assert "✖ grow failed at iteration 1" in ended.output
    assert "continue:   daskloop resume" in ended.output and "look at it" not in ended.output


def test_of_many_failures_five_are_told_and_the_first_that_was_called_can_be_looked_at(folder):
    (folder / "many.py").write_text(MANY)
    ended = daskloop("run", "many.py:more", *INLINE, "--quiet")
    lines = ended.output.splitlines()
    assert [text.split(" failed")[0] for text in lines if text.startswith("✖")] == [
        "✖ over",
        "✖ walk[0]",
        "✖ walk[1]",
        "✖ walk[2]",
        "✖ walk[3]",
        "✖ 3 more",
    ]
    assert lines[lines.index("✖ walk[0] failed at iteration 2, try 1 of 1") + 3] == (
        "  Iteration 1 is safe in the journal."
    )
    assert "the 8 that failed, each from the iteration it failed at" in lines[-2]
    name = lines[-2].split()[3]
    assert lines[-1] == f"    look at it: daskloop debug {name} 'walk-1[0]@2'"
    made = daskloop("debug", name, "walk-1[0]@2", "--no-pdb")
    assert made.exit_code == 1 and made.output.splitlines()[-1] == "ValueError: no 2"


def test_without_a_journal_a_failure_offers_nothing_to_continue():
    ended = run("-p", "breaks=9", "--quiet", "--no-journal")
    assert ended.exit_code == 1
    assert "✖ large[1] (M=100) failed at iteration 9" in ended.output
    assert "resume" not in ended.output and "safe" not in ended.output


def test_a_failed_run_goes_on_from_the_iteration_that_failed(folder):
    name = run_named(run("-p", "breaks=9").output)
    before = called(folder)
    (folder / "mended").touch()
    ended = daskloop("resume", name, *INLINE)
    assert ended.exit_code == 0, ended.output
    assert "[8, 89, 987]" in ended.output
    assert called(folder)[len(before)] == "100 9"
    assert len(called(folder)) == len(set(called(folder))) == 7 + 12 + 17


def test_a_finished_run_gives_its_results_and_calls_nothing(folder):
    name = run_named(run().output)
    before = called(folder)
    ended = daskloop("resume", name)
    assert ended.exit_code == 0 and "1084" in ended.output
    assert called(folder) == before


def test_one_loop_is_taken_back_to_an_iteration(folder):
    name = run_named(run().output)
    before = called(folder)
    ended = daskloop("resume", name, "--only", "large[1]", "--from", "11", *INLINE)
    assert ended.exit_code == 0 and "1084" in ended.output
    assert called(folder)[len(before) :] == ["100 11", "100 12"]


def test_changed_code_is_asked_about(folder):
    name = run_named(run("-p", "breaks=9").output)
    text = (folder / "fib.py").read_text()
    (folder / "fib.py").write_text(text.replace("pair.n == breaks", "False"))
    refused = daskloop("resume", name, *INLINE)
    assert refused.exit_code == 3 and "--allow-code-change" in refused.output
    ended = daskloop("resume", name, "--allow-code-change", *INLINE)
    assert ended.exit_code == 0 and "1084" in ended.output


def test_a_run_begun_in_python_is_told_how_to_be_resumed():
    flow = load_flow("secret.py").flow
    flow.run(token="abc", journal=".daskloop", executor="inline")
    name = json.loads(daskloop("runs", "--json").output)[0]["run"]
    refused = daskloop("resume", name)
    assert refused.exit_code == 3
    assert f"flow.run(journal='.daskloop', resume='{name}')" in refused.output
    assert f"daskloop resume {name} FILE:FLOW" in refused.output
    ended = daskloop("resume", name, "secret.py", "-p", "token=abc")
    assert ended.exit_code == 0


def test_a_secret_parameter_has_to_be_given_again():
    name = run_named(daskloop("run", "secret.py", "-p", "token=abc", *INLINE).output)
    refused = daskloop("resume", name)
    assert refused.exit_code == 2 and "'token'" in refused.output
    assert daskloop("resume", name, "-p", "token=abc").exit_code == 0


def test_another_journal_is_named_in_every_command_to_type(folder):
    ended = run("-p", "breaks=9", "--journal", "a b", "--quiet")
    assert ended.output.count("--journal 'a b'") == 2
    assert (folder / "a b").is_dir()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("run", "fib.py", *INLINE), 2, "has no value for the parameter 'ms'"),
        (("run", "fib.py", *MS, "-p", "braks=3", *INLINE), 2, "did you mean 'breaks'?"),
        (("run", "fib.py", *MS, "-p", "breaks=x"), 2, "'x' is not a whole number"),
        (("run", "fib.py", *MS, "--executor", "thraeds"), 2, "Did you mean 'threads'?"),
        (("run", "fib.py", *MS, *INLINE, "--workers", "2"), 2, "workers=2 cannot apply"),
        (("run", "fib.py", *MS, "--workers", "0"), 2, "--workers"),
        (("run", "nothing.py"), 2, "There is no file 'nothing.py'"),
        (("run", "fib.py", *MS, "--journal", "s3://x"), 2, "is a URL"),
        (("run", "fib.py", "--journal", "x", "--no-journal"), 2, "Leave one out"),
        (("run", "fib.py", *MS, "--journal", "fib.py", *INLINE), 3, "fib.py"),
        (("resume", "quiet-heron-00000000"), 3, "there is no journal '.daskloop' here"),
        (("resume", "quiet-heron-00000000", "--from", "3"), 2, "--from goes with --only"),
        (("cancel", "quiet-heron-00000000"), 3, "there is no journal"),
        (("show", "quiet-heron-00000000", "--journal", "x"), 3, "there is no journal 'x' here"),
        (("walk",), 2, "No such command"),
    ],
)
def test_what_cannot_be_is_refused_with_a_text(words, code, says):
    refused = daskloop(*words)
    assert refused.exit_code == code, refused.output
    assert says in " ".join(refused.output.split())


def test_an_unknown_run_is_answered_with_the_nearest():
    name = run_named(run().output)
    for command in ("resume", "show", "cancel"):
        refused = daskloop(command, name[:-1])
        assert refused.exit_code == 3 and f"The nearest are: {name}" in refused.output


def test_a_scheduler_that_does_not_answer_is_code_3(monkeypatch):
    monkeypatch.setenv("DASK_DASKLOOP__CONNECT_TIMEOUT", "1s")
    import dask.config

    with dask.config.set({"daskloop.connect-timeout": "0.5s"}):
        refused = daskloop("run", "fib.py", *MS, "--executor", "tcp://127.0.0.1:1", "--quiet")
    assert refused.exit_code == 3
    assert "127.0.0.1:1" in refused.output
    lines = refused.output.splitlines()
    assert lines[-2].startswith("The run is recorded. To continue: daskloop resume ")
    command = lines[-2].partition("continue: ")[2]
    assert lines[-1] == f"Without that scheduler: {command} --executor threads"
    ended = daskloop(*command.split()[1:], "--executor", "threads")
    assert ended.exit_code == 0 and "1084" in ended.output, ended.output


@pytest.fixture
def cluster():
    """A cluster at an address, as others start it."""
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False}
    place = {"host": "tcp://127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**options, **place) as started:
        yield started


def test_a_scheduler_that_a_run_was_on_is_used_again_while_it_lives(folder, cluster):
    address = cluster.scheduler_address
    begun = daskloop("run", "fib.py", *MS, "-p", "breaks=9", "--executor", address)
    assert begun.exit_code == 1, begun.output
    name = run_named(begun.output)
    again = daskloop("resume", name)
    assert again.exit_code == 1
    assert again.output.splitlines()[0].endswith(f"run {name} · the scheduler at {address}")
    cluster.close()
    (folder / "mended").touch()
    ended = daskloop("resume", name)
    assert ended.exit_code == 0 and "1084" in ended.output
    first, second = ended.output.splitlines()[:2]
    assert second.endswith(f"run {name} · local Dask, threads")
    assert first.startswith(f"the scheduler at {address} is gone (")
    assert first.endswith("): going on without it")


def test_another_executor_may_be_named_though_the_scheduler_of_a_run_lives(folder, cluster):
    address = cluster.scheduler_address
    begun = daskloop("run", "fib.py", *MS, "-p", "breaks=9", "--executor", address)
    (folder / "mended").touch()
    ended = daskloop("resume", run_named(begun.output), *INLINE)
    assert ended.exit_code == 0 and ended.output.splitlines()[0].endswith("· inline")


def test_a_run_that_is_over_cannot_be_cancelled():
    name = run_named(run().output)
    refused = daskloop("cancel", name)
    assert refused.exit_code == 3 and "its status is success" in refused.output


def test_the_log_may_be_lines_of_json():
    ended = run("--log-format", "json")
    lines = [json.loads(text) for text in ended.output.splitlines() if text.startswith("{")]
    assert {line["event"] for line in lines} >= {"RunStarted", "ChildEnded", "RunEnded"}
    assert {line["run"] for line in lines} == {run_named(ended.output)}


def test_a_configured_format_of_the_log_that_is_none_is_refused():
    with dask.config.set({"daskloop.log-format": "xml"}):
        ended = run()
    assert ended.exit_code == 2
    assert "Config daskloop.log-format is 'xml'. Write text or json." in ended.output


def test_somebody_may_be_told_of_a_run_and_of_its_going_on():
    with receiver() as hook:
        ended = run("-p", "breaks=9", "--quiet", "--notify", hook.url)
        assert ended.exit_code == 1
        name = hook.posted[0]["run"]
        daskloop("resume", name, *INLINE, "--quiet", "--notify", hook.url)
    assert [body["run"] for body in hook.posted] == [name, name]
    assert "no number 9" in hook.posted[0]["text"]


def test_somebody_who_is_not_known_is_refused():
    ended = run("--notify", "nobody")
    assert ended.exit_code == 2
    assert "there is no 'nobody' in the configuration daskloop.notifiers" in ended.output
