"""Code that travels by value keeps the name of its file, and what is compared does not see it."""

from __future__ import annotations

import collections
import runpy
import traceback
from types import CodeType

import cloudpickle
import pytest

from daskloop.plan.fingerprint import digest_of_value
from daskloop.record.pickler import code_in_file, is_rebuilt
from daskloop.record.pickling import freeze, join, thaw
from daskloop.results.functions import Reader

SCRIPT = """
def outer(x):
    def inner(y):
        return [1 / z for z in (y,)]
    return inner(x)


divide = lambda x: (lambda y: 1 / y)(x)


class Holder:
    @property
    def broken(self):
        raise ValueError("broken")

    @staticmethod
    def still(x):
        return 1 / x

    def method(self, x):
        return outer(x)


def helped(x):
    return Holder().method(x)


def generates(x):
    yield 1 / x
"""


def travelled(value):
    """Write down and open, as on the way to a worker."""
    return thaw(join(freeze(value, "it")))


def script(file, text=SCRIPT):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return runpy.run_path(str(file), run_name="__main__")


def frames(call, *args):
    """Tell where a call raised: files and lines of source, those of this file apart."""
    try:
        call(*args)
    except (ZeroDivisionError, ValueError) as error:
        found = traceback.extract_tb(error.__traceback__)
        return [(one.filename, one.line) for one in found if one.filename != __file__]
    raise AssertionError("it should raise")


@pytest.mark.parametrize(
    ("call", "lines"),
    [
        (lambda of: of["outer"](0), ["return inner(x)", "return [1 / z for z in (y,)]"]),
        (lambda of: of["divide"](0), ["divide = lambda x: (lambda y: 1 / y)(x)"]),
        (lambda of: of["Holder"].still(0), ["return 1 / x"]),
        (lambda of: of["Holder"]().broken, ['raise ValueError("broken")']),
        (lambda of: of["helped"](0), ["return Holder().method(x)", "return outer(x)"]),
        (lambda of: next(of["generates"](0)), ["yield 1 / x"]),
    ],
    ids=["nested", "lambda", "static method", "property", "method and helper", "generator"],
)
def test_a_traceback_names_file_and_source(call, lines, tmp_path):
    file = tmp_path / "script.py"
    names = ("outer", "divide", "Holder", "helped", "generates")
    written = script(file)
    data = join(freeze({name: written[name] for name in names}, "them"))
    found = frames(lambda: call(thaw(data)))
    assert {name for name, _ in found} == {str(file)}
    told = [line for _, line in found]
    assert [line for line in lines if line not in told] == []


def test_cloudpickle_still_has_a_reducer_for_code_where_we_look_for_it():
    # If this fails, code travels without the names of its files: see `daskloop.record.pickler`.
    assert callable(cloudpickle.Pickler.dispatch_table[CodeType])
    make, arguments = cloudpickle.Pickler.dispatch_table[CodeType](travelled.__code__)
    assert code_in_file("/a/file.py", make, arguments).co_filename == "/a/file.py"


def test_a_relative_name_becomes_a_whole_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "near.py").write_text("def f(): pass\n")
    made = {}
    exec(compile("def f(): pass\n", "near.py", "exec"), made)
    data = join(freeze(made["f"], "it"))
    monkeypatch.chdir("/")
    assert thaw(data).__code__.co_filename == str(tmp_path / "near.py")


@pytest.mark.parametrize("name", ["<stdin>", "<ipython-input-1-abc>", "no such file.py"])
def test_what_is_no_file_keeps_its_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = {}
    exec(compile("def f(): return lambda: 1\n", name, "exec"), made)
    opened = travelled(made["f"])
    assert opened.__code__.co_filename == name and opened().__code__.co_filename == name


def test_a_current_folder_that_is_gone_is_no_failure(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    made = {}
    exec(compile("def f(): return 1\n", "near.py", "exec"), made)
    assert travelled(made["f"])() == 1


def test_what_was_opened_can_travel_on(tmp_path):
    opened = travelled(travelled(script(tmp_path / "script.py")["outer"]))
    assert opened.__code__.co_filename == str(tmp_path / "script.py")
    assert is_rebuilt(opened.__code__) and not is_rebuilt(script.__code__)


def test_a_function_is_the_same_in_another_folder(tmp_path):
    here, there = (script(tmp_path / name / "script.py")["helped"] for name in ("a", "b"))
    assert digest_of_value(here) == digest_of_value(there)
    assert digest_of_value(travelled(here)) == digest_of_value(travelled(there))
    read = [Reader(True).value(one) for one in (here, there, travelled(here))]
    assert read[0] == read[1] == read[2]


def test_bytes_that_are_compared_do_not_name_a_file():
    # Typed into a notebook, which has a file name of its own in each process.
    made = []
    for name in ("/tmp/kernel_1/2.py", "/tmp/kernel_3/2.py"):
        made.append({"__name__": "__main__"})
        exec(compile("def f(): return lambda: 1\n", name, "exec"), made[-1])
    one, other = (collections.deque([each["f"]]) for each in made)
    assert digest_of_value(one) == digest_of_value(other)
    assert b"kernel_1" in join(freeze(one, "it"))


def test_a_recorded_function_is_not_read_from_a_file_that_has_changed(tmp_path):
    file = tmp_path / "script.py"
    before = script(file, "def f(x):\n    return x + 1\n")["f"]
    same, recorded = digest_of_value(travelled(before)), join(freeze(before, "it"))
    after = script(file, "def f(x):\n    return x + 2\n")["f"]
    assert digest_of_value(thaw(recorded)) == same
    assert digest_of_value(thaw(recorded)) != digest_of_value(after)
    assert digest_of_value(thaw(recorded)) != digest_of_value(travelled(after))


def test_a_pickle_holds_the_name_once(tmp_path):
    data = join(freeze([script(tmp_path / "script.py")["outer"], 1], "it"))
    # As the file of the code, and as `__file__` of the globals: pickle may tell these two apart.
    assert 1 <= data.count(str(tmp_path / "script.py").encode()) <= 2
