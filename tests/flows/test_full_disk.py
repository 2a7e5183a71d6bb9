"""A disk that fills up under a journal: the run ends as running ones end, and goes on later."""

from __future__ import annotations

import os
import subprocess

import pytest

from daskloop import Flow, context, task
from daskloop.engine.signals import LOOP
from daskloop.record.folder_journal import FolderJournal
from tests.flows.traces import Trace


@pytest.fixture
def disk(tmp_path):
    """A disk of 512 KiB, and how to make it larger; needs a superuser who may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only a superuser who may mount a tmpfs can make a small disk")
    larger = ["mount", "-o", "remount,size=64m", str(folder)]
    yield folder, lambda: subprocess.run(larger, check=True)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("bulk", [8_000, 100_000], ids=["in the journal", "in the store"])
def test_a_run_whose_disk_is_full_ends_with_its_states_and_goes_on_when_there_is_room(
    executor, disk, tmp_path, bulk
):
    folder, enlarge = disk
    trace = Trace(tmp_path)

    @task
    def loop(number):
        count = context.get("task_loop_count", 1)
        before = context.get("task_loop_result", ["", 0])
        assert before[1] == count - 1
        trace.note(number, count)
        if count == 12:
            return [number, len(before[0])]
        raise LOOP(result=["x" * bulk, count])

    @task
    def total(found):
        return [number for number, _ in found]

    with Flow("full") as flow:
        loops = loop.map([1, 2, 3, 4, 5, 6, 7, 8])
        end = total(loops)
    journal = folder / "runs"
    state = flow.run(executor=executor, journal=journal)
    assert not state.is_successful()
    assert set(state.result) == set(flow.tasks)
    assert len(state.result[loops].map_states) == 8
    (summary,) = FolderJournal(journal).runs()
    recorded = {
        (record.address[-1].child, record.address[-1].iteration)
        for record in FolderJournal(journal).read(summary.header.run).records
        if record.state in ("Looped", "Success")
    }
    enlarge()
    before = len(trace.notes())
    again = flow.run(executor=executor, journal=journal, resume=summary.header.run)
    assert again.result[end].result == [1, 2, 3, 4, 5, 6, 7, 8]
    assert again.result[loops].result == [[n, bulk] for n in range(1, 9)]
    made_again = {(number - 1, count) for number, count in trace.notes()[before:]}
    assert not made_again & recorded


def test_an_attempt_that_cannot_claim_its_start_fails_and_the_run_goes_on(tmp_path):
    journal = tmp_path / "runs"
    aside = tmp_path / "aside"

    @task
    def take_away():
        (claims,) = journal.glob("*/claims")
        claims.rename(aside)
        return 1

    @task(at_most_once=True)
    def bystander(number):
        return number

    with Flow("no claims") as flow:
        late = bystander(take_away())
    state = flow.run(executor="inline", journal=journal)
    assert state.is_failed()
    assert "Cannot claim the start of an attempt" in state.result[late].message
    (summary,) = FolderJournal(journal).runs()
    assert summary.status == "failed"
    again = flow.run(executor="inline", journal=journal, resume=summary.header.run)
    assert again.result[late].result == 1
