"""Temporary clusters: what they listen on, how they start, restart and end."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import psutil
import pytest

from daskloop.executors import launch as module
from daskloop.executors import local_cluster
from daskloop.executors.choose import Temporary
from daskloop.executors.connection import Connection, open_connection
from daskloop.executors.local_cluster import LocalProcesses, start_processes, start_threads

PATIENCE = 20.0


@pytest.fixture(scope="module")
def processes() -> Iterator[Connection]:
    connection = open_connection(Temporary("processes", 2))
    yield connection
    connection.close()


@pytest.fixture
def threads() -> Iterator[Connection]:
    connection = open_connection(Temporary("threads", 2))
    yield connection
    connection.close()


def _until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return value


def _listening(processes: list[psutil.Process]) -> set[tuple[str, int]]:
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in processes
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


def _family(pid: int) -> list[psutil.Process]:
    leader = psutil.Process(pid)
    return [leader, *leader.children(recursive=True)]


def _has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _pids(connection: Connection) -> dict[str, int]:
    pids: dict[str, int] = connection.client.run(os.getpid)
    return pids


def _two_others(connection: Connection, killed: set[str]) -> bool:
    now = set(connection.client.nthreads())
    return len(now) == 2 and not now & killed


def test_processes_listen_on_loopback_only(processes: Connection) -> None:
    family = _family(processes.cluster.process.pid)
    assert set(_pids(processes).values()) <= {process.pid for process in family}
    addresses = _listening(family)
    assert {host for host, _ in addresses} == {"127.0.0.1"}
    assert len(addresses) >= 5  # the scheduler, its HTTP server, two nannies, two workers


def test_threads_listen_on_loopback_only() -> None:
    me = psutil.Process()
    before = _listening([me])
    connection = open_connection(Temporary("threads", 2))
    try:
        assert {host for host, _ in _listening([me]) - before} <= {"127.0.0.1"}
    finally:
        connection.close()
    assert _listening([me]) <= before


def test_processes_are_single_threaded_workers_as_many_as_asked(processes: Connection) -> None:
    assert list(processes.client.nthreads().values()) == [1, 1]


def test_threads_are_one_worker_with_as_many_as_asked(threads: Connection) -> None:
    assert list(threads.client.nthreads().values()) == [2]


def _saturation(dask_scheduler: Any) -> float:
    return float(dask_scheduler.WORKER_SATURATION)


def test_what_is_ready_waits_on_the_only_worker_and_not_in_the_scheduler(
    threads: Connection, processes: Connection
) -> None:
    assert threads.client.run_on_scheduler(_saturation) == math.inf
    # Of several workers the scheduler keeps the choice; each of one thread has the next task there.
    assert processes.client.run_on_scheduler(_saturation) == pytest.approx(1.1)


def test_without_a_number_the_machine_decides() -> None:
    cluster = start_threads()
    try:
        (worker,) = cluster.for_client.scheduler.workers.values()
        assert worker.nthreads == max(4, dask.system.CPU_COUNT)
    finally:
        cluster.close()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_a_cluster_leaves_attribution_of_deaths_to_us_and_keeps_short_logs(
    kind: str, request: pytest.FixtureRequest
) -> None:
    client = request.getfixturevalue(kind).client

    def limits(dask_scheduler: Any) -> tuple[object, ...]:
        streams = [*dask_scheduler.stream_comms.values(), *dask_scheduler.client_comms.values()]
        lengths = {stream.recent_message_log.maxlen for stream in streams}
        return (
            dask_scheduler.allowed_failures,
            dask_scheduler.idle_timeout,
            dask_scheduler.no_workers_timeout,
            lengths,
        )

    def length(dask_worker: Any) -> object:
        return dask_worker.batched_stream.recent_message_log.maxlen

    assert client.run_on_scheduler(limits) == (1000, None, None, {20})
    assert set(client.run(length).values()) == {20}
    assert client.scheduler_comm.recent_message_log.maxlen == 20


def test_a_start_changes_neither_config_nor_environment_for_good() -> None:
    import distributed  # noqa: F401  # its defaults are no change of ours

    before = repr(dask.config.config), dict(os.environ), list(sys.path)
    clusters: list[Any] = [start_threads(1), start_threads(1), start_processes(1)]
    for cluster in clusters:
        cluster.close()
    assert list(sys.path) == before[2]
    assert dict(os.environ) == before[1]
    assert repr(dask.config.config) == before[0]


@pytest.mark.slow
def test_starts_at_once_in_many_threads_do_not_disturb_each_other() -> None:
    import distributed  # noqa: F401  # the setting comes with it

    before = dask.config.get("distributed.admin.low-level-log-length")
    clusters: list[Any] = []

    def start(function: Callable[[int], Any]) -> None:
        clusters.append(function(1))

    starts = [start_threads, start_threads, start_processes, start_threads]
    starters = [threading.Thread(target=start, args=[function]) for function in starts]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    parents = {os.path.dirname(cluster._directory) for cluster in clusters}
    for cluster in clusters:
        cluster.close()
    assert len(clusters) == 4
    assert parents == {tempfile.gettempdir()}
    assert dask.config.get("distributed.admin.low-level-log-length") == before


@pytest.mark.may_leave("processes")  # new workers of the fixture's cluster
def test_a_killed_worker_comes_back(processes: Connection) -> None:
    address, pid = next(iter(_pids(processes).items()))
    os.kill(pid, signal.SIGKILL)
    _until(lambda: _two_others(processes, {address}))
    assert processes.client.submit(sum, [1, 2]).result(timeout=PATIENCE) == 3


@pytest.mark.may_leave("processes")  # new workers of the fixture's cluster
def test_workers_come_back_however_often_they_are_killed_while_they_start(
    processes: Connection,
) -> None:
    leader = processes.cluster.process.pid
    keep = {p.pid for p in _family(leader)} - set(_pids(processes).values())
    killed = set(processes.client.nthreads())
    ended = time.monotonic() + 1.5
    while time.monotonic() < ended:
        for process in psutil.Process(leader).children(recursive=True):
            if process.pid not in keep:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.02)
    _until(lambda: _two_others(processes, killed))
    assert processes.client.submit(sum, [1, 2]).result(timeout=PATIENCE) == 3


@pytest.mark.may_leave("processes")  # new workers of the fixture's cluster
def test_a_retired_worker_is_replaced(processes: Connection) -> None:
    address = next(iter(processes.client.nthreads()))
    processes.client.retire_workers([address], close_workers=True)
    _until(lambda: _two_others(processes, {address}))


def test_workers_draw_different_random_numbers(processes: Connection) -> None:
    pytest.importorskip("numpy")

    def draw() -> tuple[float, float]:
        import random

        import numpy

        return random.random(), float(numpy.random.rand())

    first, second = processes.client.run(draw).values()
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_workers_see_the_path_and_the_environment_of_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("answer = 42\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("ONLY_HERE", "yes")

    def look() -> tuple[int, str | None, str | None, object]:
        import only_here  # type: ignore[import-not-found]

        method = dask.config.get("distributed.worker.multiprocessing-method")
        path = os.environ.get("PYTHONPATH")
        return only_here.answer, os.environ.get("ONLY_HERE"), path, method

    connection = open_connection(Temporary("processes", 1))
    try:
        (seen,) = connection.client.run(look).values()
    finally:
        connection.close()
    assert seen == (42, "yes", os.environ.get("PYTHONPATH"), "spawn")


def test_workers_have_the_dask_configuration_of_the_driver() -> None:
    values = {"daskloop-test.number": 3, "daskloop-test.thing": object(), "scheduler": "threads"}
    with dask.config.set(values):
        connection = open_connection(Temporary("processes", 1))
    try:
        (seen,) = connection.client.run(lambda: dask.config.get("daskloop-test")).values()
        (scheduler,) = connection.client.run(lambda: dask.config.get("scheduler", None)).values()
    finally:
        connection.close()
    assert seen == {"number": 3}  # what is no plain data stays at home
    assert scheduler is None


SCRIPT = """
from daskloop.executors.choose import Temporary
from daskloop.executors.connection import open_connection
print(__name__, flush=True)

