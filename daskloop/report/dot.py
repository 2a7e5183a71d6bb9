"""A drawing as text in DOT, the language of Graphviz."""

from __future__ import annotations

from daskloop.report.drawing import Arrow, Box, Drawing

__all__ = ["dot_lines", "dot_text"]

_SHAPES = {
    "parameter": "shape=ellipse",
    "task": 'shape=box, style="rounded,filled"',
    "map": 'shape=box, peripheries=2, style="filled"',
}


def dot_text(drawing: Drawing) -> str:
    r"""Write a drawing in DOT.

    Examples
    --------
    >>> print(dot_text(Drawing('a "b"', (Box("n0", "parameter", ("x\\y", "z"), None),), ())))
    digraph "a \"b\"" {
      n0 [label="x\\y\nz", shape=ellipse, fillcolor="white"]
    }
    <BLANKLINE>
    """
    lines = "".join(f"  {line}\n" for line in dot_lines(drawing))
    return f"digraph {_quoted(drawing.name)} {{\n{lines}}}\n"


def dot_lines(drawing: Drawing) -> list[str]:
    """Write the statements that stand between the braces."""
    return [_box(box) for box in drawing.boxes] + [_arrow(arrow) for arrow in drawing.arrows]


def _box(box: Box) -> str:
    label = '"' + r"\n".join(map(_escaped, box.lines)) + '"'
    colour = box.colour or "white"
    return f'{box.name} [label={label}, {_SHAPES[box.kind]}, fillcolor="{colour}"]'


def _arrow(arrow: Arrow) -> str:
    options = [f"label={_quoted(arrow.label)}"] if arrow.label else []
    options += ["style=dashed"] if arrow.mapped else []
    said = f" [{', '.join(options)}]" if options else ""
    return f"{arrow.start} -> {arrow.end}{said}"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    # A backslash begins \N, \G and the like, which Graphviz replaces by names of its own.
    return text.replace("\\", "\\\\").replace('"', '\\"')
