"""The children of all tasks, a row for each, as columns of plain data."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from daskloop.page.cells import Cell, Track, cells_of, letters, track_of
from daskloop.page.kinds import Kind
from daskloop.page.packed import as_text, pack_times
from daskloop.page.words import Words, exact
from daskloop.record.entries import LOST, Recorded, Submitted
from daskloop.record.story import Chapter, Story
from daskloop.states import Retrying, Success

__all__ = ["MOST_ROWS", "Row", "columns", "rows_of", "said"]

MOST_ROWS = 20_000
"""Children that have a row; of more, those that went wrong or took longest, and some others."""

_CELLS = 400_000  # of all children together
_MOST_CELLS, _FEWEST_CELLS = 4_000, 8  # of one child
_TEXT = 1_600_000  # bytes of all messages together
_WIDEST, _NARROWEST = 160, 24  # columns of a message
_LABEL = 40  # columns of a child's own name

_RETRYING = Retrying.__name__
_SUCCESS = Success.__name__


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one child."""

    story: Story
    task: int
    """Which of the tasks it belongs to."""
    track: Track
    retries: int
    losses: int
    begun: float
    """When its first attempt began, seconds since the epoch; zero if none did."""
    ended: float
    """When the last thing happened to it."""
    seconds: float
    """Time in user code."""


def rows_of(chapters: Sequence[Chapter], records: Iterable[Recorded]) -> tuple[Row, ...]:
    """Make a row of each child of which something is known, in the order of the flow.

    Parameters
    ----------
    chapters : sequence of Chapter
        What is known of each child of the flow.
    records : iterable of Recorded
        Of all of them, and of the tasks in the bodies of loop flows, which count for these.
    """
    whole: dict[tuple[str, int | None], list[Recorded]] = {}
    for record in records:
        place = record.address[0]
        whole.setdefault((place.slug, place.child), []).append(record)
    stories = [
        (number, story) for number, chapter in enumerate(chapters) for story in chapter.children
    ]
    most = max(_FEWEST_CELLS, min(_MOST_CELLS, _CELLS // max(1, len(stories))))
    return tuple(
        _row(number, story, whole.get((story.mark.slug, story.child), []), most)
        for number, story in stories
    )


def _row(task: int, story: Story, records: Sequence[Recorded], most: int) -> Row:
    cells = cells_of(records)
    states = [record.state for record in records]
    times = [time for one in records for time in (one.started, one.ended or one.at) if time]
    sent = story.sent
    if sent is not None and _is_under_way(story, sent):
        cells[sent.address[-1].iteration] = Cell(Kind.UNDER_WAY, sent.run_count, sent.at, 0.0)
        times += [sent.at] if sent.at else []
    begun = min(times, default=0.0)
    return Row(
        story,
        task,
        track_of(cells, most),
        states.count(_RETRYING),
        states.count(LOST),
        begun,
        max(times, default=begun),
        sum(cell.seconds for cell in cells.values()),
    )


def _is_under_way(story: Story, sent: Submitted) -> bool:
    """Tell whether what was sent last has not ended, as far as is recorded."""
    if story.state == "Running":
        return True
    last = story.last
    return last is not None and last.address[-1].iteration < sent.address[-1].iteration


def chosen(rows: Sequence[Row], most: int = MOST_ROWS) -> Sequence[Row]:
    """Leave out rows of a very wide run: half of those shown are the ones that matter most."""
    if len(rows) <= most:
        return rows
    numbers = heapq.nlargest(most // 2, range(len(rows)), key=lambda n: _weight(rows[n]))
    step = len(rows) / (most - len(numbers))
    numbers += [int(n * step) for n in range(most - len(numbers))]
    return [rows[n] for n in sorted(set(numbers))]


def _weight(row: Row) -> tuple[bool, int, int, float]:
    return row.story.is_failed, row.losses, row.retries, row.ended - row.begun


def said(story: Story) -> str:
    """Say what a child has to say: why it failed, what it gave, its last message."""
    last = story.last
    if last is None:
        return ""
    if last.attempted and last.error is not None and last.error.text:
        return f"{last.error.class_name.rpartition('.')[2]}: {last.error.text}"
    if last.state == _SUCCESS and last.value is not None and isinstance(last.value.preview, str):
        return last.value.preview
    return last.message


def columns(rows: Sequence[Row], words: Words, begun: float) -> dict[str, Any]:
    """Write rows as columns of what JSON takes.

    Parameters
    ----------
    rows : sequence of Row
        All of them.
    words : Words
        For texts.
    begun : float
        When the run began, seconds since the epoch.
    """
    shown = chosen(rows)
    width = max(_NARROWEST, min(_WIDEST, _TEXT // (2 * max(1, len(shown)))))
    texts = _Texts()
    times = bytearray()
    found: dict[str, Any] = {name: [] for name in _COLUMNS}
    for row in shown:
        story, track = row.story, row.track
        times += pack_times(track.cells, row.begun, row.ended)
        label = "" if story.label is None else words.line(story.label, _LABEL)
        values = (
            row.task,
            -1 if story.child is None else story.child,
            texts.number(label),
            texts.number(words.line(story.state, _LABEL)),
            story.iteration,
            story.iterations,
            row.retries,
            row.losses,
            exact(row.begun - begun) if row.begun else -1,
            exact(row.ended - row.begun),
            exact(row.seconds),
            texts.number(words.line(said(story), width)),
            track.first,
            track.size,
            letters(track.cells),
        )
        for name, value in zip(_COLUMNS, values, strict=True):
            found[name].append(value)
    return {"columns": found, "texts": texts.known, "times": as_text(bytes(times))}


_COLUMNS = (
    "task index label state iteration iterations retries losses begun took seconds says first size "
    "cells"
).split()


class _Texts:
    """Texts by number: most children say the same as others."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def known(self) -> list[str]:
        return list(self._numbers)