def total(values):
    return sum(values)

for kind in ("threads", "processes"):
    connection = open_connection(Temporary(kind, 2))
    print(connection.client.submit(total, [1, 2, 3]).result(), flush=True)
    connection.close()
"""

IN_A_THREAD = """
import threading
def work():
    exec({script!r}, {{"__name__": "__main__"}})
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""

IN_A_RUNNING_LOOP = """
import asyncio
async def work():
    exec({script!r}, {{"__name__": "__main__"}})
asyncio.run(work())
"""


def _run(arguments: list[str], stdin: str | None = None) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SCRIPT, id="plain"),
        pytest.param(IN_A_THREAD.format(script=SCRIPT), id="in a thread", marks=pytest.mark.slow),
        pytest.param(
            IN_A_RUNNING_LOOP.format(script=SCRIPT),
            id="in a running event loop",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_clusters_start_in_a_script_without_guard_and_say_nothing(
    text: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(text)
    # "__main__" once: no worker has imported the script.
    assert _run([str(script)]) == ("__main__\n6\n6\n", "")


@pytest.mark.slow
def test_clusters_start_in_a_script_from_stdin_and_say_nothing() -> None:
    assert _run(["-"], stdin=SCRIPT) == ("__main__\n6\n6\n", "")


@pytest.mark.parametrize("kind", [pytest.param("threads", marks=pytest.mark.slow), "processes"])
def test_a_program_that_forgets_to_close_ends_nevertheless(kind: str) -> None:
    code = (
        "from daskloop.executors.choose import Temporary\n"
        "from daskloop.executors.connection import open_connection\n"
        f"connection = open_connection(Temporary({kind!r}, 1))\n"
        "print(connection.cluster._directory)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    _until(lambda: not os.path.exists(done.stdout.strip()))


AT_ONCE = """
import threading
from daskloop.executors.choose import Temporary
from daskloop.executors.connection import open_connection

def start(kind):
    together.wait()
    connection = open_connection(Temporary(kind, 1))
    print(connection.client.submit(sum, [1, 2]).result(), flush=True)
    connection.close()

together = threading.Barrier(3)
kinds = "threads", "processes", "processes"
threads = [threading.Thread(target=start, args=(kind,)) for kind in kinds]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_f05_the_first_clusters_of_a_program_may_start_at_once() -> None:
    """Each thread is the first to import Dask."""
    assert _run(["-c", AT_ONCE]) == ("3\n3\n3\n", "")


DRIVER = """
import sys, time
from daskloop.executors.choose import Temporary
from daskloop.executors.connection import open_connection
connection = open_connection(Temporary("processes", 2))
future = connection.client.submit(time.sleep, 1000)
print(connection.cluster.process.pid, connection.cluster._directory, flush=True)
if sys.argv[1] == "heir":
    import subprocess
    line = connection.cluster.process.stdin.fileno()
    heir = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"], pass_fds=[line])
    print(heir.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("heir", ["no", pytest.param("heir", marks=pytest.mark.slow)])
def test_when_the_driver_is_killed_its_cluster_ends_within_seconds(heir: str) -> None:
    """Also if another process has inherited the driver's end of the life line."""
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, heir], stdout=subprocess.PIPE, text=True
    )
    with driver:
        assert driver.stdout is not None
        pid, directory = driver.stdout.readline().split()
        family = _family(int(pid))
        other = psutil.Process(int(driver.stdout.readline())) if heir == "heir" else None
        assert len(family) >= 3
        driver.kill()
    try:
        _until(lambda: all(_has_ended(process) for process in family), 6)
        assert not os.path.exists(directory)
    finally:
        if other is not None:
            other.kill()


def test_f09_a_cluster_that_does_not_close_in_time_leaves_no_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody else removes them if its driver was killed."""
    hasty = "import daskloop.executors.cluster_process as this; this.LAST_RESORT = 0.0\nmain()"
    monkeypatch.setattr(module, "_BOOT", module._BOOT.replace("main()", hasty))
    cluster = start_processes(1)
    family = _family(cluster.process.pid)
    assert cluster.process.stdin is not None
    cluster.process.stdin.close()
    assert cluster.process.wait(PATIENCE) == 1
    assert not os.path.exists(cluster._directory)
    _until(lambda: all(_has_ended(process) for process in family))


def test_when_the_cluster_process_is_killed_its_workers_end() -> None:
    cluster = start_processes(2)
    family = _family(cluster.process.pid)
    cluster.process.kill()
    _until(lambda: all(_has_ended(process) for process in family))
    cluster.close()


def test_closing_ends_a_task_that_does_not_end() -> None:
    connection = open_connection(Temporary("processes", 2))
    family = _family(connection.cluster.process.pid)
    futures = connection.client.map(time.sleep, [1000, 1001])
    _until(lambda: all(len(v) == 1 for v in connection.client.processing().values()))
    began = time.monotonic()
    connection.close()
    assert time.monotonic() - began < 6
    _until(lambda: all(_has_ended(process) for process in family), 3)
    del futures


def test_closing_ends_a_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_cluster, "CLOSE_TIMEOUT", 0.2)
    cluster = start_processes(1)
    family = _family(cluster.process.pid)
    os.kill(cluster.process.pid, signal.SIGSTOP)
    cluster.close()
    _until(lambda: all(_has_ended(process) for process in family), 3)


@pytest.mark.slow
@pytest.mark.may_leave("threads")  # `Client.shutdown` forgets its own event loop
def test_closing_twice_and_after_a_shutdown_does_no_harm() -> None:
    connection = open_connection(Temporary("processes", 1))
    connection.client.shutdown()
    connection.close()
    connection.close()
    assert connection.cluster.process.returncode == 0


def test_a_python_that_cannot_be_started_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="ended with code 1.*'/bin/false'"):
        start_processes(1)


def test_a_worker_that_cannot_start_ends_the_start_with_the_reason(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with (
        dask.config.set({"distributed.worker.preload": ["no_such_module_at_all"]}),
        pytest.raises(RuntimeError, match="did not start: .* on stderr"),
    ):
        start_processes(1)
    assert "No module named 'no_such_module_at_all'" in capfd.readouterr().err


def test_a_cluster_that_is_not_up_in_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_cluster, "START_TIMEOUT", 0.05)
    with pytest.raises(TimeoutError, match="not up after 0 seconds"):
        start_processes(1)


def test_scratch_space_is_where_dask_wants_it_and_goes_with_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tempfile.mkdtemp()  # free of what the clusters of other tests have left
    monkeypatch.setattr(tempfile, "tempdir", temporary)
    monkeypatch.setenv("TMPDIR", temporary)
    with dask.config.set({"temporary-directory": str(tmp_path / "scratch")}):
        clusters: list[Any] = [start_threads(1), start_processes(1)]
    names = os.listdir(tmp_path / "scratch")
    assert len(names) == 2
    assert all(name.startswith("daskloop-cluster-") for name in names)
    for cluster in clusters:
        cluster.close()
    assert os.listdir(tmp_path / "scratch") == []
    assert not Path("dask-scratch-space").exists()
    assert "dask-scratch-space" not in os.listdir(temporary)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs POSIX semaphores as files")
@pytest.mark.slow
def test_no_semaphore_is_left_behind() -> None:
    def ours(cluster: LocalProcesses) -> set[str]:
        return {
            mapping.path
            for process in _family(cluster.process.pid)
            for mapping in process.memory_maps()
            if mapping.path.startswith("/dev/shm/")
        }

    cluster = start_processes(2)
    semaphores = ours(cluster)
    cluster.close()
    assert semaphores
    assert not [path for path in semaphores if os.path.exists(path)]


def test_dask_still_has_the_private_flag_that_makes_starting_faster() -> None:
    """Without it nothing breaks; see `cluster_process._leave_preload_alone`."""
    import distributed.utils

    assert isinstance(distributed.utils._forkserver_preload_set, bool)
