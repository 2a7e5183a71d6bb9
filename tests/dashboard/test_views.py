"""Views travel as bytes, and come back as they were or not at all."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import pytest

from daskloop.dashboard.views import (
    MOST_BYTES,
    NOBODY,
    Asked,
    Cells,
    ChildLine,
    Strip,
    TaskView,
    pack,
    unpack,
    unpack_asked,
)
from tests.dashboard.samples import view

LINE = ChildLine("work[3]", 7, 5, 0, 4, 12.5, None, "no <b>luck</b>")
TASK = TaskView(
    "work-1",
    "work",
    True,
    3,
    (0, 0, 1, 0, 0, 1, 0, 1, 0),
    7,
    2,
    1,
    Cells.of(bytes([2, 5, 7]), (1, 3, 5), ((2, 4), (2, 5))),
    (Strip(0, (3, 0, 0, 0, 0, 0, 0, 0, 0)),),
    (LINE,),
)


@pytest.mark.parametrize("tasks", [None, (), (TASK, replace(TASK, cells=None, width=None))])
def test_q01_a_view_comes_back_as_it_was(tasks: tuple[TaskView, ...] | None) -> None:
    before = replace(view("a"), tasks=tasks)
    assert unpack(pack(before)) == before


def test_q01_an_answer_comes_back_as_it_was() -> None:
    for answer in (NOBODY, Asked(True, True, ("work-1", "other-2"))):
        assert unpack_asked(pack(answer)) == answer


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"not a view", msgpack.packb([1, 2]), msgpack.packb(7), pack(NOBODY)]
)
def test_q01_bytes_that_are_no_view_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no view of a run"):
        unpack(data)


def test_q02_a_view_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(ValueError, match=r"has 1,000,001 bytes, at most 1,000,000"):
        unpack(b"\x00" * (MOST_BYTES + 1))
