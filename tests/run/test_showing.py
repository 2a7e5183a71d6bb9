"""The thread that shows a run: it tells the end last, and never holds the run up."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from daskloop.dashboard.views import NOBODY, Asked, RunView
from daskloop.run import showing as module
from daskloop.run.board import Board
from daskloop.run.showing import Showing
from daskloop.states import Success
from tests.run.driven import Driven, Plain, graph_of

CLIENT: Any = SimpleNamespace(
    scheduler=SimpleNamespace(address="tcp://10.0.0.7:8786"),
    dashboard_link="http://10.0.0.7:8787/status",
)


class Scheduler:
    """Stands for a messenger: keeps what it is told, and answers as it was asked to."""

    def __init__(self, *answers: Asked | Exception | None) -> None:
        self.told: list[RunView] = []
        self.answers = list(answers)
        self.enough = threading.Event()
        self.hangs = threading.Event()
        self.hangs.set()

    def tell(self, view: RunView) -> Asked | None:
        """Take a view."""
        assert self.hangs.wait(60)
        self.told.append(view)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if len(self.told) >= 3:
            self.enough.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


def show(scheduler: Scheduler, patch: pytest.MonkeyPatch) -> tuple[Showing, Driven]:
    """Show a run of one map of three children."""
    patch.setattr(module, "Messenger", lambda client: scheduler)
    patch.setattr(module, "UNSEEN", 0.001)
    patch.setattr(module, "SEEN", 0.001)
    run = Driven(graph_of(lambda graph: Plain(name="m").map([1, 2, 3], flow=graph))).start()
    plan = run.machine.standing.plan
    board = Board(plan)
    board.open(run.machine, SimpleNamespace(), ())  # type: ignore[arg-type]
    return Showing(CLIENT, "quiet-heron-7f3a9c12", plan, {}, board), run


def test_q03_children_are_told_of_only_while_somebody_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looking = Asked(True, True, ("m-1",))
    scheduler = Scheduler(Asked(True, False), looking, Asked(True, False))
    showing, _ = show(scheduler, monkeypatch)
    assert scheduler.enough.wait(20)
    showing.close(Success())
    told = [view.tasks is not None for view in scheduler.told]
    assert told[:3] == [False, False, True]
    assert not any(told[3:-1])
    assert told[-1]


def test_q01_the_last_that_is_told_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = Scheduler(Asked(True, False))
    showing, run = show(scheduler, monkeypatch)
    assert scheduler.enough.wait(20)
    for index in range(3):
        run.come("m", index)
    showing.close(Success("well"))
    *before, last = scheduler.told
    assert not any(view.ended for view in before)
    assert (last.ended, last.state, last.message) == (True, "Success", "well")
    assert last.tasks is not None
    assert last.tasks[0].counts[5] == 3


def test_q01_a_run_that_came_to_no_end_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = Scheduler(Asked(True, False))
    showing, _ = show(scheduler, monkeypatch)
    showing.close(None)
    assert (scheduler.told[-1].ended, scheduler.told[-1].state) == (True, "Ended early")


def test_q06_where_there_is_no_page_nothing_more_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = Scheduler(NOBODY)
    showing, _ = show(scheduler, monkeypatch)
    showing.close(Success())
    assert len(scheduler.told) == 1


def test_q06_a_scheduler_that_was_not_reached_is_told_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheduler = Scheduler(None, None, Asked(True, False))
    showing, _ = show(scheduler, monkeypatch)
    assert scheduler.enough.wait(20)
    showing.close(Success())
    assert scheduler.told[-1].ended


def test_q06_a_fault_of_the_page_is_logged_and_reaches_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = Scheduler(ZeroDivisionError("in the page"))
    showing, _ = show(scheduler, monkeypatch)
    showing.close(Success())
    assert "its loops are shown no more" in caplog.text
    assert "in the page" in caplog.text


def test_q06_a_scheduler_that_does_not_answer_holds_up_the_end_for_a_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LAST_WAIT", 0.05)
    scheduler = Scheduler(Asked(True, False))
    scheduler.hangs.clear()
    showing, _ = show(scheduler, monkeypatch)
    began = time.monotonic()
    showing.close(Success())
    assert time.monotonic() - began < 10
    assert scheduler.told == []
    scheduler.hangs.set()


def test_q08_without_a_client_there_is_no_thread_and_nobody_listens() -> None:
    plan = Driven(graph_of(lambda graph: Plain(name="m").bind(flow=graph))).machine.standing.plan
    threads = threading.active_count()
    showing = Showing(None, "quiet-heron-7f3a9c12", plan, {}, Board(plan))
    assert (threading.active_count(), showing.listeners) == (threads, ())
    showing.close(Success())
