"""Start the child process that holds a local cluster, and hear when it is ready."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from daskloop.executors.cluster_process import Order

__all__ = ["launch", "read_ready_file"]

_BOOT = """\
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from daskloop.executors.cluster_process import main
main()
"""


def launch(workers: int, directory: str, own: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """Start the child process and tell it what to do.

    Parameters
    ----------
    workers : int
        Number of worker processes.
    directory : str
        For the files of the cluster.
    own : mapping
        Dask settings, by their dotted names, that go before those of this process.
    """
    order = Order(workers, _config(own), directory, _ready_file(directory), os.getpid())
    path = [os.getcwd() if part == "" else str(part) for part in sys.path]
    text = pickle.dumps(path) + pickle.dumps(order)
    process = subprocess.Popen(
        [sys.executable, "-c", _BOOT],
        stdin=subprocess.PIPE,
        env=_environment(),
        # Ctrl-C at the terminal is for the driver, which then ends the workers in good order.
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it is dead already, as the caller will see
        process.stdin.write(text)
        process.stdin.flush()
    return process


def _config(own: Mapping[str, Any]) -> dict[str, Any]:
    """Collect the Dask configuration of the child: what this process has, and `own`."""
    import dask.config

    config: dict[str, Any] = _plain(dask.config.config)
    for name in ("scheduler", "shuffle"):  # set by this process's default client
        config.pop(name, None)
    for name, value in own.items():
        level = config
        *parents, leaf = name.split(".")
        for parent in parents:
            level = level.setdefault(parent, {})
        level[leaf] = value
    return config


def _plain(value: Any) -> Any:
    """Copy a configuration without what is no plain data, which could not travel."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if _is_plain(v)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value if _is_plain(item)]
    return value


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (Mapping, list, tuple, str, int, float))


def _environment() -> dict[str, str]:
    """Add what must be set before the Python of a worker starts, as Dask's nannies do."""
    import dask.config

    wanted = {"MALLOC_TRIM_THRESHOLD_": "65536", "PYTHONHASHSEED": "6640"}
    given = dask.config.get("distributed.nanny.pre-spawn-environ", None) or {}
    wanted.update({name: str(value) for name, value in given.items() if value is not None})
    return {**wanted, **os.environ}


def _ready_file(directory: str) -> str:
    return os.path.join(directory, "ready.json")


def read_ready_file(directory: str) -> dict[str, str] | None:
    """Read what the child has to say: "address" or "error"; None if it has not said it yet."""
    try:
        with open(_ready_file(directory), encoding="utf-8") as file:
            content: dict[str, str] = json.load(file)
            return content
    except FileNotFoundError:
        return None
