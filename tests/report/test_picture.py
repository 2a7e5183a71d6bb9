"""Pictures on the screen and in files, with Graphviz and without."""

from __future__ import annotations

import shutil
import sys
from types import ModuleType

import pytest

from daskloop import Flow, Parameter, task
from daskloop.report.picture import Sketch
from daskloop.states import Failed, Success


@task
def double(x):
    return 2 * x


with Flow("doubles") as flow:
    doubled = double.map(Parameter("xs"))

MERMAID = """\
flowchart TD
  n0(["xs"])
  n1[["double"]]
  n0 -.->|"x"| n1
"""


@pytest.fixture
def no_graphviz(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)


class Digraph:
    """Stands for Graphviz's class, which pipes text through the program dot."""

    def __init__(self, name, body):
        self.name, self.body = name, body

    def pipe(self, format):
        return f"{format} of {self.name}".encode()


@pytest.fixture
def graphviz(monkeypatch):
    package = ModuleType("graphviz")
    package.Digraph = Digraph
    monkeypatch.setitem(sys.modules, "graphviz", package)
    monkeypatch.setattr(shutil, "which", {"dot": "/usr/bin/dot"}.get)


def test_f14_without_graphviz_it_is_text_that_notebooks_draw(no_graphviz):
    sketch = flow.visualize()
    assert isinstance(sketch, Sketch)
    assert sketch.mermaid == str(sketch) == MERMAID
    bundle = sketch._repr_mimebundle_()
    assert bundle["text/vnd.mermaid"] == bundle["text/plain"] == MERMAID
    assert bundle["text/html"] == flow._repr_html_()
    assert sketch.svg in bundle["text/html"]
    assert bundle["text/markdown"] == sketch._repr_markdown_() == f"```mermaid\n{MERMAID}```\n"


def test_f14_without_the_program_dot_it_is_text_too(graphviz, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert isinstance(flow.visualize(), Sketch)
    with pytest.raises(RuntimeError, match="the program dot is not here"):
        flow.visualize(filename="flow.png")


def test_f14_with_graphviz_it_is_its_own_object(graphviz):
    digraph = flow.visualize()
    assert isinstance(digraph, Digraph)
    assert digraph.body[0] == '\tn0 [label="xs", shape=ellipse, fillcolor="white"]\n'


def test_f14_a_run_of_graphviz_itself():
    graphviz = pytest.importorskip("graphviz")
    if shutil.which("dot") is None:
        pytest.skip("the program dot is not installed")
    digraph = flow.visualize()
    assert isinstance(digraph, graphviz.Digraph)
    assert b"<svg" in digraph.pipe(format="svg")


@pytest.mark.parametrize(
    ("options", "path", "begins"),
    [
        ({"filename": "a.mmd"}, "a.mmd", "flowchart TD"),
        ({"filename": "a.md"}, "a.md", "```mermaid"),
        ({"filename": "a.dot"}, "a.dot", 'digraph "doubles"'),
        ({"filename": "a", "format": "GV"}, "a.gv", 'digraph "doubles"'),
        ({"filename": "v1.2", "format": "mmd"}, "v1.2.mmd", "flowchart TD"),
        ({"filename": "a"}, "a.svg", '<svg class="flow"'),
    ],
)
def test_f14_texts_are_written_without_graphviz(no_graphviz, tmp_path, options, path, begins):
    options["filename"] = tmp_path / options["filename"]
    flow.visualize(**options)
    assert (tmp_path / path).read_text().startswith(begins)


def test_f14_pictures_are_written_by_graphviz(graphviz, tmp_path):
    flow.visualize(filename=str(tmp_path / "a"))
    flow.visualize(filename=str(tmp_path / "b.png"))
    assert (tmp_path / "a.svg").read_text() == "svg of doubles"
    assert (tmp_path / "b.png").read_text() == "png of doubles"


def test_f14_a_picture_without_graphviz_is_refused(no_graphviz, tmp_path):
    with pytest.raises(RuntimeError, match=r"package graphviz is not here.*filename='.*a\.svg'"):
        flow.visualize(filename=tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_f14_the_state_of_a_run_colours_it(no_graphviz):
    state = flow.run(xs=[1, 2, 3], executor="inline")
    text = flow.visualize(state).mermaid
    assert flow.visualize(flow_state=state).mermaid == text  # the word of Prefect Core
    assert '  n1[["double x3<br>3 Success"]]\n' in text
    assert "style n1 fill:#" in text


@pytest.mark.parametrize("state", [Success(), Failed(result=ValueError()), {doubled: Success()}])
def test_f14_what_is_no_state_of_a_flow_is_refused(state):
    with pytest.raises(TypeError, match="give what flow.run returned for flow 'doubles'"):
        flow.visualize(state)


def test_f14_the_state_of_another_flow_is_refused():
    with Flow("other") as other:
        double(1)
    state = other.run(executor="inline")
    with pytest.raises(ValueError, match="of a run of another flow, not of 'doubles'"):
        flow.visualize(state)
    with pytest.raises(ValueError, match="format='svg'.*give it a filename"):
        flow.visualize(format="svg")


def test_f14_a_notebook_is_shown_the_beginning_of_a_very_large_flow():
    with Flow("large") as large:
        for number in range(250):
            double(number)
    shown = large._repr_html_()
    assert shown.count("<rect") == 200
    assert "50 more tasks are not drawn" in shown


def test_f14_an_empty_flow_is_an_empty_picture(no_graphviz):
    assert Flow("empty").visualize().mermaid == "flowchart TD\n"
