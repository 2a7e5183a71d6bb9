"""Pictures that the build makes itself: flows of the examples drawn, runs of theirs as charts.

::

    ```{flow-picture} converge        the flow in examples/converge.py
    ```
    ```{flow-picture} converge        with how a run of it ended
    :run:
    ```
    ```{run-chart} paginate           each attempt of a run of it, by time
    ```
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from run_chart import chart_svg
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from daskloop.report.drawing import draw
from daskloop.report.svg import svg_text

__all__ = ["setup"]

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples"
REPORT = HERE.parent.parent / "daskloop" / "report"


class _Picture(SphinxDirective):
    """A picture of an example, with a caption."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make the picture."""
        name = self.arguments[0]
        for module in ("svg", "layout", "drawing"):
            self.env.note_dependency(str(REPORT / f"{module}.py"))
        self.env.note_dependency(str(HERE / "run_chart.py"))
        self.env.note_dependency(str(_path(name)))
        wide = f"<div style='overflow-x:auto'>{self.svg(_load(name))}</div>"
        picture = nodes.raw("", wide, format="html")
        figure = nodes.figure("", nodes.container("", picture, classes=["picture"]))
        caption = " ".join(self.content)
        if caption:
            inline, _ = self.state.inline_text(caption, self.lineno)
            figure += nodes.caption(caption, "", *inline)
        return [figure]

    def svg(self, module: ModuleType) -> str:
        """Draw it."""
        raise NotImplementedError


class FlowPicture(_Picture):
    """The flow of an example."""

    option_spec = {"run": directives.flag}  # noqa: RUF012 - as docutils has it

    def svg(self, module: ModuleType) -> str:
        """Draw the flow, with `run` after it was run."""
        states = _run(module).result if "run" in self.options else None
        return svg_text(draw(module.flow, states))


class RunChart(_Picture):
    """A run of an example, attempt by attempt."""

    def svg(self, module: ModuleType) -> str:
        """Run the example and draw what its attempts were."""
        rows: list[dict[str, Any]] = []
        plain = module.flow.run

        # main() runs the flow as it likes; only that its history is kept has to be added.
        def recorded(*args: Any, **options: Any) -> Any:
            run = module.flow.submit(*args, **options, history=True)
            state = run.result()
            table = run.history
            rows.extend(table if isinstance(table, list) else table.to_dict("records"))
            return state

        module.flow.run = recorded
        try:
            _run(module)
        finally:
            module.flow.run = plain
        return chart_svg(module.flow.name, rows)


def _load(name: str) -> ModuleType:
    """Import an example afresh, so that each picture has a flow of its own."""
    if str(EXAMPLES) not in sys.path:
        sys.path.append(str(EXAMPLES))
    spec = importlib.util.spec_from_file_location(name, _path(name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _path(name: str) -> Path:
    """Find an example, or a program beside this file that was written for a picture."""
    for folder in (EXAMPLES, HERE):
        if (folder / f"{name}.py").exists():
            return folder / f"{name}.py"
    raise ValueError(f"there is no example {name!r} in {EXAMPLES} or {HERE}")


def _run(module: ModuleType) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        return module.main()


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directives."""
    app.add_directive("flow-picture", FlowPicture)
    app.add_directive("run-chart", RunChart)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
