"""Draw a flow, by Graphviz where that is there and else by itself, and write it to a file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from daskloop.define.graph import TaskGraph
from daskloop.define.task import Task
from daskloop.html_table import note
from daskloop.report.dot import dot_lines, dot_text
from daskloop.report.drawing import Drawing, beginning, draw
from daskloop.report.mermaid import mermaid_text
from daskloop.report.svg import svg_text
from daskloop.states import State

__all__ = ["Sketch", "flow_html", "picture"]

_TEXTS = ("mmd", "md", "dot", "gv")
_MOST = 200  # boxes in a notebook: more are no picture any more


class Sketch:
    """A picture as text; notebooks show it drawn.

    Parameters
    ----------
    drawing : Drawing
        What it shows.

    Examples
    --------
    >>> Sketch(Drawing("empty", (), ())).mermaid
    'flowchart TD\\n'
    """

    def __init__(self, drawing: Drawing) -> None:
        self.name = drawing.name
        self.mermaid = mermaid_text(drawing)
        """The picture in Mermaid."""
        self.dot = dot_text(drawing)
        """The picture in DOT, the language of Graphviz."""
        self._drawing = drawing

    @property
    def svg(self) -> str:
        """The picture in SVG, drawn without Graphviz."""
        return svg_text(self._drawing)

    def __str__(self) -> str:
        return self.mermaid

    def _repr_markdown_(self) -> str:
        return f"```mermaid\n{self.mermaid}```\n"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {
            "text/html": _html(self._drawing),
            "text/vnd.mermaid": self.mermaid,
            "text/markdown": self._repr_markdown_(),
            "text/plain": self.mermaid,
        }


def picture(graph: TaskGraph, state: State | None, filename: Any, format: str | None) -> Any:
    """Make the picture of a flow; see `Flow.visualize`.

    Raises
    ------
    TypeError, ValueError
        If the state is not that of a run of this flow.
    RuntimeError
        If the format needs Graphviz, which is not there.
    """
    drawing = draw(graph, None if state is None else _states(graph, state))
    if filename is not None:
        _write(drawing, *_target(filename, format))
    elif format is not None:
        raise ValueError(
            f"flow.visualize(format={format!r}) says how a file is written; give it a filename="
        )
    return _digraph(drawing) or Sketch(drawing)


def flow_html(graph: TaskGraph) -> str:
    """Draw a flow for a notebook; of a very large one, its beginning."""
    return _html(draw(graph))


def _html(drawing: Drawing) -> str:
    """Draw for a page that scrolls aside what is too wide."""
    more = len(drawing.boxes) - _MOST
    svg = svg_text(drawing if more <= 0 else beginning(drawing, _MOST))
    text = f"{more:,} more tasks are not drawn; flow.visualize(filename='flow.svg') draws all"
    return f"<div style='overflow-x:auto'>{svg}</div>{note(text) if more > 0 else ''}"


def _states(graph: TaskGraph, state: object) -> Mapping[Task, State]:
    found = state.result if isinstance(state, State) else None
    if not isinstance(found, Mapping):
        raise TypeError(
            f"flow.visualize(flow_state={state!r}): give what flow.run returned for flow "
            f"'{graph.name}'"
        )
    if graph.tasks and not any(task in found for task in graph.tasks):
        raise ValueError(
            f"flow.visualize(flow_state=...): the state is of a run of another flow, not of "
            f"'{graph.name}'; none of its tasks is here"
        )
    return found


def _target(filename: Any, format: str | None) -> tuple[Path, str]:
    path = Path(os.fspath(filename))
    ending = path.suffix[1:].lower()
    chosen = (format or ending or "svg").lower()
    return path if ending == chosen else path.with_name(f"{path.name}.{chosen}"), chosen


def _write(drawing: Drawing, path: Path, format: str) -> None:
    if format in _TEXTS:
        sketch = Sketch(drawing)
        texts = {"mmd": sketch.mermaid, "md": sketch._repr_markdown_()}
        path.write_text(texts.get(format, sketch.dot), encoding="utf-8")
        return
    digraph = _digraph(drawing)
    if digraph is None and format == "svg":
        path.write_text(svg_text(drawing), encoding="utf-8")
        return
    if digraph is None:
        raise RuntimeError(
            f"flow.visualize(filename='{path}') draws with Graphviz, of which "
            f"{'the program dot' if _package() else 'the Python package graphviz'} is not here. "
            f"Install it, or write what needs none: filename='{path.with_suffix('.svg')}'"
        )
    path.write_bytes(digraph.pipe(format=format))


def _digraph(drawing: Drawing) -> Any:
    """Make Graphviz's own object; None where the package or its program is not there."""
    package = _package()
    if package is None or shutil.which("dot") is None:
        return None
    lines = [f"\t{line}\n" for line in dot_lines(drawing)]
    return package.Digraph(drawing.name, body=lines)


def _package() -> Any:
    try:
        return import_module("graphviz")
    except ImportError:
        return None
