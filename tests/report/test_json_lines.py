"""A record is one line of JSON, with whose it is beside the message."""

from __future__ import annotations

import io
import json
import logging

import pytest

from daskloop import Flow, get_run_logger, task
from daskloop.report.json_lines import JsonLines


@pytest.fixture
def lines():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("daskloop")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_every_line_of_a_run_is_an_object_that_says_whose_it_is(lines):
    @task(max_retries=1)
    def speak(n):
        get_run_logger().warning("\x1b[31mrøt\n%d", n, extra={"colour": "red"})
        if n:
            raise ValueError("no")

    with Flow("speaks") as flow:
        speak.map([0, 1])
    flow.run(executor="inline")
    told = lines()
    (run,) = {line["run"] for line in told}
    assert {line["event"] for line in told if "event" in line} == {
        "RunStarted",
        "MapOpened",
        "AttemptFailed",
        "RetryScheduled",
        "ChildEnded",
        "RunEnded",
    }
    said = [line for line in told if line["logger"] == "daskloop.task.speak"]
    assert [(line["child"], line["attempt"], line["message"]) for line in said] == [
        ("speak[0]", 1, "\x1b[31mrøt\n0"),
        ("speak[1]", 1, "\x1b[31mrøt\n1"),
        ("speak[1]", 2, "\x1b[31mrøt\n1"),
    ]
    assert said[0] == {
        "time": said[0]["time"],
        "level": "WARNING",
        "logger": "daskloop.task.speak",
        "message": "\x1b[31mrøt\n0",
        "run": run,
        "flow": "speaks",
        "task": "speak",
        "child": "speak[0]",
        "map_index": 0,
        "iteration": 1,
        "attempt": 1,
        "worker": "inline",
        "extra": {"colour": "red"},
    }


def test_a_line_holds_nothing_that_a_terminal_would_obey():
    record = logging.LogRecord("l", logging.INFO, "", 0, "\x1b[31m \u202e é", None, None)
    assert JsonLines().format(record).isascii()
    assert "\x1b" not in JsonLines().format(record)


def test_a_traceback_is_part_of_its_line(lines):
    try:
        raise KeyError("gone")
    except KeyError:
        logging.getLogger("daskloop.run").exception("it broke")
    ((line),) = lines()
    assert line["message"] == "it broke"
    assert line["trace"].endswith("KeyError: 'gone'")
