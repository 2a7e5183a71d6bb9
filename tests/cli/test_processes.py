"""Commands as processes: stopped, terminated, killed and resumed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.commands import daskloop, run_named, started

FIB = ("run", "fib.py", "-p", "ms=[10, 100, 1000]")
RESULT = "[8, 89, 987]"


def called(folder):
    path = folder / "called"
    return path.read_text().splitlines() if path.exists() else []


def begun(running, folder, count=6):
    """Wait until some iterations are called, and return the name of the run."""
    running.wait_for(lambda: len(called(folder)) >= count and "journal" in running.text)
    return run_named(running.text)


def test_processes_need_no_main_guard(folder):
    with started(
        *FIB, "--executor", "processes", "--workers", "2", cwd=folder, seconds=0
    ) as running:
        assert running.end() == 0, running.text
    assert RESULT in running.text and "local Dask, 2 processes" in running.text


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_signal_lets_running_iterations_end_and_says_how_to_continue(folder, number, code, word):
    with started(*FIB, "--executor", "threads", cwd=folder) as running:
        name = begun(running, folder)
        running.signal(number)
        assert running.end() == code, running.text
    assert f"stopping after the running iterations ({word} again: now)" in running.text
    assert f"continue:   daskloop resume {name}" in running.text
    ended = daskloop("resume", name, "--executor", "inline")
    assert ended.exit_code == 0 and RESULT in ended.output
    assert len(called(folder)) == len(set(called(folder))) == 36


@pytest.mark.slow
def test_ctrl_c_on_worker_processes_reaches_the_run_and_not_the_workers(folder):
    with started(*FIB, "--executor", "processes", "--workers", "2", cwd=folder) as running:
        name = begun(running, folder)
        running.signal(signal.SIGINT)
        assert running.end() == 130, running.text
    assert "Traceback" not in running.text and "lost" not in running.text
    assert daskloop("resume", name, "--executor", "inline").exit_code == 0
    assert len(called(folder)) == len(set(called(folder))) == 36


@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_ctrl_c_twice_ends_at_once(folder, executor):
    with started(*FIB, "--executor", executor, cwd=folder, seconds=60) as running:
        running.wait_for("journal .daskloop")
        name = run_named(running.text)
        running.wait_for(lambda: "Running" in daskloop("show", name).output)
        running.signal(signal.SIGINT)
        running.wait_for("stopping after the running iterations")
        before = time.monotonic()
        running.signal(signal.SIGINT)
        assert running.end() == 130, running.text
    assert time.monotonic() - before < 20
    assert "stopping now" in running.text and "continue:   daskloop resume" in running.text


def test_killed_it_is_resumed_where_it_was(folder):
    with started(*FIB, "--executor", "processes", "--workers", "2", cwd=folder) as running:
        name = begun(running, folder, count=12)

        early = daskloop("resume", name)
        assert early.exit_code == 3
        assert f"process {running.process.pid} on " in early.output
        assert f"daskloop cancel {name}" in early.output
        (found,) = json.loads(daskloop("runs", "--json").output)
        assert found["status"] == "running" and found["owner"]["pid"] == running.process.pid
        assert "under way" in daskloop("show", name).output

        running.process.send_signal(signal.SIGKILL)
        assert running.end() == -signal.SIGKILL
    recorded = json.loads(daskloop("runs", "--json").output)[0]
    assert recorded["status"] == "interrupted"
    assert recorded["continue"] == f"daskloop resume {name}"
    before = called(folder)
    ended = daskloop("resume", name, "--executor", "inline")
    assert ended.exit_code == 0, ended.output
    assert RESULT in ended.output
    # What was called and not recorded is called again, and nothing else.
    again = called(folder)[len(before) :]
    assert len(set(again) & set(before)) <= len(before) - recorded["attempts"]
    assert len(again) <= 36 - recorded["iterations"]


def test_a_refusal_takes_less_than_a_second(folder):
    with started(*FIB, "--executor", "threads", cwd=folder) as running:
        name = begun(running, folder)
        before = time.monotonic()
        assert daskloop("resume", name).exit_code == 3
        assert time.monotonic() - before < 1
        running.signal(signal.SIGINT)
        running.end()


def test_cancel_asks_the_driver_which_ends_with_code_4(folder):
    with started(*FIB, "--executor", "threads", cwd=folder) as running:
        name = begun(running, folder)
        asked = daskloop("cancel", name)
        assert asked.exit_code == 0
        assert f"Process {running.process.pid} on " in asked.output
        assert running.end() == 4, running.text
    assert f"continue:   daskloop resume {name}" in running.text
    assert daskloop("resume", name, "--executor", "inline").exit_code == 0


def test_dask_loop_is_the_same_command(folder):
    daskloop(*FIB, "--executor", "inline")
    listed = subprocess.run(
        [sys.executable, "-m", "dask", "loop", "runs", "--json"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    (found,) = json.loads(listed.stdout)
    assert found["status"] == "success"


def test_looking_at_runs_imports_no_distributed(folder):
    name = run_named(daskloop(*FIB, "--executor", "inline").output)
    script = (
        "import sys\n"
        "from daskloop.cli.main import main\n"
        f"name = {name!r}\n"
        "looks = (['show', name], ['show', name, 'large'], ['watch', name])\n"
        "for words in (['--help'], ['runs'], *looks):\n"
        "    try:\n"
        "        main(words)\n"
        "    except SystemExit as ended:\n"
        "        assert ended.code == 0, ended.code\n"
        "assert 'distributed' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, capture_output=True)


def test_results_go_to_stdout_and_progress_to_stderr(folder):
    ended = subprocess.run(
        [sys.executable, "-m", "daskloop", *FIB, "--executor", "inline"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    assert RESULT in ended.stdout and "fibs" not in ended.stdout
    begun, over = ended.stderr.splitlines()
    assert begun.endswith(" fibs: begun") and ": Success in " in over


def test_the_demo_needs_nothing_and_shows_how_to_resume(folder, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    shown = daskloop("demo")
    assert shown.exit_code == 0, shown.output
    assert "[8, 89, 987, 987]" in shown.output
    command = next(text.split() for text in shown.output.splitlines() if "daskloop resume" in text)
    again = daskloop(*command[1:])
    assert again.exit_code == 0 and "[8, 89, 987, 987]" in again.output
