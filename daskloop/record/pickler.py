"""cloudpickle, with two rules of ours: what must not travel is refused, and code keeps its file.

Functions of a script or notebook travel by value, and cloudpickle calls the file of their code
"<dynamic-code>". With that name tracebacks have no source lines, a debugger has nothing to list,
and a breakpoint at a line of the file never stops.
"""

from __future__ import annotations

import io
import os
import sys
import types
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import cloudpickle

__all__ = ["NamelessPickler", "Pickler", "Refused", "code_in_file", "is_rebuilt", "why_not"]

_Reduce = Callable[[types.CodeType], tuple[Any, ...]]


class Refused(TypeError):
    """A part that would be changed on its way without anybody being told."""


class NamelessPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Refuses what must not travel; its bytes do not say in which file a function was written."""

    def reducer_override(self, obj: Any) -> Any:
        """Refuse an object, or leave it to cloudpickle."""
        reason = why_not(obj)
        if reason is not None:
            raise Refused(reason)
        if type(obj) is types.CodeType and _reduce_code is not None:
            return self._reduced(obj, _reduce_code)
        return super().reducer_override(obj)

    # Code inside of other code comes to these by itself, as one of its constants.
    def _reduced(self, code: types.CodeType, reduce: _Reduce) -> tuple[Any, ...]:
        return reduce(code.replace(co_filename=""))  # cloudpickle before 3.1 keeps the name


class Pickler(NamelessPickler):
    """Keeps the names of files besides, for all that is opened in order to be executed."""

    def _reduced(self, code: types.CodeType, reduce: _Reduce) -> tuple[Any, ...]:
        return code_in_file, (_whole_name(code.co_filename), *reduce(code))


# Should a later cloudpickle have none, code travels all the same, and its file has no name.
_reduce_code: _Reduce | None = cloudpickle.Pickler.dispatch_table.get(types.CodeType)

_rebuilt: WeakValueDictionary[int, types.CodeType] = WeakValueDictionary()
"""By their ids, since code objects that do the same are equal wherever they come from."""


def code_in_file(
    file: str, make: Callable[..., types.CodeType], arguments: tuple[Any, ...]
) -> types.CodeType:
    """Make a code object again; pickles name this function."""
    code = make(*arguments).replace(co_filename=file)
    _rebuilt[id(code)] = code
    return code


def is_rebuilt(code: types.CodeType | None) -> bool:
    """Tell whether code comes out of a pickle, so that its file may say something else by now."""
    return code is not None and _rebuilt.get(id(code)) is code


def _whole_name(file: str) -> str:
    """Make the name of a file one that means the same in another process, if it is one."""
    if os.path.isabs(file) or file.startswith("<"):  # such as "<stdin>"
        return file
    try:
        whole = os.path.abspath(file)
    except OSError:  # the current folder is gone
        return file
    # A name that only `linecache` knows, or one seen from a folder that was current once.
    return whole if os.path.isfile(whole) else file


def why_not(obj: Any) -> str | None:
    """Say why an object must not travel although pickle, or Dask, would let it."""
    if isinstance(obj, io.IOBase) and not isinstance(obj, (io.StringIO, io.BytesIO)):
        return "is an open file; read it, or hand on its path"
    if isinstance(obj, (types.GeneratorType, types.AsyncGeneratorType)):
        return "is a generator; make it a list"
    if isinstance(obj, types.CoroutineType):
        return "is a coroutine that nobody awaited; await it, or make the task an ordinary function"
    distributed = sys.modules.get("distributed")
    if distributed is not None and isinstance(obj, getattr(distributed, "Future", ())):
        return "is a Dask future; gather it, or return the data"
    if not isinstance(obj, type) and hasattr(type(obj), "__dask_graph__"):
        return "is a Dask collection; compute it, or return the data"
    return None
