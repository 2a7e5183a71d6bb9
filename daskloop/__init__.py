"""Loops of unknown length as first-class dataflow on Dask, in the words of Prefect Core.

Examples
--------
>>> from daskloop import Flow, Parameter, task
>>> @task
... def double(x):
...     return 2 * x
>>> with Flow("doubles") as flow:
...     doubled = double.map(Parameter("numbers"))
>>> flow.run(numbers=[1, 2]).result[doubled].result  # doctest: +SKIP
[2, 4]
"""

from importlib import import_module
from typing import Any

import daskloop.engine.results
import daskloop.engine.serializers
import daskloop.engine.signals
import daskloop.engine.state
import daskloop.triggers  # noqa: F401
from daskloop.contexts import context
from daskloop.define.again import again
from daskloop.define.annotations import emitted, flatten, mapped, unmapped
from daskloop.define.apply_map import apply_map
from daskloop.define.asha import ASHA
from daskloop.define.control_flow import case
from daskloop.define.datetime_parameter import DateTimeParameter
from daskloop.define.decorator import task
from daskloop.define.loop_flow import loop_flow
from daskloop.define.parameter import Parameter
from daskloop.define.resource_manager import resource_manager
from daskloop.define.scope import tags
from daskloop.define.task import Task
from daskloop.flow.flow import Flow
from daskloop.loggers import get_run_logger

__all__ = [
    "ASHA",
    "DateTimeParameter",
    "Flow",
    "Parameter",
    "Task",
    "__version__",
    "again",
    "apply_map",
    "case",
    "context",
    "emitted",
    "flatten",
    "get_run_logger",
    "loop_flow",
    "mapped",
    "resource_manager",
    "tags",
    "task",
    "unmapped",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Executors know Dask's clusters; nobody pays for that before a flow runs.
    if name == "executors":
        return import_module("daskloop.executors")
    raise AttributeError(f"module 'daskloop' has no attribute {name!r}")
