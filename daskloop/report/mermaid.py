"""A drawing as text in Mermaid, which notebooks, GitHub and many editors show as a picture."""

from __future__ import annotations

import re

from daskloop.report.drawing import Arrow, Box, Drawing

__all__ = ["mermaid_text"]

_SHAPES = {"parameter": ('(["', '"])'), "task": ('["', '"]'), "map": ('[["', '"]]')}

_SPECIAL = re.compile(r"[^\w ,.:()+=/-]")
"""Signs that mean something to Mermaid, to HTML or to Markdown in it, and some that do not."""


def mermaid_text(drawing: Drawing) -> str:
    """Write a drawing in Mermaid.

    Examples
    --------
    >>> a, b = Box("n0", "parameter", ("M",), None), Box("n1", "map", ("f x2", "ok"), "#c7e9c0")
    >>> print(mermaid_text(Drawing("f", (a, b), (Arrow("n0", "n1", "x", True),))))
    flowchart TD
      n0(["M"])
      n1[["f x2<br>ok"]]
      n0 -.->|"x"| n1
      style n1 fill:#c7e9c0,stroke:#555,color:#111
    <BLANKLINE>
    """
    lines = [_box(box) for box in drawing.boxes]
    lines += [_arrow(arrow) for arrow in drawing.arrows]
    lines += [
        f"style {box.name} fill:{box.colour},stroke:#555,color:#111"
        for box in drawing.boxes
        if box.colour is not None
    ]
    return "".join(f"{line}\n" for line in ["flowchart TD", *(f"  {line}" for line in lines)])


def _box(box: Box) -> str:
    before, after = _SHAPES[box.kind]
    return f"{box.name}{before}{'<br>'.join(map(_escaped, box.lines))}{after}"


def _arrow(arrow: Arrow) -> str:
    way = "-.->" if arrow.mapped else "-->"
    label = f'|"{_escaped(arrow.label)}"|' if arrow.label else ""
    return f"{arrow.start} {way}{label} {arrow.end}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", text)
