"""The page in one browser, without one: it looks less often where a look takes long."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from daskloop.dashboard import page as module
from daskloop.dashboard.page import LoopsPage
from daskloop.dashboard.shelf import ATTENTION, Shelf
from tests.dashboard.samples import task, view


class Clock:
    """Stands for the module `time`."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.spent = 0.0

    def monotonic(self) -> float:
        """Tell the time."""
        return self.now

    def thread_time(self) -> float:
        """Tell for how long something was computed, a while longer each time."""
        self.spent += self.price
        return self.spent

    price = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still."""
    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


@pytest.mark.parametrize(("price", "rest"), [(0.0, 0.0), (0.01, 1.0), (60.0, module.REST)])
def test_a_picture_that_takes_long_is_followed_by_a_rest(
    clock: Clock, price: float, rest: float
) -> None:
    shelf = Shelf()
    page = LoopsPage(SimpleNamespace(task_groups={}), shelf)
    drawn = []
    page._draw = lambda held, *_: drawn.append(held.view.iterations)  # type: ignore[method-assign]

    def told_and_looked(iterations: int) -> list[int]:
        run = view("quiet-heron-7f3a9c12", iterations=iterations, tasks=(task(),))
        shelf.take(run, clock.now)
        page.look()
        return drawn

    clock.price = price
    assert told_and_looked(1) == [1]
    clock.now += max(0.0, rest - 0.001)
    assert told_and_looked(2) == ([1, 2] if rest == 0.0 else [1])
    clock.now += 0.002
    assert told_and_looked(3)[-1] == 3


def test_the_longest_rest_is_shorter_than_what_is_taken_for_nobody_looking() -> None:
    assert module.REST + module.EVERY / 1000 < ATTENTION
