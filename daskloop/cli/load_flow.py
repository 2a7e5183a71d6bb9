"""Find the flow that ``FILE[:FLOW]`` names, and let its functions reach worker processes."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import traceback
from dataclasses import dataclass
from types import ModuleType

from daskloop.cli.exit_codes import CannotStart, Usage
from daskloop.flow.flow import Flow

__all__ = ["Loaded", "load_flow"]

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A flow, and where it was found."""

    flow: Flow
    origin: str
    """``ABSOLUTE FILE:FLOW``, or ``package.module:FLOW``."""


def load_flow(where: str) -> Loaded:
    """Load a flow.

    Parameters
    ----------
    where : str
        ``FILE[:FLOW]`` or ``package.module[:FLOW]``; FLOW is the name of a variable, or of the
        flow itself. It may be left out if there is one flow only.

    Raises
    ------
    Usage
        If there is no such file, module or flow, or several flows to choose from.
    CannotStart
        If the code of the file raises.

    Notes
    -----
    A file is a module under a name of its own, ``daskloop_file_NAME``: its part below
    ``if __name__ == "__main__"`` is not run. Workers need not be able to import it, since what is
    defined in it travels by value; what it imports from its own folder they find by PYTHONPATH.
    """
    place, name = _split(where)
    if place.endswith(".py") or os.sep in place or os.path.isfile(place):
        module, place = _load_file(place)
    elif _DOTTED.fullmatch(place):
        module = _import(place)
    else:
        raise Usage(f"{where!r} names no flow. Write FILE.py:FLOW or package.module:FLOW")
    variable, flow = _pick(module, place, name)
    return Loaded(flow, f"{place}:{variable}")


def _split(where: str) -> tuple[str, str | None]:
    place, colon, name = where.rpartition(":")
    if colon and name and os.sep not in name and not os.path.isfile(where):
        return place, name
    return where.removesuffix(":"), None


def _load_file(path: str) -> tuple[ModuleType, str]:
    full = os.path.abspath(os.path.expanduser(path))
    if not os.path.isfile(full):
        raise Usage(f"There is no file {path!r}. Write FILE.py:FLOW, seen from {os.getcwd()!r}")
    _make_importable(os.path.dirname(full))
    stem = re.sub(r"\W", "_", os.path.splitext(os.path.basename(full))[0])
    spec = importlib.util.spec_from_file_location(f"daskloop_file_{stem}", full)
    if spec is None or spec.loader is None:
        raise Usage(f"{path!r} is no Python file: its name does not end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    # The file is the user's and may raise anything, an exit included.
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise CannotStart(f"{path!r} cannot be loaded:\n{_users_part(error)}") from error
    import cloudpickle

    cloudpickle.register_pickle_by_value(module)
    return module, full


def _users_part(error: BaseException) -> str:
    """Write a traceback down from the first frame that is neither ours nor the import's."""
    trace = error.__traceback__
    while trace is not None and _is_around(trace.tb_frame.f_globals.get("__name__", "")):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip()


def _is_around(module: str) -> bool:
    return module == __name__ or module.partition(".")[0] == "importlib"


def _import(name: str) -> ModuleType:
    _make_importable(os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise Usage(
                f"There is no module {error.name!r}. Write FILE.py:FLOW or package.module:FLOW"
            ) from error
        raise CannotStart(f"Module {name!r} cannot be imported: {error}") from error
    # The module is the user's and may raise anything, an exit included.
    except (Exception, SystemExit) as error:
        raise CannotStart(f"Module {name!r} cannot be imported:\n{_users_part(error)}") from error


def _make_importable(folder: str) -> None:
    """Let this process, and worker processes that it starts, import from a folder."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if folder not in known:
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, known)])


def _pick(module: ModuleType, place: str, name: str | None) -> tuple[str, Flow]:
    flows: dict[str, Flow] = {}
    for variable, value in vars(module).items():
        if isinstance(value, Flow) and not any(value is known for known in flows.values()):
            flows[variable] = value
    listed = ", ".join(f"{variable} ({flow.name!r})" for variable, flow in flows.items())
    if name is None:
        if len(flows) == 1:
            return next(iter(flows.items()))
        if not flows:
            raise Usage(f"There is no flow in {place!r}: write `with Flow(...) as flow:` in it")
        raise Usage(f"There are several flows in {place!r}: {listed}. Name one: FILE:FLOW")
    value = getattr(module, name, None)
    if isinstance(value, Flow):
        return name, value
    for variable, flow in flows.items():
        if flow.name == name:
            return variable, flow
    has = f"it has {listed}" if listed else "it has none"
    raise Usage(f"There is no flow {name!r} in {place!r}; {has}")
