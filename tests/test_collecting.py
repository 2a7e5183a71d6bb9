"""While runs are open the collector looks less often; then its settings are what they were."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from daskloop import Flow, task
from daskloop.collecting import collecting_less


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    """Begin with settings that are known, and put back what was there."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_three_times_as_many_objects_may_come_within_a_block():
    with collecting_less():
        assert gc.get_threshold() == (2100, 30, 30)
    assert gc.get_threshold() == (700, 10, 10)


def test_blocks_within_one_another_count_once_and_the_last_one_ends_it():
    with collecting_less():
        with collecting_less():
            assert gc.get_threshold() == (2100, 30, 30)
        assert gc.get_threshold() == (2100, 30, 30)
    assert gc.get_threshold() == (700, 10, 10)


def test_blocks_of_two_threads_that_overlap_leave_what_was_there():
    begun, goes_on = threading.Event(), threading.Event()

    def other() -> None:
        with collecting_less():
            begun.set()
            goes_on.wait()

    thread = threading.Thread(target=other)
    with collecting_less():
        thread.start()
        begun.wait()
    assert gc.get_threshold() == (2100, 30, 30)  # the other one's is still open
    goes_on.set()
    thread.join()
    assert gc.get_threshold() == (700, 10, 10)


def test_what_somebody_sets_meanwhile_stays():
    with collecting_less():
        gc.set_threshold(5000, 5, 5)
    assert gc.get_threshold() == (5000, 5, 5)


def test_a_collector_that_never_looks_goes_on_so():
    gc.set_threshold(0, 10, 10)
    with collecting_less():
        assert gc.get_threshold()[0] == 0
    assert gc.get_threshold() == (0, 10, 10)


def test_a_block_that_raises_ends_too():
    with pytest.raises(ZeroDivisionError), collecting_less():
        1 / 0  # noqa: B018
    assert gc.get_threshold() == (700, 10, 10)


def test_a_run_is_such_a_block_and_ends_it():
    @task
    def look() -> list[int]:
        return list(gc.get_threshold())

    with Flow("looking") as flow:
        seen = look()
    assert flow.run(executor="inline").result[seen].result == [2100, 30, 30]
    assert gc.get_threshold() == (700, 10, 10)
