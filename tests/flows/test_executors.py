"""Executors: what may be given, what is used otherwise, what the scheduler goes through."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import threading
from pathlib import Path

import dask
import psutil
import pytest
from distributed import Client, LocalCluster, get_worker

from daskloop import Flow, Parameter, context, task
from daskloop.engine.signals import LOOP
from daskloop.errors import DaskloopError
from daskloop.executors import DaskExecutor, LocalDaskExecutor, LocalExecutor
from tests.flows import maps_scheduler as scheduler
from tests.flows.maps_notes import PATIENCE, Notes
from tests.flows.traces import Trace


@task
def where():
    """Tell the process, the thread and, on a cluster, the address of the scheduler."""
    try:
        scheduler_address = get_worker().scheduler.address
    except ValueError:
        scheduler_address = None
    return os.getpid(), threading.get_ident(), scheduler_address


@task
def count_to(n):
    so_far = context.get("task_loop_result", 0) + 1
    if so_far < n:
        raise LOOP(result=so_far)
    return so_far


def run_where(flow_executor=None, known=None, **options):
    """Run one task and say where: inline, threads, processes, or the known cluster."""
    with Flow("w", executor=flow_executor) as flow:
        ran = where()
    pid, thread, address = flow.run(**options).result[ran].result
    if address is None:
        assert (pid, thread) == (os.getpid(), threading.get_ident())
        return "inline"
    if known is not None and address == known.scheduler_address:
        return "known"
    return "threads" if pid == os.getpid() else "processes"


class SmallCluster(LocalCluster):
    """A cluster of two threads; remembers what was started."""

    last = None

    def __init__(self, **options):
        super().__init__(
            **{
                "n_workers": 1,
                "threads_per_worker": 2,
                "processes": False,
                "dashboard_address": "127.0.0.1:0",
                **options,
            }
        )
        SmallCluster.last = self


TCP = {"protocol": "tcp", "host": "127.0.0.1"}


def test_s7_each_name_runs_the_task_where_it_says():
    assert run_where(executor="inline") == "inline"
    assert run_where(executor="threads") == "threads"
    assert run_where(executor="processes") == "processes"


def test_s7_without_anything_it_is_a_temporary_cluster_of_threads():
    assert run_where() == "threads"


def test_s7_the_call_goes_before_the_flow_and_the_flow_before_the_config():
    with dask.config.set({"daskloop.executor": "threads"}):
        assert run_where() == "threads"
        assert run_where("inline") == "inline"
        assert run_where("inline", executor="threads") == "threads"
    with dask.config.set({"daskloop.executor": "inline"}):
        assert run_where() == "inline"


def test_s7_the_config_goes_before_the_current_client_and_that_before_threads():
    with SmallCluster() as cluster, Client(cluster):
        assert run_where(known=cluster) == "known"
        with dask.config.set({"daskloop.executor": "inline"}):
            assert run_where() == "inline"
    assert run_where() == "threads"


def test_s7_a_client_is_used_as_it_is_and_never_closed():
    with SmallCluster() as cluster, Client(cluster, set_as_default=False) as client:
        for _ in range(2):
            assert run_where(executor=client, known=cluster) == "known"
            assert client.status == "running"
            assert cluster.status.name == "running"
        assert client.submit(lambda: 5, pure=False).result() == 5


def test_s7_a_cluster_is_used_as_it_is_and_never_closed():
    with SmallCluster() as cluster:
        for _ in range(2):
            assert run_where(executor=cluster, known=cluster) == "known"
            assert cluster.status.name == "running"
        assert run_where(cluster, known=cluster) == "known"


def test_s7_an_address_is_connected_to_and_left_running():
    with SmallCluster(**TCP) as cluster:
        for _ in range(2):
            assert run_where(executor=cluster.scheduler_address, known=cluster) == "known"
            assert cluster.status.name == "running"


def test_s7_a_run_leaves_the_current_client_as_it_was():
    with SmallCluster() as cluster, Client(cluster) as client:
        assert run_where(executor="threads") == "threads"
        assert Client.current() is client
    with pytest.raises(ValueError, match="client"):
        Client.current()
    assert run_where(executor="threads") == "threads"
    with pytest.raises(ValueError, match="client"):
        Client.current()


def test_s7_dask_executor_takes_an_address_and_leaves_it_running():
    with SmallCluster(**TCP) as cluster:
        executor = DaskExecutor(address=cluster.scheduler_address)
        for _ in range(2):
            assert run_where(executor=executor, known=cluster) == "known"
            assert cluster.status.name == "running"


def test_s7_dask_executor_starts_a_cluster_for_each_run_and_closes_it():
    executor = DaskExecutor(cluster_class=SmallCluster, cluster_kwargs={"threads_per_worker": 1})
    started = []
    for _ in range(2):
        SmallCluster.last = None
        with Flow("w") as flow:
            ran = where()
        address = flow.run(executor=executor).result[ran].result[2]
        assert SmallCluster.last.scheduler_address == address
        assert SmallCluster.last.status.name == "closed"
        started.append(address)
    assert len(set(started)) == 2


def test_s7_dask_executor_without_arguments_runs_on_a_local_cluster():
    assert run_where(executor=DaskExecutor()) in ("threads", "processes")


def test_s7_dask_executor_adapts_and_passes_arguments_to_the_client():
    adapted = []

    class Adaptable(SmallCluster):
        def adapt(self, **kwargs):
            adapted.append(kwargs)

    executor = DaskExecutor(
        cluster_class=Adaptable,
        adapt_kwargs={"minimum": 1, "maximum": 2},
        client_kwargs={"name": "mine"},
    )

    assert run_where(executor=executor) == "threads"
    assert adapted == [{"minimum": 1, "maximum": 2}]


def test_s7_dask_executor_writes_a_performance_report(tmp_path):
    pytest.importorskip("bokeh", reason="Dask writes its report with bokeh")
    report = tmp_path / "report.html"
    executor = DaskExecutor(cluster_class=SmallCluster, performance_report_path=str(report))
    assert run_where(executor=executor) == "threads"
    assert report.exists()


def test_s7_the_local_executors_of_prefect_core_map_onto_the_same_words():
    assert run_where(executor=LocalExecutor()) == "inline"
    assert run_where(executor=LocalDaskExecutor()) == "threads"
    assert run_where(executor=LocalDaskExecutor(scheduler="threads", num_workers=2)) == "threads"
    assert run_where(executor=LocalDaskExecutor(scheduler="processes", num_workers=1)) == (
        "processes"
    )
    assert run_where(executor=LocalDaskExecutor(scheduler="synchronous")) == "inline"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("thread", "threads"),
        ("dask", "inline"),
        (5, "5"),
        (LocalCluster, "LocalCluster"),
    ],
)
def test_s7_what_is_no_executor_is_refused_with_what_may_be_given(wrong, says):
    with pytest.raises((TypeError, ValueError), match=says):
        run_where(executor=wrong)


@pytest.mark.parametrize("wrong", [0, -1, True, 1.5, "two"])
def test_s7_workers_must_be_a_count(wrong):
    with pytest.raises((TypeError, ValueError), match="workers"):
        run_where(executor="threads", workers=wrong)


def test_s7_an_address_where_nobody_listens_is_named_within_the_timeout():
    with (
        dask.config.set({"daskloop.connect-timeout": "1s"}),
        pytest.raises((OSError, RuntimeError), match=r"127\.0\.0\.1:9") as caught,
    ):
        run_where(executor="tcp://127.0.0.1:9")
    assert "scheduler" in str(caught.value)


def test_s7_a_closed_client_is_refused():
    with SmallCluster() as cluster:
        client = Client(cluster, set_as_default=False)
        client.close()
        with pytest.raises((ValueError, RuntimeError, OSError), match="closed"):
            run_where(executor=client)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_s7_workers_sets_the_slots(kind, tmp_path):
    notes = Notes(tmp_path)

    @task
    def meet(i):
        """Return when all three are here at once: with fewer slots that would never be."""
        notes.write("here", i)
        for other in range(3):
            notes.wait_for("here", other)
        return i

    with Flow("w") as flow:
        met = meet.map([0, 1, 2])
    assert flow.run(executor=kind, workers=3).result[met].result == [0, 1, 2]


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_s7_a_temporary_cluster_listens_on_loopback_only(kind):
    @task
    def wide_open():
        """List what this process, its parents and their children listen on, beyond loopback."""
        me = psutil.Process()
        family = {me, *me.children(recursive=True)}
        for parent in me.parents():
            family |= {parent} if "daskloop" in " ".join(parent.cmdline()) else set()
        found = []
        for process in family:
            found += [c.laddr for c in process.net_connections() if c.status == "LISTEN"]
        return [address for address in found if address.ip not in ("127.0.0.1", "::1")]

    with Flow("w") as flow:
        ports = wide_open()
    assert flow.run(executor=kind, workers=1).result[ports].result == []


def test_s7_one_slot_runs_one_thing_at_a_time(tmp_path):
    notes = Notes(tmp_path)

    @task
    def alone(i):
        notes.write("in")
        notes.write("out")

    with Flow("w") as flow:
        alone.map(range(20))
    assert flow.run(executor="threads", workers=1).is_successful()
    assert [line[0] for line in notes.read()] == ["in", "out"] * 20


@pytest.mark.parametrize("kind", ["processes", "threads", "default"])
def test_s7_a_script_without_a_main_guard_works(kind, tmp_path):
    script = tmp_path / "script.py"
    options = "" if kind == "default" else f"executor={kind!r}, workers=1"
    script.write_text(
        textwrap.dedent(
            f"""
            from daskloop import Flow, context, task
            from daskloop.engine.signals import LOOP

            print("the script begins")

            class Found:
                def __init__(self, value):
                    self.value = value

            def helper(n):
                return 10 * n

            @task
            def loop(x):
                n = context.get("task_loop_count", 1)
                if n < 3:
                    raise LOOP(result=Found(n))
                return Found(helper(context.task_loop_result.value + x))

            with Flow("script") as flow:
                looped = loop.map([1, 2])
            print([found.value for found in flow.run({options}).result[looped].result])
            """
        )
    )
    said = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert said.stdout.splitlines() == ["the script begins", "[30, 40]"], said.stderr


@pytest.fixture
def watched():
    """A client of a cluster of its own whose scheduler keeps a history of its keys."""
    cluster = LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0"
    )
    with cluster, Client(cluster, set_as_default=False) as client:
        scheduler.watch_keys(client)
        yield client


def test_b1_c61_each_iteration_is_a_key_of_its_own(watched):
    with Flow("keys") as flow:
        looped = count_to(20)
    state = flow.run(executor=watched)
    assert state.result[looped].result == 20
    keys = scheduler.attempts_of(scheduler.keys_seen(watched), "count_to-1")
    assert len(keys) == len(set(keys)) == 20
    assert [key[2] for key in keys] == list(range(1, 21))
    assert {key[1] for key in keys} == {-1}
    assert {key[3] for key in keys} == {1}


def test_b1_each_try_of_an_iteration_is_a_key_of_its_own(watched):
    @task(max_retries=2)
    def loop():
        n = context.get("task_loop_count", 1)
        if n == 2 and context.task_run_count < 3:
            raise ValueError("twice")
        if n < 3:
            raise LOOP()

    with Flow("keys") as flow:
        loop()
    assert flow.run(executor=watched).is_successful()
    keys = scheduler.attempts_of(scheduler.keys_seen(watched), "loop-1")
    assert [key[2:4] for key in keys] == [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1)]


def test_b1_keys_tell_the_child_and_differ_between_runs(watched):
    with Flow("keys") as flow:
        count_to.map([2, 3])
    for _ in range(2):
        assert flow.run(executor=watched).is_successful()
    keys = scheduler.attempts_of(scheduler.keys_seen(watched), "count_to-1")
    assert len(keys) == len(set(keys)) == 10
    assert len({key[0] for key in keys}) == 2
    assert sorted(key[1:3] for key in keys) == sorted([(0, 1), (0, 2), (1, 1), (1, 2), (1, 3)] * 2)


def test_b3_the_scheduler_keeps_no_ended_iteration_of_a_loop(watched):
    with Flow("keys") as flow:
        count_to(40)
    assert flow.run(executor=watched).is_successful()
    lines = scheduler.keys_seen(watched)
    assert len(scheduler.attempts_of(lines, "count_to-1")) == 40
    assert scheduler.most_alive(lines, "count_to-1") <= 2
    scheduler.wait_until_forgotten(watched)


def test_b3_mapped_loops_keep_two_keys_each_at_the_most_and_none_afterwards(watched):
    with Flow("keys") as flow:
        counted = count_to.map([10, 15, 20, 3])
    state = flow.run(executor=watched)
    assert state.result[counted].result == [10, 15, 20, 3]
    lines = scheduler.keys_seen(watched)
    for child in range(4):
        assert scheduler.most_alive(lines, "count_to-1", child) <= 2
    scheduler.wait_until_forgotten(watched)
    assert state.result[counted].result == [10, 15, 20, 3]


def test_b3_large_payloads_leave_no_key_behind_either(watched):
    @task
    def grow():
        blob = context.get("task_loop_result", b"")
        if len(blob) >= 5 * 300_000:
            return blob
        raise LOOP(result=blob + bytes(300_000))

    with Flow("keys") as flow:
        grown = grow()
    state = flow.run(executor=watched)
    assert scheduler.most_alive(scheduler.keys_seen(watched), "grow-1") <= 2
    scheduler.wait_until_forgotten(watched)
    assert state.result[grown].result == bytes(1_500_000)


def test_b3_a_run_that_fails_leaves_no_key_behind(watched):
    @task(max_retries=1)
    def fail(x):
        if x == 3:
            raise ValueError("three")
        return x

    with Flow("keys") as flow:
        fail.map(range(6))
    assert flow.run(executor=watched).is_failed()
    scheduler.wait_until_forgotten(watched)


def test_b4_a_wide_map_is_never_on_the_scheduler_as_a_whole(watched):
    @task
    def give(x):
        return x

    width = 400
    with Flow("keys") as flow:
        given = give.map(Parameter("xs"))
    state = flow.run(xs=list(range(width)), executor=watched)
    assert state.result[given].result == list(range(width))
    lines = scheduler.keys_seen(watched)
    assert len(scheduler.attempts_of(lines, "give-1")) == width
    # A few times the slots; two here.
    assert scheduler.most_alive(lines, "give-1") <= width / 4
    scheduler.wait_until_forgotten(watched)


def test_b4_what_continues_goes_before_what_begins(executor, tmp_path):
    notes = Notes(tmp_path)
    width = 200

    @task
    def first(x):
        notes.write("first")
        return x

    @task
    def second(x):
        notes.write("second")
        return x

    with Flow("wide") as flow:
        ended = second.map(first.map(range(width)))
    assert flow.run(executor=executor).result[ended].result == list(range(width))
    before_the_first_end = notes.position("second")
    assert before_the_first_end < width / 2


def test_b4_a_started_loop_goes_on_before_new_ones_begin(executor, tmp_path):
    notes = Notes(tmp_path)
    width = 120

    @task
    def loop(x):
        n = context.get("task_loop_count", 1)
        notes.write(n)
        if n < 3:
            raise LOOP()
        return x

    with Flow("wide") as flow:
        ended = loop.map(range(width))
    assert flow.run(executor=executor).result[ended].result == list(range(width))
    begun_before_the_first_end = notes.read()[: notes.position(3)].count((1,))
    assert begun_before_the_first_end < width / 2


def test_s7_inline_runs_everything_in_the_calling_thread(tmp_path):
    notes = Notes(tmp_path)

    @task
    def remember(x):
        notes.write(threading.get_ident())
        if context.get("task_loop_count", 1) < 3:
            raise LOOP()
        return x

    with Flow("w") as flow:
        remember.map([1, 2])
    assert flow.run(executor="inline").is_successful()
    assert notes.read() == [(threading.get_ident(),)] * 6


def test_s7_inline_needs_no_dask(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys
            from daskloop import Flow, task

            @task
            def give(x):
                return x

            with Flow("f") as flow:
                given = give.map([1, 2])
            assert flow.run(executor="inline").result[given].result == [1, 2]
            assert "distributed" not in sys.modules
            """
        )
    )
    subprocess.run([sys.executable, str(script)], check=True, timeout=PATIENCE)


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """A folder under a name that means another one in each process: workers do not share it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", "/proc/self/cwd")
    return Path("/proc/self/cwd")


@pytest.mark.skipif(sys.platform != "linux", reason="names folders by /proc")
def test_where_workers_share_no_folder_large_values_travel_and_runs_are_resumed(
    processes_client, apart, tmp_path, caplog
):
    @task
    def grow(x):
        so_far = context.get("task_loop_result", b"")
        if len(so_far) < 300_000:
            raise LOOP(result=so_far + bytes(100_000))
        if x == 2 and not (tmp_path / "mended").exists():
            raise ValueError("resume it")
        return so_far

    with Flow("apart") as flow:
        grown = grow.map([1, 2])
    options = {"executor": processes_client, "journal": apart / "runs"}
    state = flow.run(**options)
    assert "share no folder with this process: values above 8192 bytes travel" in caplog.text
    first, second = state.result[grown].map_states
    assert first.result == second.loop_payload == bytes(300_000)
    (tmp_path / "mended").touch()
    state = flow.run(**options, resume=True)
    assert state.result[grown].result == [bytes(300_000)] * 2
    assert [one.loop_count for one in state.result[grown].map_states] == [4, 4]
    (run,) = (tmp_path / "runs").iterdir()
    assert not list(run.glob("payloads/*")), "no worker could have read them"


@pytest.mark.skipif(sys.platform != "linux", reason="names folders by /proc")
def test_at_most_once_is_refused_where_nobody_could_tell_whether_an_attempt_has_begun(
    processes_client, apart, tmp_path
):
    trace = Trace(tmp_path)

    @task(at_most_once=True)
    def pay():
        trace.note("paid")
        return "paid"

    with Flow("once") as flow:
        paid = pay()
    options = {"executor": processes_client, "journal": apart / "runs"}
    with pytest.raises(DaskloopError, match=r"'pay' is at_most_once, .* pass store= to flow.run"):
        flow.run(**options)
    assert trace.notes() == []
    state = flow.run(**options, store=tmp_path / "store")
    assert state.result[paid].result == "paid"
