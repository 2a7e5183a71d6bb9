"""The driver's one queue."""

from __future__ import annotations

import threading
import time

from daskloop.run.inbox import Inbox


def test_everything_that_has_arrived_is_taken_in_order():
    inbox = Inbox()
    for n in range(5):
        inbox.post(n)
    assert inbox.take(None) == [0, 1, 2, 3, 4]
    assert inbox.take(0) == []


def test_nothing_is_waited_for_when_there_is_no_time():
    inbox = Inbox()
    for timeout in (0, 0.0, -5.0):
        assert inbox.take(timeout) == []
    inbox.post(1)
    assert inbox.take(-1) == [1]


def test_the_first_arrival_ends_the_wait():
    inbox = Inbox()
    thread = threading.Thread(target=inbox.post, args=("here",))
    begun = time.monotonic()
    thread.start()
    assert inbox.take(60) == ["here"]
    assert time.monotonic() - begun < 30
    thread.join()


def test_arrivals_from_many_threads_are_all_taken():
    inbox = Inbox()
    threads = [
        threading.Thread(target=lambda i=i: [inbox.post((i, n)) for n in range(200)])
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    taken: list[tuple[int, int]] = []
    while len(taken) < 1600:
        taken += inbox.take(10)
    for thread in threads:
        thread.join()
    for i in range(8):
        assert [n for who, n in taken if who == i] == list(range(200))
