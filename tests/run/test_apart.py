"""Attempts in a process beside the worker: made, limited, stopped, and lost with what they end."""

from __future__ import annotations

import contextvars
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import dask
import psutil
import pytest

from daskloop.contexts import context
from daskloop.record.sealed import unseal
from daskloop.run import apart as apart_module
from daskloop.run.apart import Apart
from daskloop.run.apart_runner import ChildDied, Runner, TimeIsUp
from daskloop.run.envelope import Entry, decode_envelope
from daskloop.run.inputs import Inputs
from daskloop.run.order import pack_own, pack_shared, value_tree
from daskloop.run.share import Bench, Clock, execute_here
from daskloop.signals import LOOP
from tests import shared_clusters
from tests.run.lives import sealed
from tests.run.orders_of_one import one, own_order, shared_order

PATIENCE = 20.0

Function = Callable[..., Any]


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    """One runner that forks its children, for all tests that leave it working."""
    runner = Runner(fresh=False)
    keeper = runner._children._keeper.pid
    shared_clusters.processes.pids.add(keeper)
    yield runner
    runner.close()
    shared_clusters.processes.pids.discard(keeper)


def make(runner: Runner, function: Function, timeout: float = PATIENCE, **own: Any) -> Entry:
    """Have an attempt made."""
    shared = pack_shared(shared_order(function, timeout=timeout))
    data = runner.make(shared, pack_own(own_order(**own)), "w", "w (process 1)", timeout)
    ((_, entry),) = decode_envelope(data).reports
    return entry


def value(entry: Entry) -> Any:
    """Open what an attempt returned."""
    assert entry.kind in ("success", "looped"), entry
    assert entry.value is not None
    return unseal(entry.value, None)


def is_gone(pid: int) -> bool:
    """Tell whether a process ends within some seconds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def noted(path: Path) -> str:
    """Wait until a file has a line, and return it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text().strip()
        time.sleep(0.01)
    raise AssertionError(f"{path} was not written")


def sleep(path: Path) -> None:
    """Block in a call that gives up the interpreter."""
    path.write_text(f"{os.getpid()}\n")
    time.sleep(3600)


def pause(path: Path) -> None:
    """Block in C code that holds the interpreter: no thread of Python runs any more."""
    path.write_text(f"{os.getpid()}\n")
    ctypes.PyDLL(None).pause()


def test_l15_one_child_makes_attempt_after_attempt(runner: Runner):
    pids = {value(make(runner, os.getpid)) for _ in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids


@pytest.mark.parametrize("block", [sleep, pause])
def test_l15_a_call_that_blocks_for_ever_is_stopped(
    runner: Runner, block: Function, tmp_path: Path
):
    _stop_one(runner, block, tmp_path / "pid")


@pytest.mark.slow
@pytest.mark.parametrize("block", [sleep, pause])
def test_l15_a_call_is_stopped_where_children_are_not_forked(block: Function, tmp_path: Path):
    runner = Runner(fresh=True)
    try:
        _stop_one(runner, block, tmp_path / "pid")
    finally:
        runner.close()


def _stop_one(runner: Runner, block: Function, path: Path) -> None:
    before = value(make(runner, os.getpid))
    with pytest.raises(TimeIsUp) as late:
        make(runner, lambda: block(path), 0.2)
    assert int(noted(path)) == before
    assert abs(time.time() - late.value.started) < PATIENCE
    assert is_gone(before)
    assert value(make(runner, os.getpid)) != before


def test_l15_what_a_stopped_call_has_started_is_stopped_with_it(runner: Runner, tmp_path: Path):
    path = tmp_path / "pid"

    def start() -> None:
        process = subprocess.Popen(["sleep", "3600"])
        path.write_text(f"{process.pid}\n")
        process.wait()

    with pytest.raises(TimeIsUp):
        make(runner, start, 0.5)
    assert is_gone(int(noted(path)))


class SlowToOpen:
    """Takes some time to open."""

    def __reduce__(self) -> Any:
        return time.sleep, (0.3,)


class SlowToClose:
    """Takes some time to close."""

    def __reduce__(self) -> Any:
        time.sleep(0.3)
        return str, ("closed",)


def test_l15_the_clock_runs_while_the_function_does_and_no_longer(runner: Runner):
    inputs = {"x": value_tree(sealed(SlowToOpen()))}
    assert value(make(runner, lambda x: SlowToClose(), 0.2, inputs=inputs)) == "closed"


def test_l15_retry_predicates_judge_a_stopped_attempt(runner: Runner):
    asked = shared_order(
        time.sleep, timeout=0.1, retry_if=lambda error: "ran longer" not in str(error)
    )
    names = shared_order(time.sleep, timeout=0.1, retry_on=(TimeoutError,))
    entries = []
    for order in (asked, names):
        ((_, entry),) = decode_envelope(
            runner.make(pack_shared(order), pack_own(own_order()), "w", "w", None, late=5.0)
        ).reports
        entries.append(entry)
    assert [entry.kind for entry in entries] == ["timed_out", "timed_out"]
    assert entries[0].message == "t ran longer than its timeout of 0.1 s"
    assert [entry.retriable for entry in entries] == [False, True]
    assert [entry.started for entry in entries] == [5.0, 5.0]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda: os._exit(7), 7),
        (lambda: signal.raise_signal(signal.SIGKILL), -signal.SIGKILL),
        (lambda: signal.raise_signal(signal.SIGSEGV), -signal.SIGSEGV),
        (lambda: os.closerange(3, 4096), None),
    ],
    ids=["exit", "SIGKILL", "SIGSEGV", "closes everything"],
)
def test_r08_a_child_that_ends_by_itself_says_how(runner: Runner, end: Function, code: int | None):
    with pytest.raises(ChildDied) as died:
        make(runner, end)
    assert code is None or died.value.code == code


