"""A journal tells of a run what its driver told while it went."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import daskloop
from daskloop import Flow, again, emitted, task
from daskloop.dashboard.standings import Standing
from daskloop.flow.begin import begin
from daskloop.flow.options import checked_options
from daskloop.record.folder_journal import FolderJournal
from daskloop.report.run_tally import RunTally
from daskloop.signals import LOOP, PAUSE, RETRY, SKIP
from daskloop.terminal.glance import Glances
from daskloop.terminal.retelling import Retelling


@task(max_retries=2, retry_delay=0)
def turns(m):
    n = daskloop.context.get("task_loop_result", 1)
    if n == 3 and daskloop.context.get("task_run_count") == 1:
        raise ConnectionError("reset")
    if m == 13 and n == 5:
        raise ValueError("unlucky")
    if m == 0:
        raise SKIP("nothing to do")
    if n < m:
        raise LOOP(f"turn {n}", n + 1)
    return n


@task
def total(ns):
    return sum(ns)


with Flow("turning") as flow:
    total(turns.map([4, 2, 13, 0, 9], names=["a", "b", "c", "d", "e"]))


@task
def pages(n=0):
    return again(n=n + 1, emit=[n, -n]) if n < 4 else "done"


@task
def save(item):
    return item


with Flow("growing") as growing_flow:
    save.map(emitted(pages()))


def driven(journal: Path, flow: Flow = flow, **options) -> tuple[str, RunTally]:
    """Run the flow, recorded, and return the run's name and what a listener has heard."""
    tally = RunTally()
    options = checked_options(**{"executor": "inline", "journal": journal, **options})
    run = begin(flow, None, {}, options, listeners=[tally])
    run.result()
    return run.name, tally


def retold(journal: Path, run: str, most: int | None = None) -> RunTally:
    """What the journal says of it, read from the beginning."""
    following, retelling, tally = FolderJournal(journal).follow(run), Retelling(), RunTally()
    while True:
        look = following.look()
        for event in retelling.events(look):
            tally.hear(event)
        if not look.behind:
            return tally


def shown(tally: RunTally):
    """All that does not depend on clocks."""
    glance = Glances(tally).take(now=0.0)
    tasks = [one._replace(rate=0.0, slowest=("", 0.0)) for one in glance.tasks]
    return glance.flow, glance.run, tasks, glance.failed, glance.failures


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("most", [5_000, 3])
def test_what_is_read_is_what_was_heard(tmp_path, monkeypatch, batch, most):
    monkeypatch.setattr("daskloop.record.following._MOST", most)
    run, heard = driven(tmp_path, batch=batch)
    assert shown(retold(tmp_path, run)) == shown(heard)
    glance = Glances(heard).take()
    mapped = glance.tasks[0]
    assert (mapped.ended, mapped.retries, mapped.farthest) == (5, 5, ("turns[e]", 9))
    assert [one.name for one in glance.failures] == ["turns[c]"]


def test_a_resumed_run_is_heard_and_read_as_a_whole(tmp_path):
    run, _ = driven(tmp_path)
    again, heard = driven(tmp_path, resume=run)
    assert again == run
    mapped = Glances(heard).take().tasks[0]
    assert (mapped.ended, mapped.width) == (5, 5)
    assert Glances(retold(tmp_path, run)).take().tasks[0].counts == mapped.counts


def test_a_map_over_emitted_items_is_as_wide_as_it_has_become(tmp_path):
    run, heard = driven(tmp_path, growing_flow)
    for tally in (heard, retold(tmp_path, run)):
        saved = Glances(tally).take().tasks[-1]
        assert (saved.name, saved.width, saved.ended) == ("save", 4, 4)
    assert Glances(heard).take().tasks[-1].is_over


@task
def asks(n):
    if n == 1 and not daskloop.context.get("resume"):
        raise PAUSE("may I?", after="20ms")
    return n


@task
def waits(n=0):
    if n == 1 and daskloop.context.task_run_count == 1:
        raise RETRY("not yet", after="10ms")
    return n if n == 2 else again(n=n + 1, after="10ms", message=f"turn {n}")


with Flow("waiting") as waiting_flow:
    asks.map([0, 1])
    waits()


def test_pauses_and_waits_are_read_as_they_were_heard(tmp_path):
    run, heard = driven(tmp_path, waiting_flow)
    assert shown(retold(tmp_path, run)) == shown(heard)
    asked, waited = Glances(heard).take().tasks
    assert (asked.ended, waited.retries, waited.iterations) == (2, 1, 3)


@task(max_worker_losses=2)
def dies(folder, n=0):
    mark = os.path.join(folder, str(n))
    if n == 1 and not os.path.exists(mark):
        open(mark, "x").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return n if n == 2 else again(n=n + 1)


def test_lost_attempts_are_read_as_they_were_heard(tmp_path):
    with Flow("dying") as dying_flow:
        dies(str(tmp_path))
    run, heard = driven(tmp_path / "runs", dying_flow, executor="processes", workers=1)
    assert shown(retold(tmp_path / "runs", run)) == shown(heard)
    (row,) = Glances(heard).take().tasks
    assert (row.losses, row.iterations, row.ended) == (1, 3, 1)


def test_what_was_taken_back_is_read_as_the_run_that_went_on_heard_it(tmp_path):
    run, _ = driven(tmp_path)
    again, heard = driven(tmp_path, resume=run, only="turns[a]", from_iteration=2)
    assert again == run
    mapped, read = (Glances(one).take().tasks[0] for one in (heard, retold(tmp_path, run)))
    assert (read.counts, read.ended, read.width) == (mapped.counts, mapped.ended, mapped.width)
    assert read.counts[Standing.UNDER_WAY] == 0 and read.ended == 5
