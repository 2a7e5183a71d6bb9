"""Measure what the table of a notebook costs a run.

python ci/bench/notebook.py [--quick] [--only 1,2]

  1  100 loops of 20 iterations, a future each, with the table and without, in turns on one cluster
  2  a map of 20,000 tasks with batch="auto"

The kernel is stood for: what would be sent to a front end is written as JSON and thrown away.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import looping
from chain import connected
from distributed import Client
from measuring import Row, command_line, in_turns, settle

_RAW = Path(__file__).resolve().parents[2] / "docs" / "performance" / "raw-notebook.json"


class FrontEnd:
    """Stands for IPython's display, and for the handle that it returns."""

    def __call__(self, bundle: dict[str, str], **_: Any) -> FrontEnd:
        self.update(bundle)
        return self

    def update(self, bundle: dict[str, str], **_: Any) -> None:
        """Take a picture."""
        json.dumps(bundle)


@contextlib.contextmanager
def kernel() -> Iterator[None]:
    """Let it look as if a kernel ran this code."""
    shell = ModuleType("IPython")
    shell.get_ipython = lambda: SimpleNamespace(kernel=True)  # type: ignore[attr-defined]
    shown = ModuleType("IPython.display")
    shown.display = FrontEnd()  # type: ignore[attr-defined]
    kept = {name: sys.modules.get(name) for name in ("IPython", "IPython.display")}
    sys.modules.update({"IPython": shell, "IPython.display": shown})
    try:
        yield
    finally:
        for name, module in kept.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def with_table(run: Callable[[], object]) -> object:
    """Run in what looks like a notebook."""
    with kernel():
        return run()


def beside(
    what: str, run: Callable[[Client], object], amount: int, repeats: int, most: float
) -> Iterator[Row]:
    """Measure work with the table and without."""
    for kind in ("threads", "processes"):
        with connected(kind) as client:
            plain, ours = in_turns(
                {
                    "without": partial(run, client),
                    "with": partial(with_table, partial(run, client)),
                },
                unit="ms",
                amount=amount,
                repeats=repeats,
                between=partial(settle, client),
            )
        ratio = ours.median / plain.median
        assert ours.cpu is not None
        assert plain.cpu is not None
        goal = f"CPU ratio <= {most:g}"
        yield Row(what, kind, ours, goal, ours.cpu / plain.cpu <= most, plain, ratio)


def many_loops(quick: bool) -> Iterator[Row]:
    """Measure loops whose iterations have a future each."""
    loops = 10 if quick else 100
    what = f"1. {loops} loops of 20, table / none"
    run = partial(_loops, loops=loops)
    yield from beside(what, run, loops * 20, 2 if quick else 7, 1.05)


def tiny_tasks(quick: bool) -> Iterator[Row]:
    """Measure tasks that do next to nothing, many in a future."""
    width = 1_000 if quick else 20_000
    run = partial(_map, width=width)
    yield from beside(f"2. a map of {width:,}, table / none", run, width, 2 if quick else 7, 1.3)


def _loops(client: Client, loops: int) -> object:
    return looping.loops(client, loops, 20)


def _map(client: Client, width: int) -> object:
    state = looping.map_flow.run(xs=list(range(width)), executor=client, batch="auto")
    return state.raise_if_failed()


if __name__ == "__main__":
    command_line(__doc__, {"1": many_loops, "2": tiny_tasks}, _RAW, busy=2.5)