def test_r12_an_exit_of_python_is_a_failure_and_ends_no_process(runner: Runner):
    pid = value(make(runner, os.getpid))
    assert make(runner, lambda: sys.exit(3)).kind == "failed"
    assert value(make(runner, os.getpid)) == pid


def test_r08_a_child_that_dies_while_it_has_nothing_to_do_costs_no_attempt(runner: Runner):
    for wait in (False, True):
        pid = value(make(runner, os.getpid))
        os.kill(pid, signal.SIGKILL)
        assert not wait or is_gone(pid)
        assert value(make(runner, os.getpid)) != pid
        assert is_gone(pid)


def test_r08_without_its_keeper_a_blocked_child_ends_too(tmp_path: Path):
    path, runner = tmp_path / "pid", Runner()

    def block() -> None:
        path.write_text(f"{os.getpid()}\n")
        os.kill(os.getppid(), signal.SIGKILL)
        ctypes.PyDLL(None).pause()

    try:
        with pytest.raises(ChildDied):
            make(runner, block)
        assert is_gone(int(noted(path)))
        with pytest.raises(OSError, match="ended"):
            make(runner, os.getpid)
    finally:
        runner.close()


def test_a_python_that_does_not_start_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    runner = Runner()
    try:
        with pytest.raises(OSError, match="has ended"):
            make(runner, os.getpid)
    finally:
        runner.close()


def test_a_child_has_the_folder_path_environment_and_configuration_of_its_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def look() -> Any:
        setting = dask.config.get("daskloop-test.colour", None)
        return os.getcwd(), sys.path[-1], os.environ.get("COLOUR"), setting

    with dask.config.set({"daskloop-test.colour": "green"}):
        runner = Runner()
    try:
        was = value(make(runner, look))
        assert was == (os.getcwd(), str(sys.path[-1]), None, "green")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
        monkeypatch.setenv("COLOUR", "b\udcffue")
        assert value(make(runner, look)) == (str(tmp_path), str(tmp_path), "b\udcffue", "green")
        monkeypatch.delenv("COLOUR")
        assert value(make(runner, look))[2] is None
    finally:
        runner.close()


_colour: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


def test_l10_nothing_of_one_attempt_is_left_for_the_next(runner: Runner):
    def body() -> Any:
        from tests.run.test_apart import _colour  # a `ContextVar` does not travel

        seen = _colour.get(), context.get("task_loop_result"), context.task_run_count
        _colour.set("red")
        raise LOOP(result=seen)

    payload = value_tree(sealed("payload"))
    first = make(runner, body, iteration=2, payload=payload, run_count=3)
    assert value(first) == ("none", "payload", 3)
    assert value(make(runner, body)) == ("none", None, 1)


def test_what_a_stopped_call_has_printed_is_there(capfd: pytest.CaptureFixture[str]):
    runner = Runner()

    def talk() -> None:
        print("half way")
        time.sleep(3600)

    try:
        with pytest.raises(TimeIsUp):
            make(runner, talk, 0.2)
    finally:
        runner.close()
    assert capfd.readouterr().out == "half way\n"


def test_a_child_keeps_the_orders_of_a_few_tasks_and_mixes_none_up(runner: Runner):
    orders = [pack_shared(shared_order(lambda number=n: number)) for n in range(12)]
    for n in [*range(12), 3, 11, 0, 11, 0, 4, 3]:
        data = runner.make(orders[n], pack_own(own_order()), "w", "w", None)
        assert value(decode_envelope(data).reports[0][1]) == n


