"""Answers of handlers that mean nothing: said by name, and the same when a run is resumed."""

from __future__ import annotations

import pytest

from daskloop import Flow, again, context, loop_flow, task
from daskloop.engine.signals import FAIL, RETRY, SKIP, TRIGGERFAIL
from daskloop.engine.state import Failed, Looped, Paused, Pending, Retrying, Running, Scheduled
from daskloop.errors import LoopLimit
from daskloop.record.folder_journal import FolderJournal
from tests.flows.traces import Trace

MESSAGES = [7, 1.5, True, b"bytes", {"a": 1}, ValueError("no")]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("how", ["state", "signal", "trigger", "flow"])
def test_l08_a_message_that_is_no_text_is_recorded_as_one(how, message, tmp_path):
    def returns(subject, old, new):
        return Failed(message) if new.is_failed() else None

    def raises(subject, old, new):
        if new.is_failed():
            raise FAIL(message)

    def refuses(states):
        raise TRIGGERFAIL(message)

    handlers = {"state": [returns], "signal": [raises]}.get(how, [])
    options = {"trigger": refuses} if how == "trigger" else {"state_handlers": handlers}

    @task(**options)
    def bad():
        raise ValueError("v")

    with Flow("f", state_handlers=[returns] if how == "flow" else []) as flow:
        bad()
    journal = tmp_path / "runs"
    for resume in (False, True, True):
        assert flow.run(executor="inline", journal=journal, resume=resume).is_failed()
    (summary,) = FolderJournal(journal).runs()
    assert summary.status == "failed"
    if how == "flow":
        assert summary.message == str(message)


ANSWERS = [Retrying("r"), Scheduled("s"), Paused("p"), Running("x"), Looped("l", result=1)]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("kind", ["skip", "fail", "map", "map of loop flows", "loop flow"])
def test_r07_what_has_nothing_to_run_has_nothing_after_a_resume_either(kind, answer, tmp_path):
    trace = Trace(tmp_path)

    def handler(subject, old, new):
        refused = new.is_skipped() or new.is_trigger_failed() or new.is_mapped()
        return answer if refused else None

    @task
    def above():
        if "map" in kind:
            return [1, 2]
        raise ValueError("v") if kind == "fail" else SKIP("no")

    @task
    def noted(x):
        trace.note("ran")
        return x

    @loop_flow(state_handlers=[handler])
    def rounds(x):
        y = noted(x)
        return again(x=y).until(y > 0, result=y)

    below = rounds if "loop" in kind else task(noted.run, name="b", state_handlers=[handler])
    with Flow("f") as flow:
        end = below.map(above()) if "map" in kind else below(above())
    for resume in (False, True):
        state = flow.run(executor="inline", journal=tmp_path / "runs", resume=resume).result[end]
        assert type(state) is Failed
        assert "has nothing to run" in state.message
    assert not trace.notes()


@pytest.mark.parametrize("answer", [Running, Pending, Scheduled])
def test_f11_a_flow_that_has_ended_stays_so_whatever_its_handler_answers(answer, tmp_path):
    trace = Trace(tmp_path)

    @task
    def good():
        trace.note("good")
        return 1

    @task
    def bad(x):
        raise ValueError("v")

    def handler(flow, old, new):
        return answer("hm") if new.is_finished() else None

    with Flow("f", state_handlers=[handler]) as flow:
        bad(good())
    for resume in (False, True):
        state = flow.run(executor="inline", journal=tmp_path / "runs", resume=resume)
        assert state.is_failed() and "for a flow that had ended" in state.message
    (summary,) = FolderJournal(tmp_path / "runs").runs()
    assert (summary.status, trace.notes()) == ("failed", [("good",)])


@pytest.mark.parametrize("leaves", [SystemExit, KeyboardInterrupt])
def test_f11_a_flow_whose_handler_leaves_the_program_is_recorded_as_it_ended(leaves, tmp_path):
    def handler(flow, old, new):
        if new.is_finished():
            raise leaves(1)

    @task
    def one():
        return 1

    with Flow("f", state_handlers=[handler]) as flow:
        one()
    with pytest.raises(leaves):
        flow.run(executor="inline", journal=tmp_path / "runs")
    (summary,) = FolderJournal(tmp_path / "runs").runs()
    assert summary.status == "success"


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_l15_an_attempt_that_asked_for_another_is_no_failure_that_came_before_it(executor):
    @task(max_time=1.5, max_retries=3, retry_delay=0)
    def waits():
        if context.task_run_count == 1:
            raise ValueError("first")
        raise RETRY(after=600)

    with Flow("f") as flow:
        end = waits()
    state = flow.run(executor=executor).result[end]
    assert isinstance(state.result, LoopLimit) and "first" not in state.message
