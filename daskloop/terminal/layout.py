"""Lay a glance out in lines of a terminal: a row for each task, and one for few of its children.

::

    fibs · quiet-heron-7f3a9c12 · 0:03
    large x4  ━━━━━━━━━━──────────  2/4  1 retrying, 1 under way, 41 iterations, 13.7/s
        large[3]  iteration 9, try 2 of 6 in 1.4 s  connection reset by peer
        large[2]  iteration 15, 3.1 s               Fib 14=377
    total     waiting
    Ctrl-C: stop after the running iterations

Knows no terminal and no rich: what comes out is text with words for its colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from daskloop.dashboard.standings import Standing
from daskloop.plain_text import columns, one_line
from daskloop.terminal.facts import Fact, child_words, duration, task_facts
from daskloop.terminal.glance import ChildGlance, Glance, TaskGlance

__all__ = ["Line", "Room", "Span", "frame", "room"]

_GAP = "  "
_FAILURES = 3  # that have a line
_MOST_LINES = 12  # for children, however high the terminal is
_BAR_FROM = 60  # columns of a terminal below which there is no bar


class Span(NamedTuple):
    """A part of a line."""

    text: str
    kind: str = ""
    """As of `Fact`; ``title``, ``bar`` and ``name`` besides."""


Line = tuple[Span, ...]


class Room(NamedTuple):
    """For how much there is a place."""

    tasks: int
    children: int
    width: int
    """Columns of a line."""


def room(width: int, height: int, tasks: int) -> Room:
    """Divide a terminal.

    Parameters
    ----------
    width, height : int
        Columns and rows of the terminal.
    tasks : int
        How many tasks there are.

    Examples
    --------
    >>> room(80, 24, 3), room(80, 24, 50)
    (Room(tasks=3, children=12, width=77), Room(tasks=12, children=5, width=77))
    """
    rows = max(1, height - 3)  # a title and a last line, and one that stays free
    shown = min(tasks, max(1, rows - 9))
    children = max(0, min(_MOST_LINES, rows - shown - _FAILURES - 1))
    return Room(shown, children, max(1, width - 3))


def frame(glance: Glance, given: Room, height: int, hint: str) -> list[Line]:
    """Lay out all that is shown.

    Parameters
    ----------
    glance : Glance
        What is shown.
    given : Room
        How much of it.
    height : int
        Lines at most.
    hint : str
        The last line: what a key does.

    Returns
    -------
    list of tuple of Span
        Each of at most ``given.width`` columns.
    """
    width = given.width
    labels = [_label(task) for task in glance.tasks]
    names = min(max(map(columns, labels), default=0), max(12, width // 3))
    totals = max((len(_ended(task)) for task in glance.tasks), default=0)
    lines = [_title(glance, width)]
    left = given.children
    for task, label in zip(glance.tasks, labels, strict=True):
        lines.append(_task_line(task, label, names, totals, width))
        shown = task.children[:left]
        left -= len(shown)
        lines += _child_lines(shown, task.iterations > task.ended, width)
    if glance.more_tasks:
        lines.append(_line(width, [Span(f"… {glance.more_tasks} more tasks", "dim")]))
    lines += _failure_lines(glance, width)
    if glance.stalled:
        lines.append(_line(width, [Span(one_line(glance.stalled, width), "wait")]))
    lines = lines[: max(1, height - 2)]
    lines.append(_line(width, [_last(glance, hint, width)]))
    return lines


def _title(glance: Glance, width: int) -> Line:
    parts = [one_line(glance.flow, width // 2), glance.run, duration(glance.seconds)]
    return _line(width, [Span(" · ".join(part for part in parts if part), "title")])


def _last(glance: Glance, hint: str, width: int) -> Span:
    if not glance.stopping:
        return Span(hint, "dim")
    going = sum(task.counts[Standing.UNDER_WAY] for task in glance.tasks)
    if glance.stopping_now:
        return Span(one_line(f"stopping now: {glance.stopping}", width), "wait")
    text = f"stopping after the running iterations ({going:,} under way): {glance.stopping}"
    return Span(one_line(text, width), "wait")


def _label(task: TaskGlance) -> str:
    name = one_line(task.name, 80)
    return f"{name} x{_total(task)}" if task.mapped and task.width is not None else name


def _total(task: TaskGlance) -> str:
    """Write how many children a map has, as far as that is known."""
    return f"{task.width:,}{'+' if task.grows else ''}"


def _ended(task: TaskGlance) -> str:
    """Count what has ended of a map whose width is known."""
    if not task.mapped or task.width is None:
        return ""
    return f"{task.ended:,}/{_total(task)}"


def _task_line(task: TaskGlance, label: str, names: int, totals: int, width: int) -> Line:
    spans = [Span(_padded(label, names), "name"), Span(_GAP)]
    if totals and width >= _BAR_FROM:
        spans += [*_bar(task, 10 if width < 110 else 24), Span(_GAP)]
    if totals:
        spans += [Span(_ended(task).rjust(totals)), Span(_GAP)]
    used = sum(columns(span.text) for span in spans)
    return _line(width, [*spans, *_fitting(task_facts(task), width - used)])


def _bar(task: TaskGlance, cells: int) -> list[Span]:
    """Draw how much of a map has ended, and how; nothing where that cannot be known."""
    total = task.width
    if not task.mapped or not total or task.grows:
        return [Span(" " * cells)]
    failed = task.counts[Standing.FAILED]
    bad = max(1, failed * cells // total) if failed else 0
    good = min((task.ended - failed) * cells // total, cells - bad)
    rest = cells - good - bad
    return [Span("━" * good, "done"), Span("━" * bad, "bad"), Span("─" * rest, "bar")]


def _fitting(facts: Sequence[Fact], width: int) -> list[Span]:
    """Take as many facts as have a place; the last ones are missed least."""
    spans: list[Span] = []
    for fact in facts:
        text = one_line(fact.text, 60)
        before = ", " if spans else ""
        width -= len(before) + columns(text)
        if width < 0 and spans:
            break
        spans += [Span(before, "dim"), Span(text, fact.kind)]
    return spans


def _child_lines(children: Sequence[ChildGlance], loops: bool, width: int) -> list[Line]:
    if not children:
        return []
    names = [one_line(child.name, max(10, width // 4)) for child in children]
    words = [child_words(child, loops) for child in children]
    name_columns = max(map(columns, names))
    word_columns = max(columns(word.text) for word in words)
    lines = []
    for child, name, word in zip(children, names, words, strict=True):
        start = [Span("    "), Span(_padded(name, name_columns)), Span(_GAP)]
        start += [Span(_padded(word.text, word_columns), word.kind), Span(_GAP)]
        free = width - sum(columns(span.text) for span in start)
        message = one_line(child.message, free) if free > 8 else ""
        lines.append(_line(width, [*start, Span(message, "dim")]))
    return lines


def _failure_lines(glance: Glance, width: int) -> list[Line]:
    shown = glance.failures[-_FAILURES:]
    lines = []
    for one in shown:
        at = f" at iteration {one.iteration:,}" if one.iteration > 1 else ""
        text = f"✖ {one_line(one.name, max(10, width // 3))} failed{at}: "
        free = max(8, width - columns(text))
        lines.append(_line(width, [Span(text, "bad"), Span(one_line(one.message, free))]))
    if glance.failed > len(shown):
        more = f"✖ {glance.failed - len(shown):,} more failed before"
        lines.insert(0, _line(width, [Span(more, "bad")]))
    return lines


def _padded(text: str, width: int) -> str:
    """Bring a text to so many columns."""
    cut = text if columns(text) <= width else one_line(text, width)
    return cut + " " * (width - columns(cut))


def _line(width: int, spans: Iterable[Span]) -> Line:
    """Cut a line to its width."""
    line = []
    for text, kind in spans:
        if columns(text) > width:
            text = text[:width] if text.isascii() else one_line(text, max(1, width))
        width -= columns(text)
        if text:
            line.append(Span(text, kind))
        if width <= 0:
            break
    return tuple(line)
