"""What a picture of a flow shows: boxes and arrows, as frozen data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from daskloop.define.graph import TaskGraph
from daskloop.define.parameter import Parameter
from daskloop.define.task import Task
from daskloop.states import Mapped, State

__all__ = ["Arrow", "Box", "Drawing", "beginning", "draw"]

Kind = Literal["parameter", "task", "map"]

_COLOURS = {
    "Failed": "#fcae91",
    "TriggerFailed": "#fdd0a2",
    "Cancelled": "#d9d9d9",
    "Running": "#fff2ae",
    "Scheduled": "#fff7bc",
    "Pending": "#f7f7f7",
    "Looped": "#fff2ae",
    "Skipped": "#deebf7",
    "Cached": "#a6dba0",
    "Success": "#c7e9c0",
}
"""Light, to be read in black; the first of a state's classes that is here gives the colour. A map
has that of the child that comes first in this order."""


@dataclass(frozen=True, slots=True)
class Box:
    """One task."""

    name: str
    """Unique in the drawing; letters and digits."""
    kind: Kind
    lines: tuple[str, ...]
    """What is written in it: anything."""
    colour: str | None
    """Like ``#c7e9c0``; None if no state is known."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One task waits for another."""

    start: str
    """Name of a box."""
    end: str
    """Name of a box."""
    label: str
    """The argument that takes the result; empty if only the order matters."""
    mapped: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole flow."""

    name: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def draw(graph: TaskGraph, states: Mapping[Task, State] | None = None) -> Drawing:
    """Describe the picture of a flow.

    Parameters
    ----------
    graph : TaskGraph
        The flow.
    states : mapping, optional
        How its tasks ended, as in the `result` of a flow's state.

    Examples
    --------
    >>> graph = TaskGraph("two")
    >>> edge = graph.add_edge(Task(name="a"), Task(name="b"))
    >>> [box.lines for box in draw(graph).boxes], draw(graph).arrows
    ([('a',), ('b',)], (Arrow(start='n0', end='n1', label='', mapped=False),))
    """
    tasks = graph.sorted_tasks()
    names = {task: f"n{number}" for number, task in enumerate(tasks)}
    boxes = tuple(_box(graph, task, names[task], (states or {}).get(task)) for task in tasks)
    arrows = [
        Arrow(
            names[edge.upstream_task],
            names[edge.downstream_task],
            f"{edge.key or ''}{' (flattened)' if edge.flattened else ''}".strip(),
            edge.mapped,
        )
        for edge in graph.edges()
    ]
    order = {name: number for number, name in enumerate(names.values())}
    arrows.sort(key=lambda arrow: (order[arrow.end], order[arrow.start], arrow.label))
    return Drawing(graph.name, boxes, tuple(arrows))


def beginning(drawing: Drawing, most: int) -> Drawing:
    """Leave out all but the first boxes, and the arrows that lead to others.

    Examples
    --------
    >>> boxes = Box("n0", "task", ("a",), None), Box("n1", "task", ("b",), None)
    >>> len(beginning(Drawing("two", boxes, (Arrow("n0", "n1", "", False),)), 1).arrows)
    0
    """
    boxes = drawing.boxes[:most]
    names = {box.name for box in boxes}
    arrows = tuple(one for one in drawing.arrows if {one.start, one.end} <= names)
    return Drawing(drawing.name, boxes, arrows)


def _box(graph: TaskGraph, task: Task, name: str, state: State | None) -> Box:
    kind: Kind = "parameter" if isinstance(task, Parameter) else "task"
    if graph.call_of(task).is_mapped:
        kind = "map"
    if state is None or kind == "parameter":
        return Box(name, kind, (task.name,), None)
    children = list(state.map_states) if isinstance(state, Mapped) else []
    if not children:
        return Box(name, kind, (task.name, *_said(state)), _colour([state]))
    counts = Counter(type(child).__name__ for child in children)
    said = ", ".join(f"{count} {word}" for word, count in counts.most_common())
    return Box(name, kind, (f"{task.name} x{len(children)}", said), _colour(children))


def _said(state: State) -> tuple[str, ...]:
    if state.loop_count is not None and state.loop_count > 1:
        return (type(state).__name__, f"{state.loop_count} iterations")
    return (type(state).__name__,)


def _colour(states: Sequence[State]) -> str | None:
    order = list(_COLOURS)
    found = [
        next((one.__name__ for one in kind.__mro__ if one.__name__ in _COLOURS), None)
        for kind in {type(state) for state in states}
    ]
    known = [word for word in found if word is not None]
    return _COLOURS[min(known, key=order.index)] if known else None
