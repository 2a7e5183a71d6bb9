"""The scheduler holds a bounded number of runs, and knows who is looked at."""

from __future__ import annotations

import sys

from daskloop.dashboard import shelf as rules
from daskloop.dashboard.shelf import Shelf
from daskloop.dashboard.views import Cells, ChildLine, TaskView
from tests.dashboard.samples import task, view


def test_q03_a_driver_hears_who_looks_and_at_what() -> None:
    shelf = Shelf()
    assert not shelf.take(view("a"), 0.0).looking
    shelf.look("a", "work-1", 1.0)
    shelf.look("a", "other-2", 1.0)
    shelf.look("b", "work-1", 1.0)  # is not known here
    answer = shelf.take(view("a"), 1.5)
    assert answer.looking
    assert set(answer.slugs) == {"work-1", "other-2"}


def test_q03_who_has_gone_away_looks_no_more() -> None:
    shelf = Shelf()
    shelf.take(view("a"), 0.0)
    shelf.look("a", "work-1", 1.0)
    assert shelf.take(view("a"), 1.0 + rules.ATTENTION).looking
    assert not shelf.take(view("a"), 1.1 + rules.ATTENTION).looking
    held = shelf.get("a")
    assert held is not None
    assert held.looks == {}


def test_q03_what_was_told_of_tasks_stays_while_nobody_looks() -> None:
    shelf = Shelf()
    shelf.take(view("a", tasks=(task(),), more_tasks=3), 0.0)
    shelf.take(view("a", iterations=9), 1.0)
    held = shelf.get("a")
    assert held is not None
    assert held.view.iterations == 9
    assert held.view.tasks == (task(),)
    assert held.view.more_tasks == 3


def test_q04_runs_under_way_come_first_and_the_newest_of_each() -> None:
    shelf = Shelf()
    shelf.take(view("old", begun=1.0, ended=True), 0.0)
    shelf.take(view("new", begun=3.0), 0.0)
    shelf.take(view("older", begun=0.5), 0.0)
    assert [held.view.run for held in shelf.runs()] == ["new", "older", "old"]


def test_q04_of_many_runs_the_last_are_held_and_fewer_of_them_whole() -> None:
    shelf = Shelf()
    for number in range(100):
        shelf.take(view(f"e{number}", ended=True, tasks=(task(),)), float(number))
        shelf.take(view(f"r{number}", tasks=(task(),)), float(number))
    runs = shelf.runs()
    under_way = [held for held in runs if not held.view.ended]
    ended = [held for held in runs if held.view.ended]
    assert len(under_way) == rules.UNDER_WAY
    whole = sorted(held.view.run for held in ended if held.view.tasks)
    assert whole == ["e95", "e96", "e97", "e98", "e99"]
    assert len(ended) == rules.ENDED


def test_q04_a_driver_that_is_gone_is_told_apart_from_one_that_has_ended() -> None:
    shelf = Shelf()
    shelf.take(view("a"), 0.0)
    shelf.take(view("b", ended=True), 0.0)
    silent = {held.view.run: held.is_silent(rules.SILENCE + 1) for held in shelf.runs()}
    assert silent == {"a": True, "b": False}


def test_q02_the_line_of_iterations_does_not_grow() -> None:
    shelf = Shelf()
    for second in range(5_000):
        shelf.take(view("a", at=float(second), iterations=second), float(second))
    held = shelf.get("a")
    assert held is not None
    assert len(held.rates) == rules.RATES
    assert held.rates[-1] == (4_999.0, 4_999)


def test_q02_what_is_held_at_the_worst_stays_within_some_megabytes() -> None:
    def whole(number: int) -> TaskView:
        marks = [(child, child) for child in range(2_000)]
        cells = Cells.of(bytes(2_000), range(300, 2_300), marks)
        lines = tuple(
            ChildLine("w" * 80, 2, 1, 1, 1, 0.5, None, f"{number} {line}" + "m" * 190)
            for line in range(45)
        )
        return task(f"t{number}", cells=cells, lines=lines)

    one = _size(tuple(whole(number) for number in range(10)))
    assert one < 800_000
    assert one * (rules.UNDER_WAY + rules.ENDED_WHOLE) < 20_000_000


def _size(value: object) -> int:
    parts = getattr(value, "__dataclass_fields__", None)
    size = sys.getsizeof(value)
    if parts is not None:
        return size + sum(_size(getattr(value, name)) for name in parts)
    return size + (sum(map(_size, value)) if isinstance(value, tuple) else 0)
