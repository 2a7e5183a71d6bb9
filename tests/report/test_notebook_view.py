"""The table that a notebook shows while a run goes on: bounded in work, complete in the end."""

from __future__ import annotations

import concurrent.futures
import os
import re
import sys
import time
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import dask
import pytest

from daskloop import Flow, Parameter, again, state_html, task, unmapped
from daskloop.events import ChildEnded, IterationEnded, MapOpened, RunEnded, RunStarted, TaskTitle
from daskloop.keys import Place
from daskloop.plain_text import hidden
from daskloop.report import notebook
from daskloop.report.notebook import NotebookView, notebook_views
from daskloop.states import Failed, Success

RUN = "quiet-heron-7f3a9c12"


class Display:
    """Stands for IPython's display and the handle that it returns."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.broken = False
        self.gates: dict[str, Path] = {}
        """A file to make as soon as a text is shown."""

    def __call__(self, bundle: dict[str, str], *, raw: bool, display_id: bool) -> Display:
        assert raw
        assert display_id
        self.shown.append(bundle["text/html"])
        return self

    def update(self, bundle: dict[str, str], *, raw: bool) -> None:
        if self.broken:
            raise OSError("the front end is gone")
        self.shown.append(bundle["text/html"])
        for text, gate in self.gates.items():
            if text in self.shown[-1]:
                gate.touch()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Display:
    """Let it look as if a kernel ran this code."""
    display = Display()
    monkeypatch.setattr(state_html, "_hidden", {})  # what it hides is for this test alone
    ipython = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    module = ModuleType("IPython.display")
    module.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return display


def iterated(number: int) -> IterationEnded:
    return IterationEnded(RUN, 1.0, (Place("f-1", 0, number),), "f", f"at {number}", "w", 0.01)


def over(state: Any) -> RunEnded:
    return RunEnded(RUN, 9.0, "f", state, 9.0, 0, 0, 0)


def cells_of(html: str, task: str) -> list[str]:
    """Read the row of a task, without its name."""
    rows = re.findall("<tr.*?</tr>", html, re.DOTALL)
    cells = [re.findall("<td.*?>(.*?)</td>", row, re.DOTALL) for row in rows]
    texts = [[re.sub("<.*?>|&#9632;", "", cell).strip() for cell in row] for row in cells]
    return next(row[1:] for row in texts if row[:1] == [task])


def a_view(redact: Any = str) -> NotebookView:
    return NotebookView("f", [TaskTitle("f-1", "f", True)], redact)


def test_only_where_a_kernel_runs_the_code_is_there_a_table(kernel, monkeypatch):
    assert len(notebook_views(Flow("f"), {})) == 1
    with dask.config.set({"daskloop.notebook": False}):
        assert notebook_views(Flow("f"), {}) == []
    for shell in (SimpleNamespace(), None):  # IPython in a terminal, and not running at all
        monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda shell=shell: shell)
        assert notebook_views(Flow("f"), {}) == []
    monkeypatch.delitem(sys.modules, "IPython")
    assert notebook_views(Flow("f"), {}) == []


def test_a_setting_that_is_no_flag_is_refused(kernel):
    with (
        dask.config.set({"daskloop.notebook": "sometimes"}),
        pytest.raises(ValueError, match="true or false"),
    ):
        notebook_views(Flow("f"), {})


def test_n01_a_run_shows_one_table_and_its_last_picture_is_complete(kernel):
    @task
    def square(x: int) -> int:
        return x * x

    with Flow("squares") as flow:
        square.map(Parameter("xs"))
    flow.run(xs=[1, 2, 3], executor="inline")
    assert "not begun" in kernel.shown[0]
    assert "<b>Running</b> squares · run " in kernel.shown[0]
    assert "<b>Success</b> squares" in kernel.shown[-1]
    assert "3 of 3" in kernel.shown[-1]


def test_n01_a_resumed_run_shows_from_the_start_what_an_earlier_driver_has_done(kernel, tmp_path):
    @task
    def reach(limit: int, folder: str, n: int = 1) -> Any:
        if n < limit:
            return again(n=n + 1)
        if limit == 3 and not os.path.exists(f"{folder}/mended"):
            raise ValueError("broken")
        deadline = time.monotonic() + 20
        while limit == 3 and not os.path.exists(f"{folder}/shown"):
            if time.monotonic() > deadline:
                raise TimeoutError("the table has not shown what was done before")
            time.sleep(0.01)
        return n

    with Flow("resumed") as flow:
        reach.map(Parameter("limits"), unmapped(Parameter("folder")))
    given = {"limits": [1, 2, 3], "folder": str(tmp_path), "executor": "threads"}
    assert flow.run(**given, journal=tmp_path / "runs").is_failed()
    assert cells_of(kernel.shown[-1], "reach")[:3] == ["3 of 3", "1", "5"]
    (tmp_path / "mended").touch()
    kernel.shown.clear()
    kernel.gates["2 of 3"] = tmp_path / "shown"
    assert flow.run(**given, journal=tmp_path / "runs", resume=True).is_successful()
    under_way = next(one for one in kernel.shown if "2 of 3" in one)
    assert "<b>Running</b> resumed" in under_way
    assert cells_of(under_way, "reach")[:3] == ["2 of 3", "", "5"]
    assert cells_of(kernel.shown[-1], "reach")[:3] == ["3 of 3", "", "6"]


def test_n01_a_thousand_events_are_few_pictures(kernel, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(
        notebook, "time", SimpleNamespace(monotonic=lambda: now[0], time=lambda: 1.0)
    )
    timers: list[Any] = []

    class Timer:
        def __init__(self, wait: float, call: Any) -> None:
            self.wait, self.call, self.cancelled = wait, call, False
            timers.append(self)

        def start(self) -> None:
            pass

        def cancel(self) -> None:
            self.cancelled = True

    monkeypatch.setattr(notebook.threading, "Timer", Timer)
    view = a_view()
    view.show(RUN, concurrent.futures.Future())
    for number in range(1000):
        view.hear(iterated(number))
    assert (len(kernel.shown), len(timers)) == (1, 1)
    assert timers[0].wait == notebook.PERIOD
    timers[0].call()
    assert "at 999" in kernel.shown[1]
    now[0] += 0.1
    view.hear(iterated(1000))
    assert timers[1].wait == pytest.approx(notebook.PERIOD - 0.1)
    view.hear(over(Success()))
    assert timers[1].cancelled
    assert "<b>Success</b>" in kernel.shown[2]
    timers[1].call()  # had begun before it was cancelled
    assert len(kernel.shown) == 3


def test_n02_a_display_that_is_gone_ends_the_pictures_and_not_the_run(kernel, caplog):
    view = a_view()
    view.show(RUN, concurrent.futures.Future())
    kernel.broken = True
    view.hear(over(Success()))
    view.hear(over(Success()))
    assert caplog.text.count("its table is drawn no more") == 1


def test_a_run_that_dies_without_a_word_says_so(kernel):
    outcome: concurrent.futures.Future[Any] = concurrent.futures.Future()
    view = a_view()
    view.show(RUN, outcome)
    outcome.set_exception(OSError("the scheduler <is> gone"))
    assert "could not go on: OSError: the scheduler &lt;is&gt; gone" in kernel.shown[-1]


HOSTILE = {
    "<script>alert(1)</script>": "&lt;script&gt;",
    "\x1b[31mred": "\\x1b[31mred",
    "\u202eright": "\\u202eright",
    "x" * 10**6: "x…",
    "😀 token hunter22": "😀 token •••",
}


@pytest.mark.parametrize("text", HOSTILE, ids=["script", "escape", "right", "long", "secret"])
def test_n03_any_text_is_only_text_cut_and_without_secrets(kernel, text):
    view = NotebookView(text, [TaskTitle("f-1", text, True)], partial(hidden, secrets=["hunter22"]))
    view.hear(RunStarted(RUN, 0.0, text, "threads"))
    view.hear(MapOpened(RUN, 0.0, "f-1", text, 1))
    view.hear(ChildEnded(RUN, 1.0, (Place("f-1", 0, 1),), text, Failed(text), 1.0))
    view.show(RUN, concurrent.futures.Future())
    (shown,) = kernel.shown
    assert shown.count(HOSTILE[text]) >= 3
    assert "<script" not in shown
    assert "hunter22" not in shown
    assert len(shown) < 4_000


def test_n03_the_values_of_secret_parameters_are_hidden(kernel):
    @task
    def login(token: str, other: Any, plain: str) -> None:
        raise ValueError(f"{token} {other} {plain}")

    with Flow("f") as flow:
        login(
            Parameter("token", default="hunter22", secret=True),
            Parameter("other", secret=True),
            Parameter("plain", default="plainly"),
        )
    state = flow.run(other={"password": "swordfish"}, executor="inline")
    assert "••• {&#x27;password&#x27;: &#x27;•••&#x27;} plainly" in kernel.shown[-1]
    assert not any("hunter22" in one or "swordfish" in one for one in kernel.shown)
    (failed,) = (one for task, one in state.result.items() if task.name == "login")
    assert "••• {&#x27;password&#x27;: &#x27;•••&#x27;} plainly" in failed._repr_html_()
