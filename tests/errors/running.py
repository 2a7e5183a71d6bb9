"""Run a wrong use as its user would, and return what that user is shown."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import linecache
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import dask
from click.testing import CliRunner

from daskloop.cli.main import main
from daskloop.config import setting
from daskloop.engine.state import State
from tests.cli import files
from tests.errors.case import Case

__all__ = ["PRELUDE", "Shown", "show"]

PRELUDE = """\
import threading, time
from datetime import datetime, timedelta
import dask
import daskloop
from daskloop import *
from daskloop.engine.results import FileResult, LocalResult
from daskloop.engine.serializers import JSONSerializer, PandasSerializer
from daskloop.engine.signals import FAIL, LOOP, PAUSE, RETRY, SKIP, SUCCESS
from daskloop.engine.state import Success
from daskloop.executors import DaskExecutor, LocalDaskExecutor
from daskloop.tasks.control_flow import FilterTask, ifelse, merge, switch

@task
def square(x):
    return x * x

@task
def numbers():
    return [1, 2, 3]
"""
"""What stands above every case."""

FILES = {
    "fib.py": files.FIB,
    "broken.py": "import no_such_package\n",
    "empty.py": "from daskloop import Flow\n",
    "pin.py": (
        "from daskloop import Flow, Parameter, task\n\n@task\ndef use(pin):\n    return 1\n\n"
        "with Flow('pin') as flow:\n    use(Parameter('pin', type=int, secret=True))\n"
    ),
}
"""What lies in the current folder."""

_VARYING = (
    (re.compile(r"\b[a-z]+-[a-z]+-[0-9a-f]{8}\b"), "quiet-heron-7f3a9c12"),
    (re.compile(r"\bat 0x[0-9a-f]+"), "at 0x7f3a9c12"),
    (re.compile(r"(waited up to [\d.]+ s\)): Timed out .*?\. Is"), r"\1: ... Is"),
)
"""Names and addresses that differ each time, and what another library says."""

_numbers = itertools.count(1)


class Shown(NamedTuple):
    """What the user sees."""

    error: str
    """Name of the error's class, or the exit code of a command."""
    text: str


def show(case: Case) -> Shown | None:
    """Run a case in a folder of its own.

    Returns
    -------
    Shown or None
        None if nothing was wrong with it.
    """
    with _folder() as folder:
        found = _of_commands(case.commands) if case.commands else _of_code(case.code)
        return None if found is None else Shown(found.error, _settled(found.text, folder))


def _settled(text: str, folder: str) -> str:
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return text.replace(folder, "/home/ada").rstrip()


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    """Be in a new folder, without what the case has changed in this process when it is over."""
    path, before, modules = list(sys.path), os.getcwd(), set(sys.modules)
    setting("executor")  # defaults that are registered within `dask.config.set` go when that ends
    configured = {
        "daskloop.executor": "inline",
        "daskloop.cache": "cache",
        "daskloop.connect-timeout": "200ms",
    }
    with tempfile.TemporaryDirectory() as made, dask.config.set(configured):
        folder = os.path.realpath(made)
        for name, content in FILES.items():
            Path(folder, name).write_text(content, encoding="utf-8")
        os.chdir(folder)
        try:
            yield folder
        finally:
            os.chdir(before)
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                if name.startswith("daskloop_file_"):
                    cloudpickle.unregister_pickle_by_value(sys.modules.pop(name))
            importlib.invalidate_caches()


def _of_code(code: str) -> Shown | None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    _execute(PRELUDE, namespace)
    try:
        _execute(code, namespace)
    # Whatever a wrong use raises is what this is about.
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return Shown(_class_of(error), str(error))
    end = namespace.get("end")
    if isinstance(end, State) and end.is_failed():
        return Shown(_class_of(end.result), str(end.message))
    return None


def _execute(code: str, namespace: dict[str, Any]) -> None:
    """Execute source that `inspect` finds again, as that of a file."""
    name = f"<case {next(_numbers)}>"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    exec(compile(code, name, "exec"), namespace)


def _class_of(error: object) -> str:
    kind = type(error)
    return kind.__name__


def _of_commands(lines: list[str]) -> Shown | None:
    for line in lines[:-1]:
        _command(line)
    code, text = _command(lines[-1])
    return None if code == 0 else Shown(f"exit {code}", text)


def _command(line: str) -> tuple[int, str]:
    words = shlex.split(line)[1:]
    if "RUN" in words:
        words[words.index("RUN")] = os.listdir(".daskloop")[0]
    with dask.config.set({"daskloop.progress": False}):  # its lines begin with the time
        result = CliRunner().invoke(main, words, prog_name="daskloop", catch_exceptions=False)
    return result.exit_code, result.stderr
