"""What every node of a cluster is asked before a run.

This module is sent as text: it is executed where daskloop may be missing, and where bytecode of
this Python might not be understood. It uses the standard library only.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sys
from typing import Any

PACKAGES = ("dask", "distributed", "cloudpickle")


def probe(marker: str | None, content: str | None, trace: str | None) -> dict[str, Any]:
    """Tell what is installed here and whether a folder is the driver's.

    Parameters
    ----------
    marker, content : str or None
        A file that the driver has written, and what is in it.
    trace : str or None
        Start of the name of a file to be written beside it, for the driver to find.

    Returns
    -------
    dict
        "python": text; one text or None for each package; "daskloop": its version or None,
        "daskloop_error": why it cannot be imported; "reads": bool; "wrote": path or None.
    """
    found: dict[str, Any] = {"python": platform.python_version()}
    for package in PACKAGES:
        found[package] = _version(package)
    found["daskloop"] = found["daskloop_error"] = None
    try:
        module = importlib.import_module("daskloop")
        found["daskloop"] = str(getattr(module, "__version__", "of unknown version"))
    except Exception as error:  # whatever keeps it from being imported is what we want to know
        found["daskloop_error"] = "%s: %s" % (type(error).__name__, error)  # noqa: UP031
    found["reads"] = False
    found["wrote"] = None
    if marker is not None:
        _try_folder(found, marker, content, trace)
    return found


def _version(package: str) -> str | None:
    """Ask the package, if it is imported here: looking for its metadata takes 0.2 ms."""
    told = getattr(sys.modules.get(package), "__version__", None)
    if told is not None:
        return str(told)
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _try_folder(found: dict[str, Any], marker: str, content: str | None, trace: str | None) -> None:
    """Read the driver's file and leave one for it."""
    try:
        with open(marker) as file:
            found["reads"] = file.read() == content
        if found["reads"] and trace is not None:
            path = "%s-%d-%d" % (trace, os.getpid(), id(found))  # noqa: UP031
            with open(path, "x") as file:
                file.write(sys.version)
            found["wrote"] = path
    except OSError:
        found["reads"] = False
