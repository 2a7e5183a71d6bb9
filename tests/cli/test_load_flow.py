"""FILE[:FLOW] is found, loaded once, and refused with a text that helps."""

from __future__ import annotations

import os
import sys

import click
import pytest

from daskloop.cli.load_flow import load_flow


def test_the_only_flow_of_a_file_is_taken(folder):
    loaded = load_flow("fib.py")
    assert loaded.flow.name == "fibs"
    assert loaded.origin == f"{folder}/fib.py:flow"


def test_its_main_part_is_not_run_and_its_module_has_a_name_of_its_own():
    flow = load_flow("fib.py:flow").flow
    (total,) = (one for one in flow.tasks if one.name == "total")
    assert total.run.__module__ == "daskloop_file_fib"
    assert "fib" not in sys.modules


def test_what_lies_beside_it_can_be_imported_here_and_by_processes_started_here(folder):
    (folder / "inner").mkdir()
    (folder / "inner" / "beside_it.py").write_text("NAME = 'beside'\n")
    (folder / "inner" / "two.py").write_text(
        "from beside_it import NAME\nfrom daskloop import Flow\nflow = Flow(NAME)\n"
    )
    try:
        assert load_flow("inner/two.py").flow.name == "beside"
    finally:
        sys.modules.pop("beside_it", None)
    assert os.environ["PYTHONPATH"].split(os.pathsep)[0] == str(folder / "inner")


def test_a_flow_is_named_by_its_variable_or_by_its_own_name(folder):
    (folder / "two.py").write_text(
        "from daskloop import Flow\nfirst = Flow('one')\nsecond = Flow('the other')\n"
    )
    assert load_flow("two.py:second").flow.name == "the other"
    loaded = load_flow("two.py:the other")
    assert (loaded.flow.name, loaded.origin) == ("the other", f"{folder}/two.py:second")


def test_one_flow_under_two_names_is_one(folder):
    (folder / "one.py").write_text("from daskloop import Flow\na = b = Flow('one')\n")
    assert load_flow("one.py").origin.endswith(":a")


def test_a_module_is_named_with_dots(folder):
    (folder / "a_package").mkdir()
    (folder / "a_package" / "__init__.py").write_text("")
    (folder / "a_package" / "flows.py").write_text("from daskloop import Flow\nf = Flow('in it')\n")
    try:
        loaded = load_flow("a_package.flows:f")
        assert (loaded.flow.name, loaded.origin) == ("in it", "a_package.flows:f")
    finally:
        for name in ("a_package", "a_package.flows"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("where", "code", "says"),
    [
        ("missing.py", 2, "There is no file 'missing.py'"),
        ("empty.py", 2, "There is no flow in"),
        ("two.py", 2, "first ('one'), second ('the other'). Name one"),
        ("two.py:third", 2, "There is no flow 'third' in"),
        ("no_such_module:flow", 2, "There is no module 'no_such_module'"),
        ("what is this", 2, "names no flow"),
        ("raises.py", 3, "ValueError: not today"),
        ("wrong.py", 3, "SyntaxError"),
        ("exits.py", 3, "cannot be loaded"),
        ("notes.txt", 2, "does not end in .py"),
    ],
)
def test_what_cannot_be_loaded_is_refused(folder, where, code, says):
    for name, text in {
        "empty.py": "x = 1\n",
        "two.py": "from daskloop import Flow\nfirst = Flow('one')\nsecond = Flow('the other')\n",
        "raises.py": "def f():\n    raise ValueError('not today')\nf()\n",
        "wrong.py": "def f(:\n",
        "exits.py": "raise SystemExit(5)\n",
        "notes.txt": "x\n",
    }.items():
        (folder / name).write_text(text)
    with pytest.raises(click.ClickException) as refused:
        load_flow(where)
    assert says in refused.value.message
    assert refused.value.exit_code == code
    assert "importlib" not in refused.value.message


@pytest.mark.parametrize(
    ("module", "code", "says"),
    [
        ("odd_flows.lacks", 3, "'odd_flows.lacks' cannot be imported: No module named 'no_such"),
        ("odd_flows.beside", 3, "cannot be imported: No module named 'odd_flows.no_such_one'"),
        ("odd_flows.raises", 3, "ValueError: not today"),
        ("odd_flows.exits", 3, "SystemExit: 5"),
        ("odd_flows.wrong", 3, "SyntaxError"),
        ("odd_flows.no_such_one", 2, "There is no module 'odd_flows.no_such_one'"),
        ("odd_flows.lacks.deeper", 3, "'odd_flows.lacks.deeper' cannot be imported"),
    ],
)
def test_a_module_that_cannot_be_imported_is_refused_with_what_is_wrong_in_it(
    folder, module, code, says
):
    package = folder / "odd_flows"
    package.mkdir()
    for name, text in {
        "__init__": "",
        "lacks": "import no_such_library\n",
        "beside": "import odd_flows.no_such_one\n",
        "raises": "def f():\n    raise ValueError('not today')\nf()\n",
        "exits": "import sys\nsys.exit(5)\n",
        "wrong": "def f(:\n",
    }.items():
        (package / f"{name}.py").write_text(text)
    try:
        with pytest.raises(click.ClickException) as refused:
            load_flow(f"{module}:flow")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "odd_flows"]:
            del sys.modules[name]
    assert says in refused.value.message and refused.value.exit_code == code
    # What is shown begins in the user's file.
    assert "importlib" not in refused.value.message and "load_flow" not in refused.value.message
    if "Traceback" in refused.value.message:
        assert f'File "{package}' in refused.value.message.splitlines()[2]
