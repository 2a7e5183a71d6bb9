"""Parameters as a user meets them: typed, annotated, points in time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

import pytest

from daskloop import DateTimeParameter, Flow, Parameter, context, task
from tests.flows.traces import Trace


@dataclass
class Settings:
    rate: float
    steps: int = 1


@task
def show(value):
    return type(value).__name__, value


def test_p01_tasks_get_the_value_as_its_type(executor):
    with Flow("typed") as flow:
        number = show(Parameter("n", type=int))
        settings = show(Parameter("settings", type=Settings))
        each = show.map(Parameter("xs", default=("1", 2), type=list[float]))
    state = flow.run(n="3", settings={"rate": "0.5"}, executor=executor)
    assert state.result[number].result == ("int", 3)
    assert state.result[settings].result[0] == "Settings"
    assert vars(state.result[settings].result[1]) == {"rate": 0.5, "steps": 1}
    assert state.result[each].result == [("float", 1.0), ("float", 2.0)]


def test_p01_p02_a_wrong_value_is_refused_before_anything_runs(tmp_path):
    trace = Trace(tmp_path)

    @task
    def first():
        trace.note("ran")

    @task
    def use(x: int):
        return x

    with Flow("refused") as flow:
        first()
        use(Parameter("x"))
        show(Parameter("n", default=1, type=int))
    with pytest.raises(ValueError, match="Parameter 'x' of flow 'refused': '3' is not a whole"):
        flow.run(x="3", executor="inline")
    with pytest.raises(ValueError, match="'n': 'three' is not a whole number"):
        flow.run(x=3, n="three", executor="inline")
    assert trace.notes() == []
    assert flow.run(x=3, executor="inline").is_successful()
    assert trace.notes() == [("ran",)]


def test_p01_context_parameters_hold_the_values_as_their_types(executor):
    @task
    def look(n):
        return context.parameters["n"]

    with Flow("typed") as flow:
        seen = look(Parameter("n", type=int))
    assert flow.run(n="3", executor=executor).result[seen].result == 3


@pytest.mark.parametrize("executor", ["inline", "processes"], indirect=True)
def test_p04_a_point_in_time_arrives_with_its_zone(executor):
    with Flow("times") as flow:
        when, none = DateTimeParameter("when"), DateTimeParameter("none", required=False)
        shown, nothing = show(when), show(none)
    state = flow.run(when="2026-03-01T12:00", executor=executor)
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    assert state.result[shown].result == ("datetime", moment)
    assert state.result[nothing].result == ("NoneType", None)


def test_p01_a_run_is_resumed_with_the_same_value_written_otherwise(tmp_path):
    trace = Trace(tmp_path)

    @task
    def flaky(value):
        trace.note("try")
        if len(trace.notes()) == 1:
            raise OSError("first")
        return value

    with Flow("again") as flow:
        got = flaky(Parameter("settings", type=Settings))
    options = {"executor": "inline", "journal": tmp_path / "runs"}
    assert flow.run(settings={"rate": "0.5"}, **options).is_failed()
    state = flow.run(settings=Settings(0.5), resume=True, **options)
    assert vars(state.result[got].result) == {"rate": 0.5, "steps": 1}
    assert len(trace.notes()) == 2


@pytest.mark.filterwarnings("ignore:Sending large graph")  # Dask says so as well
@pytest.mark.parametrize("executor", ["inline", "threads"], indirect=True)
@pytest.mark.parametrize(
    ("secret", "how"),
    [(False, "stored once and read by each worker"), (True, "sent with every attempt")],
)
def test_a_large_parameter_is_told_with_how_it_travels(executor, secret, how, caplog):
    @task
    def size(text):
        return len(text)

    with Flow("large") as flow:
        found = size(Parameter("text", secret=secret))
    state = flow.run(text="x" * 11_000_000, executor=executor)
    assert state.result[found].result == 11_000_000
    assert f"the parameter 'text' takes 11 MB; it is {how}" in caplog.text
    assert "xxx" not in caplog.text
    assert "pass store=" not in caplog.text, "a secret is in no store, and the other in one"
