"""Workers that die under a task: a budget of their own, and nobody else is charged (rule R8)."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import dask
import pytest
from distributed import Client, LocalCluster

from daskloop import Flow, context, task, unmapped
from daskloop.engine.signals import LOOP
from tests.flows.traces import Sightings, Trace, attempt, linger


@pytest.fixture(autouse=True)
def patient():
    """Have clusters of others wait for workers that take longer to come back."""
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "10 minutes"}):
        yield


def run(flow, **options):
    """Run on worker processes that the run itself starts, so that they share a store."""
    return flow.run(executor="processes", workers=2, **options)


def die(how):
    """End this worker process without a word."""
    if how == "exit":
        os._exit(7)
    signal.raise_signal(getattr(signal, how))  # os.kill may pick another thread, a little later
    raise AssertionError("still alive")


CAUSES = {
    "exit": r"\bexit\w*\b.*\b7\b",
    "SIGKILL": r"SIGKILL|signal 9",
    "SIGSEGV": r"SIGSEGV|signal 11|segmentation",
}


@pytest.mark.parametrize("how", CAUSES)
def test_r08_c60_a_worker_lost_at_iteration_3_costs_that_attempt_alone(tmp_path, how):
    trace = Trace(tmp_path)

    @task
    def loop():
        count, tried = attempt()
        trace.note(count, tried, context.get("task_loop_result"))
        if count == 3 and trace.first():
            die(how)
        if count < 5:
            raise LOOP(result=f"payload of {count}")
        return "end"

    with Flow("loss") as flow:
        end = loop()
    state = run(flow)
    assert state.is_successful()
    assert state.result[end].result == "end"
    assert trace.notes() == [
        (1, 1, None),
        (2, 1, "payload of 1"),
        (3, 1, "payload of 2"),
        (3, 1, "payload of 2"),
        (4, 1, "payload of 3"),
        (5, 1, "payload of 4"),
    ]


def test_r08_a_large_payload_outlives_the_worker_that_made_it(tmp_path):
    trace = Trace(tmp_path)

    @task
    def loop():
        import numpy

        count, tried = attempt()
        trace.note(count, tried)
        numbers = context.get("task_loop_result", numpy.zeros(500_000))
        assert (numbers == count - 1).all()
        if count == 3 and trace.first():
            die("SIGKILL")
        if count < 4:
            raise LOOP(result=numbers + 1)
        return numbers

    @task
    def total(numbers):
        return float(numbers.sum())

    with Flow("large") as flow:
        numbers = loop()
        end = total(numbers)
    state = run(flow)
    assert state.result[end].result == 1_500_000
    assert trace.notes() == [(1, 1), (2, 1), (3, 1), (3, 1), (4, 1)]
    assert state.result[numbers].result.shape == (500_000,)


def test_r08_a_recorded_result_is_not_made_again_when_its_worker_dies(tmp_path):
    trace = Trace(tmp_path)

    @task
    def make(number):
        trace.note("make", number)
        return bytes([number]) * 200_000

    @task
    def use(values):
        trace.note("use")
        if trace.first():
            die("SIGKILL")
        return [value[0] for value in values]

    with Flow("made") as flow:
        made = make.map([1, 2, 3, 4])
        end = use(made)
    state = run(flow)
    assert state.result[end].result == [1, 2, 3, 4]
    assert Counter(trace.notes()) == {
        **{("make", n): 1 for n in (1, 2, 3, 4)},
        ("use",): 2,
    }
    assert [value[:1] for value in state.result[made].result] == [b"\1", b"\2", b"\3", b"\4"]


@pytest.mark.parametrize("how", CAUSES)
def test_r08_poison_among_innocents_crashes_alone_and_its_cause_is_named(tmp_path, how):
    trace = Trace(tmp_path)

    @task
    def work(number):
        trace.note(number, context.task_run_count)
        if number == 5:
            die(how)
        return number * number

    @task
    def after(value):
        return value + 1

    @task
    def elsewhere():
        return "fine"

    with Flow("poison") as flow:
        ended = work.map(list(range(12)))
        follow = after.map(ended)
        beside = elsewhere()
    state = run(flow)
    assert state.is_failed()
    children = state.result[ended].map_states
    assert [type(child).__name__ for child in children] == [
        "Crashed" if number == 5 else "Success" for number in range(12)
    ]
    assert [child.result for number, child in enumerate(children) if number != 5] == [
        number * number for number in range(12) if number != 5
    ]
    crashed = children[5]
    assert crashed.is_failed()
    assert isinstance(crashed.result, Exception)
    assert re.search(CAUSES[how], crashed.message, re.IGNORECASE), crashed.message
    assert "max_worker_losses" in crashed.message
    assert "work[5]" in crashed.message
    followers = state.result[follow].map_states
    assert [child.is_trigger_failed() for child in followers] == [n == 5 for n in range(12)]
    assert state.result[beside].result == "fine"
    starts = Counter(number for number, _ in trace.notes())
    assert starts[5] == 4  # the first, and one for each of the three losses that were allowed
    assert {tried for _, tried in trace.notes()} == {1}


def test_r08_several_poisons_at_once_crash_and_all_others_are_right(tmp_path):
    @task(max_worker_losses=1)
    def work(number):
        if number % 7 == 3:
            die("exit")
        if context.get("task_loop_count", 1) < 3:
            raise LOOP(result=number)
        return context.task_loop_result + 1

    with Flow("poisons") as flow:
        ended = work.map(list(range(18)))
    children = run(flow).result[ended].map_states
    poisons = {3, 10, 17}
    assert {i for i, child in enumerate(children) if child.is_crashed()} == poisons
    for number, child in enumerate(children):
        if number not in poisons:
            assert child.result == number + 1


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_r08_max_worker_losses_is_the_number_of_losses_survived(tmp_path, allowed):
    trace = Trace(tmp_path)

    @task(max_worker_losses=allowed)
    def poison():
        trace.note("poison")
        die("SIGKILL")

    @task(max_worker_losses=allowed)
    def recovers():
        trace.note("recovers")
        if trace.notes().count(("recovers",)) <= allowed:
            die("SIGKILL")
        return "end"

    with Flow("allowed") as flow:
        bad, good = poison(), recovers()
    state = run(flow)
    assert state.result[bad].is_crashed()
    assert "max_worker_losses" in state.result[bad].message
    assert state.result[good].result == "end"
    starts = Counter(name for (name,) in trace.notes())
    assert starts == {"poison": allowed + 1, "recovers": allowed + 1}


def test_r08_losses_leave_the_budget_of_retries_untouched(tmp_path):
    trace, seen = Trace(tmp_path), Sightings()

    @task(max_retries=1, state_handlers=[seen])
    def fragile():
        trace.note(*attempt())
        if trace.first("first loss"):
            die("SIGKILL")
        if trace.first("failure"):
            raise ValueError("own fault")
        if trace.first("second loss"):
            die("exit")
        return "end"

    with Flow("budgets") as flow:
        end = fragile()
    assert run(flow).result[end].result == "end"
    assert trace.notes() == [(1, 1), (1, 1), (1, 2), (1, 2)]
    assert seen.names().count("Failed") == 1
    assert seen.names().count("Retrying") == 1


def test_r08_a_crash_is_not_retried_out_of_the_budget_of_retries(tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=5, max_worker_losses=1)
    def poison():
        trace.note(context.task_run_count)
        die("exit")

    with Flow("poison") as flow:
        end = poison()
    state = run(flow)
    assert state.result[end].is_crashed()
    assert trace.notes() == [(1,), (1,)]


def test_r11_at_most_once_is_not_run_again(tmp_path):
    trace = Trace(tmp_path)

    @task(at_most_once=True)
    def pay(number):
        trace.note(number)
        if number == 2:
            die("SIGKILL")
        return number

    with Flow("once") as flow:
        paid = pay.map([0, 1, 2, 3, 4, 5])
    children = run(flow).result[paid].map_states
    assert [child.is_crashed() for child in children] == [n == 2 for n in range(6)]
    assert Counter(trace.notes()) == {(n,): 1 for n in range(6)}
    assert "at_most_once" in children[2].message


def test_r11_at_most_once_holds_for_each_iteration_of_a_loop(tmp_path):
    trace = Trace(tmp_path)

    @task(at_most_once=True)
    def pay():
        count = context.get("task_loop_count", 1)
        trace.note(count)
        if count == 3:
            die("exit")
        raise LOOP(message=f"m{count}", result=count)

    with Flow("once") as flow:
        paid = pay()
    failed = run(flow).result[paid]
    assert failed.is_crashed()
    assert failed.loop_count == 3
    assert failed.loop_payload == 2
    assert trace.notes() == [(1,), (2,), (3,)]


def test_r08_the_idempotency_key_is_the_same_after_a_loss(tmp_path):
    trace = Trace(tmp_path)

    @task
    def pay():
        trace.note(context.idempotency_key)
        if trace.first():
            die("SIGKILL")

    with Flow("pay") as flow:
        pay()
    assert run(flow).is_successful()
    first, second = trace.notes()
    assert first == second


def test_r08_all_workers_lost_at_once_cost_their_attempts_alone(tmp_path):
    trace = Trace(tmp_path)

    @task
    def fragile(number):
        trace.note(number, *attempt())
        if number < 2 and context.get("task_loop_count", 1) == 2:
            trace.first(f"ready {number}")
            # Both at the same moment, each on a worker of its own.
            if trace.first(f"dies {number}"):
                trace.note("dying", number)
                trace.wait_for("dying", 1 - number, seconds=10)
                die("SIGKILL")
        if context.get("task_loop_count", 1) < 3:
            raise LOOP(result=number)
        return number

    with Flow("all") as flow:
        ended = fragile.map(list(range(6)))
    assert run(flow).result[ended].result == list(range(6))
    starts = Counter(note for note in trace.notes() if note[0] != "dying")
    again = {note for note, times in starts.items() if times > 1}
    assert again == {(0, 2, 1), (1, 2, 1)}


def test_r08_a_crashed_task_fails_what_depends_on_it_and_nothing_else(tmp_path):
    @task(max_worker_losses=0)
    def poison():
        die("exit")

    @task
    def steady(value):
        return value

    with Flow("branches") as flow:
        bad = poison()
        follow = steady(bad)
        good = steady(steady(1))
    state = run(flow)
    assert state.is_failed()
    assert state.result[bad].is_crashed()
    assert state.result[follow].is_trigger_failed()
    assert state.result[good].result == 1
    with pytest.raises(type(state.result[bad].result)) as raised:
        state.raise_if_failed()
    assert raised.value is state.result[bad].result


def test_r08_hooks_and_handlers_hear_of_a_crash_once(tmp_path):
    seen, calls = Sightings(), []

    @task(
        max_worker_losses=1,
        state_handlers=[seen],
        on_failure=lambda task, state: calls.append(("failure", type(state).__name__)),
        on_final_failure=lambda task, state: calls.append(("final", type(state).__name__)),
    )
    def poison():
        die("exit")

    with Flow("heard") as flow:
        poison()
    assert run(flow).is_failed()
    assert seen.names()[0] == "Running"
    assert seen.names()[-1] == "Crashed"
    assert seen.names().count("Crashed") == 1
    assert calls == [("failure", "Crashed"), ("final", "Crashed")]


def test_r08_a_lost_worker_under_a_waiting_retry_costs_nothing(tmp_path):
    trace = Trace(tmp_path)

    @task(max_retries=1, retry_delay=1.5, max_worker_losses=0)
    def waits():
        trace.note("waits", context.task_run_count)
        if context.task_run_count == 1:
            raise ValueError
        return "end"

    @task
    def kills(number):
        if trace.first(f"kill {number}"):
            die("SIGKILL")
        return number

    with Flow("waits") as flow:
        end = waits()
        killed = kills.map([0, 1])
    state = run(flow)
    assert state.result[end].result == "end"
    assert state.result[killed].result == [0, 1]
    assert trace.notes() == [("waits", 1), ("waits", 2)]


@pytest.mark.parametrize("executor", ["processes"], indirect=True)
def test_r08_a_client_without_a_store_survives_losses_too(executor, tmp_path):
    trace = Trace(tmp_path)

    @task
    def loop(number):
        count, _ = attempt()
        trace.note(number, count)
        if (number, count) == (1, 2) and trace.first():
            die("SIGKILL")
        if count < 4:
            raise LOOP(result=count)
        return number

    with Flow("client") as flow:
        ended = loop.map([0, 1, 2, 3])
    state = flow.run(executor=executor)
    assert state.result[ended].result == [0, 1, 2, 3]
    starts = Counter(trace.notes())
    assert starts[1, 2] == 2
    assert starts[1, 1] == starts[1, 3] == starts[1, 4] == 1


def test_r08_a_client_that_is_restarted_costs_the_attempts_that_were_running(
    processes_client, tmp_path
):
    trace = Trace(tmp_path)

    @task
    def loop(number):
        count, tried = attempt()
        trace.note(number, count, tried)
        if count == 2 and trace.first(number):
            trace.wait_for("never", seconds=60)  # until its worker is ended
        if count < 3:
            raise LOOP(result=count)
        return number

    with Flow("restarted") as flow:
        ended = loop.map([0, 1])
    going = flow.submit(executor=processes_client)
    for number in (0, 1):
        assert trace.wait_for(number, 2, 1)
    processes_client.restart()
    state = going.result(60)
    assert state.is_successful()
    assert state.result[ended].result == [0, 1]
    assert Counter(trace.notes()) == {
        (number, count, 1): 2 if count == 2 else 1 for number in (0, 1) for count in (1, 2, 3)
    }


@pytest.mark.parametrize("executor", ["processes"], indirect=True)
def test_r08_poison_on_a_client_without_a_store_crashes_alone(executor):
    @task(max_worker_losses=1)
    def work(number):
        if number == 3:
            die("exit")
        return number

    with Flow("client") as flow:
        ended = work.map(list(range(8)))
    children = flow.run(executor=executor).result[ended].map_states
    assert [child.is_crashed() for child in children] == [n == 3 for n in range(8)]
    assert [child.result for n, child in enumerate(children) if n != 3] == [0, 1, 2, 4, 5, 6, 7]


@pytest.mark.parametrize("executor", ["processes"], indirect=True)
def test_r08_two_runs_on_one_cluster_are_charged_each_for_its_own_losses(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(max_worker_losses=1)
    def poison():
        trace.note("poison")
        die("SIGKILL")

    @task(max_worker_losses=0)
    def innocent(number):
        if context.get("task_loop_count", 1) < 3:
            raise LOOP(result=number)
        return number

    with Flow("bad") as bad:
        ended = poison()
    with Flow("good") as good:
        numbers = innocent.map(list(range(8)))
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(flow.run, executor=executor) for flow in (bad, good)]
        bad_state, good_state = (one.result() for one in running)
    assert bad_state.result[ended].is_crashed()
    assert len(trace.notes()) == 2
    assert good_state.result[numbers].result == list(range(8))


@pytest.mark.parametrize("executor", ["processes"], indirect=True)
def test_r11_at_most_once_holds_on_a_client_without_a_store(executor, tmp_path):
    trace = Trace(tmp_path)

    @task(at_most_once=True)
    def pay(number):
        trace.note(number)
        if number == 2:
            die("SIGKILL")
        return number

    with Flow("once") as flow:
        paid = pay.map([0, 1, 2, 3, 4, 5])
    children = flow.run(executor=executor).result[paid].map_states
    assert [child.is_crashed() for child in children] == [n == 2 for n in range(6)]
    assert Counter(trace.notes()) == {(n,): 1 for n in range(6)}


def test_f00_row63_a_task_that_forks_or_closes_what_its_process_had_open_stops_nothing(tmp_path):
    @task
    def forks():
        child = os.fork()
        if not child:
            os._exit(0)
        return os.waitpid(child, 0)[1]

    @task
    def moves():
        folder = tmp_path / f"gone {os.getpid()}"
        folder.mkdir()
        os.chdir(folder)
        folder.rmdir()
        return "moved"

    @task
    def closes(after):
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        return "closed"

    @task
    def works(after, number):
        if context.get("task_loop_count", 1) < 3:
            raise LOOP(result=bytes(200_000))
        return number

    with Flow("rude") as flow:
        forked = forks()
        closed = closes(moves())
        ended = works.map(unmapped(closed), list(range(6)))
    state = run(flow)
    assert state.result[forked].result == 0
    assert state.result[closed].result == "closed"
    assert state.result[ended].result == list(range(6))


@pytest.mark.timeout(60)
def test_w09_an_attempt_that_prefers_a_worker_goes_on_although_all_workers_died_for_a_moment(
    tmp_path,
):
    trace = Trace(tmp_path)

    @task
    def loop():
        count, _ = attempt()
        if count == 3 and trace.first():
            die("SIGKILL")
        if count < 5:
            raise LOOP(result=bytes(100_000))  # stored, and so best read where it was written
        return count

    with Flow("alone") as flow:
        end = loop()
    assert flow.run(executor="processes", workers=1).result[end].result == 5


@pytest.mark.parametrize("batch", [1, "auto"])
def test_r08_beside_what_takes_a_worker_of_two_threads_down_nobody_else_is_given_up(batch):
    @task(max_worker_losses=1)
    def work(number):
        linger(0.3 if number == 0 else 0.6)  # so that both execute when the worker dies
        if number == 0:
            os._exit(7)
        return number

    with Flow("beside") as flow:
        ended = work.map([0, 1])
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
        ) as cluster,
        Client(cluster) as client,
    ):
        children = flow.run(executor=client, batch=batch).result[ended].map_states
    assert [type(child).__name__ for child in children] == ["Crashed", "Success"]
