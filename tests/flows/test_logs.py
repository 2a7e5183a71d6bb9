"""What tasks log: it reaches the process that drives the run, with whose it is, within bounds."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from typing import Any

import dask
import pytest

from daskloop import Flow, context, get_run_logger, task
from daskloop.engine.signals import LOOP

_barriers = {"prints": threading.Barrier(2)}

on_all = pytest.mark.parametrize(
    "executor", ["inline", "threads", "processes", "threads-auto"], indirect=True
)
on_threads = pytest.mark.parametrize("executor", ["threads"], indirect=True)
on_processes = pytest.mark.parametrize("executor", ["processes"], indirect=True)


def wait_for_the_other() -> None:
    """Wait on a barrier that stays in this process: tasks name this, and do not carry it."""
    _barriers["prints"].wait(20)


def lines_of(caplog: pytest.LogCaptureFixture, name: str = "daskloop.task") -> list[str]:
    """List what came out of the loggers of tasks."""
    return [record.getMessage() for record in of_tasks(caplog, name)]


def of_tasks(caplog: pytest.LogCaptureFixture, name: str = "daskloop.task") -> list[Any]:
    """List the records of tasks."""
    return [record for record in caplog.records if record.name.startswith(name)]


@on_all
def test_a_record_says_whose_it_is(executor, caplog):
    @task(max_retries=1)
    def count_down(n):
        left = context.get("task_loop_result", n)
        get_run_logger().info("%d left", left)
        if left == 1 and context.task_run_count == 1:
            raise ConnectionError("once")
        if left == 0:
            return "done"
        raise LOOP(f"{left} left", left - 1)

    with Flow("counts") as flow:
        count_down.map([0, 1])
    with caplog.at_level(logging.INFO, logger="daskloop"):
        assert flow.run(executor=executor).is_successful()
    found = of_tasks(caplog)
    told = [
        (one.child, one.map_index, one.iteration, one.attempt, one.said)
        for one in sorted(found, key=lambda one: (one.child, one.iteration, one.attempt))
    ]
    assert told == [
        ("count_down[0]", 0, 1, 1, "0 left"),
        ("count_down[1]", 1, 1, 1, "1 left"),
        ("count_down[1]", 1, 1, 2, "1 left"),
        ("count_down[1]", 1, 2, 1, "0 left"),
    ]
    assert {one.name for one in found} == {"daskloop.task.count_down"}
    assert {(one.task, one.flow, one.levelname) for one in found} == {
        ("count_down", "counts", "INFO")
    }
    (run,) = {one.run for one in found}
    assert run in caplog.text
    assert "count_down[1]: iteration 1, try 2: 1 left" in lines_of(caplog)


@on_all
def test_a_record_comes_before_what_its_attempt_ended_with(executor, caplog):
    @task
    def talk():
        context.logger.info("a word")
        raise ValueError("the end")

    with Flow("order") as flow:
        talk()
    with caplog.at_level(logging.INFO, logger="daskloop"):
        flow.run(executor=executor)
    text = caplog.text
    assert text.index("a word") < text.index("the end")


@on_all
def test_what_is_printed_is_logged_if_the_task_asks_for_it(executor, caplog, capsys):
    before = sys.stdout

    @task(log_stdout=True)
    def speak(n):
        print("line", n, flush=True)
        sys.stdout.write("in ")
        sys.stdout.write("pieces\n\n")
        print("without an end", end="")
        assert sys.stdout.writable()

    @task
    def whisper(n):
        print("not logged")

    with Flow("prints") as flow:
        speak.map([1, 2])
        whisper(3)
    with caplog.at_level(logging.INFO, logger="daskloop"):
        assert flow.run(executor=executor).is_successful()
    for child, n in (("speak[0]", 1), ("speak[1]", 2)):
        said = [one.said for one in of_tasks(caplog) if one.child == child]
        assert said == [f"line {n}", "in pieces", "without an end"]
    assert "not logged" not in caplog.text
    assert sys.stdout is before
    assert "line" not in capsys.readouterr().out


@on_threads
def test_what_is_printed_stays_where_it_was_if_nobody_would_see_it_in_the_log(
    executor, caplog, capsys
):
    @task(log_stdout=True)
    def speak():
        print("a word")

    with Flow("prints") as flow:
        speak()
    with caplog.at_level(logging.WARNING, logger="daskloop"):
        flow.run(executor=executor)
    assert "a word" not in caplog.text
    assert "a word" in capsys.readouterr().out


@on_threads
def test_prints_of_attempts_at_the_same_time_are_not_mixed_up(executor, caplog):
    @task(log_stdout=True)
    def speak(name):
        for _ in range(20):
            print(name, end="")
            wait_for_the_other()  # both are in the middle of a line
            print(name)

    with Flow("prints") as flow:
        speak.map(["a", "b"])
    with caplog.at_level(logging.INFO, logger="daskloop"):
        assert flow.run(executor=executor).is_successful()
    for child, name in (("speak[0]", "a"), ("speak[1]", "b")):
        said = [one.said for one in of_tasks(caplog) if one.child == child]
        assert said == [name + name] * 20


@on_all
def test_what_is_written_by_writelines_and_over_long_lines_is_logged(executor, caplog):
    @task(log_stdout=True)
    def speak():
        sys.stdout.writelines(["one\n", "two ", "and three\n"])
        for _ in range(3):
            sys.stdout.write("x" * 40_000)  # a progress bar never ends its line
        sys.stdout.write("end\n")

    with Flow("prints") as flow:
        speak()
    with caplog.at_level(logging.INFO, logger="daskloop"):
        assert flow.run(executor=executor).is_successful()
    one, two, long, rest = [one.said for one in of_tasks(caplog)]
    assert (one, two) == ("one", "two and three")
    assert long.startswith("xxx") and long.endswith("x… (80,000 characters)")
    assert rest.startswith("xxx") and rest.endswith("x… (40,003 characters)")


@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
def test_a_program_without_a_stdout_has_what_tasks_print_in_its_log(executor, caplog, monkeypatch):
    @task(log_stdout=True)
    def speak():
        print("a word", flush=True)
        thread = threading.Thread(target=print, args=("not of the task",))
        thread.start()
        thread.join()

    with Flow("prints") as flow:
        speak()
    monkeypatch.setattr(sys, "stdout", None)  # as Python itself does where it was closed
    with caplog.at_level(logging.INFO, logger="daskloop"):
        state = flow.run(executor=executor)
    assert state.is_successful(), state.result
    assert sys.stdout is None
    assert [one.said for one in of_tasks(caplog)] == ["a word"]


_turns = {name: threading.Event() for name in ("redirected", "begun", "put back")}


def turn(name: str) -> None:
    """Say that something is done, see `wait_for_the_other`."""
    _turns[name].set()


def wait_for_turn(name: str) -> None:
    """Wait until it is."""
    assert _turns[name].wait(20)


@on_threads
def test_a_task_that_redirects_stdout_beside_another_leaves_it_as_it_was(executor, caplog, capsys):
    before = sys.stdout

    @task(log_stdout=True)
    def redirect():
        with contextlib.redirect_stdout(io.StringIO()) as own:
            print("kept")
            turn("redirected")
            wait_for_turn("begun")
        print("logged")
        turn("put back")
        return own.getvalue()

    @task(log_stdout=True)
    def beside():
        turn("begun")
        print("first")
        wait_for_turn("put back")
        print("last")

    @task
    def wait():
        wait_for_turn("redirected")

    with Flow("prints") as flow:
        own = redirect()
        beside(upstream_tasks=[wait()])
    with caplog.at_level(logging.INFO, logger="daskloop"):
        state = flow.run(executor=executor)
    assert state.is_successful(), state.result
    assert state.result[own].result == "kept\n"
    assert sorted(one.said for one in of_tasks(caplog)) == ["first", "last", "logged"]
    assert sys.stdout is before
    assert capsys.readouterr().out == ""


@on_processes
def test_a_worker_sends_no_more_than_is_wanted_and_says_so(executor, caplog):
    @task
    def chatter():
        for n in range(1_000):
            context.logger.info("line %d", n)

    with Flow("chatters") as flow:
        chatter()
    with (
        caplog.at_level(logging.INFO, logger="daskloop"),
        dask.config.set({"daskloop.log-lines": 10}),
    ):
        flow.run(executor=executor)
    said = [one.said for one in of_tasks(caplog)]
    left_out = "990 lines were left out here (see daskloop.log-lines and daskloop.log-size)"
    assert said == [
        *(f"line {n}" for n in range(5)),
        left_out,
        *(f"line {n}" for n in range(995, 1_000)),
    ]


@on_processes
def test_what_the_logger_in_the_driver_would_not_let_through_does_not_travel(executor, caplog):
    @task
    def talk():
        logger = get_run_logger()
        logger.info("too quiet")
        logger.warning("loud enough")
        return logger.isEnabledFor(logging.INFO), logger.isEnabledFor(logging.WARNING)

    with Flow("levels") as flow:
        talked = talk()
    with caplog.at_level(logging.WARNING, logger="daskloop.task"):
        state = flow.run(executor=executor)
    assert state.result[talked].result == (False, True)
    assert [one.said for one in of_tasks(caplog)] == ["loud enough"]


@on_processes
def test_a_traceback_travels_as_text_and_its_lines_are_made_safe(executor, caplog):
    @task
    def fail():
        try:
            raise ValueError("red \x1b[31m text")
        except ValueError:
            get_run_logger().exception("it broke: %s", "\x1b[31m")

    with Flow("traces") as flow:
        fail()
    with caplog.at_level(logging.INFO, logger="daskloop"):
        flow.run(executor=executor)
    (record,) = of_tasks(caplog)
    assert record.levelname == "ERROR"
    shown = logging.Formatter("%(message)s").format(record)
    assert "it broke: \\x1b[31m" in shown
    assert "ValueError: red \\x1b[31m text" in shown
    assert "\x1b" not in shown
    assert all(line.startswith("  ") for line in shown.split("\n")[1:])


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"], indirect=True)
@pytest.mark.parametrize("timeout", [None, 20])
def test_what_libraries_log_in_a_task_is_seen_once_on_every_executor(executor, timeout, caplog):
    @task(timeout=timeout)
    def use():
        logging.getLogger("some.library").info("connected")
        logging.getLogger("other.library").warning("not asked for")
        get_run_logger().info("done")

    with Flow("uses") as flow:
        use()
    with (
        caplog.at_level(logging.INFO, logger="daskloop.task"),
        caplog.at_level(logging.INFO, logger="some"),
        dask.config.set({"daskloop.log-loggers": ["some", "some.library"]}),
    ):
        assert flow.run(executor=executor).is_successful()
    own = lines_of(caplog)
    assert own == ["use: iteration 1, try 1: done"]
    (line,) = lines_of(caplog, "some.library")
    assert line.endswith("connected")


@pytest.mark.parametrize("executor", ["threads", "processes"], indirect=True)
def test_what_an_attempt_said_before_its_time_was_up_is_kept(executor, caplog):
    @task(timeout=0.3, log_stdout=True)
    def hang():
        get_run_logger().warning("about to hang")
        print("for good")
        threading.Event().wait(2)
        get_run_logger().warning("nobody hears this")

    with Flow("hangs") as flow:
        hung = hang()
    with caplog.at_level(logging.INFO, logger="daskloop"):
        state = flow.run(executor=executor)
    assert type(state.result[hung]).__name__ == "TimedOut"
    assert [one.said for one in of_tasks(caplog)] == ["about to hang", "for good"]


@on_processes
def test_an_attempt_with_a_timeout_that_ends_in_time_has_its_log(executor, caplog):
    @task(timeout=20)
    def talk(n):
        for line in range(3):
            get_run_logger().info("line %d", line)
        threads = [threading.Thread(target=context.logger.info, args=("aside",)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return n

    with Flow("talks") as flow:
        talk.map([1, 2])
    with caplog.at_level(logging.INFO, logger="daskloop"):
        assert flow.run(executor=executor).is_successful()
    for child in ("talk[0]", "talk[1]"):
        said = [one.said for one in of_tasks(caplog) if one.child == child]
        assert said == ["line 0", "line 1", "line 2", *["aside"] * 8]


class Odd:
    """Has no text."""

    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize("executor", ["inline", "processes"], indirect=True)
def test_what_is_given_by_extra_is_an_attribute_of_the_record(executor, caplog):
    @task
    def read():
        given = {"page": 3, "site": "a.org", "odd": Odd(), "child": "somebody else", "trace": "x"}
        get_run_logger().info("read", extra=given)

    with Flow("reads") as flow:
        read()
    with caplog.at_level(logging.INFO, logger="daskloop"):
        assert flow.run(executor=executor).is_successful()
    (record,) = of_tasks(caplog)
    assert (record.page, record.site, record.child) == (3, "a.org", "read")
    assert record.odd == "<Odd whose str raised RuntimeError>"


@on_all
def test_a_message_cannot_forge_a_line(executor, caplog):
    @task
    def forge():
        get_run_logger().warning("one\nERROR all is lost")

    with Flow("forges") as flow:
        forge()
    with caplog.at_level(logging.INFO, logger="daskloop"):
        flow.run(executor=executor)
    assert lines_of(caplog) == ["forge: iteration 1, try 1: one ERROR all is lost"]


def test_hooks_and_handlers_have_a_logger_that_says_whose_it_is(caplog):
    def hook(task, state):
        get_run_logger().info("ended as %s at 100%%", type(state).__name__)

    def handler(task, old, new):
        context.logger.warning("no argument but 5 %", extra={"colour": "blue"})

    @task(on_completion=hook, state_handlers=[handler])
    def one(x):
        return x

    with Flow("hooks") as flow:
        one.map([1], names=["a%20b"])
    with caplog.at_level(logging.INFO, logger="daskloop"):
        flow.run(executor="inline")
    child = [record for record in of_tasks(caplog) if record.child == "one[a%20b]"]
    assert "one[a%20b]: iteration 1, try 1: ended as Success at 100%" in lines_of(caplog)
    assert "one[a%20b]: iteration 1, try 1: no argument but 5 %" in lines_of(caplog)
    assert {getattr(record, "colour", "blue") for record in child} == {"blue"}


def test_outside_of_a_run_the_logger_is_a_plain_one(caplog):
    @task
    def talk():
        get_run_logger().warning("called as a function")

    talk.run()
    assert lines_of(caplog) == ["called as a function"]


def test_a_message_that_does_not_fit_its_arguments_fails_nothing(caplog, capsys):
    @task
    def slip():
        context.logger.warning("%d", "text")
        return 1

    with Flow("slips") as flow:
        slipped = slip()
    with caplog.at_level(logging.INFO, logger="daskloop"):
        state = flow.run(executor="inline")
    assert state.result[slipped].result == 1
    assert "Logging error" in capsys.readouterr().err


def test_log_stdout_is_true_or_false():
    with pytest.raises(TypeError, match="log_stdout='yes': give True or False"):
        task(lambda: 1, log_stdout="yes")


def test_a_retry_without_a_delay_is_made_at_once(caplog):
    @task(max_retries=1)
    def flaky():
        if context.task_run_count == 1:
            raise ValueError("once")

    with Flow("retries") as flow:
        flaky()
    with caplog.at_level(logging.INFO, logger="daskloop"):
        flow.run(executor="inline")
    assert "flaky: try 2 at once" in lines_of(caplog, "daskloop.run")


@pytest.mark.parametrize(("name", "value"), [("log-lines", "many"), ("log-size", "much")])
def test_a_setting_that_makes_no_sense_is_refused_before_anything_runs(name, value):
    with Flow("settings") as flow:
        task(lambda: 1, name="one")()
    with (
        dask.config.set({f"daskloop.{name}": value}),
        pytest.raises(ValueError, match=f"daskloop.{name} is {value!r}"),
    ):
        flow.run(executor="inline")