def test_r08_what_kills_its_process_while_it_is_opened_is_not_tried_for_ever(runner: Runner):
    with pytest.raises(ChildDied, match="5"):
        make(runner, lambda x: x, inputs={"x": value_tree(sealed(DeadlyToOpen()))})


class DeadlyToOpen:
    """Ends the process that opens it."""

    def __reduce__(self) -> Any:
        return os._exit, (5,)


# The life of a runner


class Ended(BaseException):
    """Stands for the end of the worker."""


def _end(code: int) -> NoReturn:
    raise Ended(code)


@pytest.fixture
def worker() -> Iterator[tuple[Apart, dict[str, Any]]]:
    """Make what a worker has beside it, and the facts about the worker."""
    facts: dict[str, Any] = {"gone": False, "stamp": None}
    apart = Apart(lambda: facts["gone"], lambda: facts["stamp"], _end)
    yield apart, facts
    apart.close()


def execute(apart: Apart, function: Function, timeout: float = PATIENCE) -> Entry:
    """Make one attempt as a share does."""
    order, mine = shared_order(function, timeout=timeout), one()
    none = Inputs([], None)

    def never() -> Any:
        raise AssertionError("the worker opens nothing of the user's")

    bench = Bench(order, "w", None, never, none, (), Clock(0.0, 0.0, 1), execute_here)
    return apart.execute(pack_shared(order), "w (process 1)", bench, mine, none)


def test_l15_a_stopped_attempt_is_timed_out(worker: Any):
    entry = execute(worker[0], lambda: time.sleep(3600), 0.2)
    assert (entry.kind, entry.retriable, entry.worker) == ("timed_out", True, "w")
    assert entry.message == "t ran longer than its timeout of 0.2 s"
    assert 0.2 <= entry.ended - entry.started < PATIENCE


def test_r08_a_worker_ends_as_its_child_has_ended(worker: Any):
    with pytest.raises(Ended, match="7"):
        execute(worker[0], lambda: os._exit(7))


def test_after_an_upload_attempts_are_made_by_a_process_that_has_imported_nothing(worker: Any):
    apart, facts = worker
    pids = [value(execute(apart, os.getpid)) for _ in range(2)]
    facts["stamp"] = "another"
    pids += [value(execute(apart, os.getpid)) for _ in range(2)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


@pytest.mark.parametrize("why", ["idle", "gone"])
def test_a_runner_that_nobody_needs_is_let_go(
    worker: Any, why: str, monkeypatch: pytest.MonkeyPatch
):
    apart, facts = worker
    pid = value(execute(apart, os.getpid))
    if why == "idle":
        monkeypatch.setattr(apart_module, "IDLE", 0.0)
    facts["gone"] = why == "gone"
    assert is_gone(pid)
    monkeypatch.undo()
    facts["gone"] = False
    assert value(execute(apart, os.getpid)) != pid


def test_an_attempt_whose_process_cannot_be_started_fails_and_may_be_retried(
    worker: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    entry = execute(worker[0], os.getpid)
    assert (entry.kind, entry.retriable) == ("failed", True)
    assert "/nowhere/python" in (entry.message or "")
    monkeypatch.undo()
    assert execute(worker[0], os.getpid).kind == "success"


_WORKER = """\
import ctypes, os, sys, time
from daskloop.run.apart_runner import Runner
from daskloop.run.order import pack_own, pack_shared
from tests.run.orders_of_one import own_order, shared_order

path = sys.argv[1]
runner = Runner()
fork = os.fork()
if not fork:  # it holds open what its parent does
    time.sleep(60)
    os._exit(0)

def block():
    with open(path, "w") as file:
        print(os.getpid(), os.getppid(), fork, file=file)
    ctypes.PyDLL(None).pause()

runner.make(pack_shared(shared_order(block)), pack_own(own_order()), "w", "w", 60)
"""


def test_l15_a_killed_worker_takes_its_runner_along(tmp_path: Path):
    path = tmp_path / "pids"
    with subprocess.Popen([sys.executable, "-c", _WORKER, str(path)]) as process:
        child, keeper, fork = map(int, noted(path).split())
        try:
            assert psutil.Process(keeper).ppid() == process.pid
            process.kill()
            began = time.monotonic()
            assert is_gone(child)
            assert is_gone(keeper)
            assert time.monotonic() - began < 5  # half a second, on a machine that is not busy
        finally:
            os.kill(fork, signal.SIGKILL)
