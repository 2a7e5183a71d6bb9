"""Opens pickles whose classes travelled by value, for the script that defines these classes.

What a script or notebook defines has no module to be imported from, so cloudpickle takes the whole
class along, and another process makes another class of it. In a resumed run a payload would be of a
class that only looks like the script's own: `isinstance` is False, and no member of an Enum equals
that of the script. Where the script itself runs, its own class is taken instead.

Notes
-----
How cloudpickle makes such classes is not a public interface of it, and no other module names it: a
cloudpickle that does so otherwise makes its own classes, as without this.
"""

from __future__ import annotations

import io
import pickle
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import cloudpickle

__all__ = ["brings_classes", "loads"]

_TRAVELLED = re.compile(rb"_make_skeleton_(?:class|enum)")
"""What cloudpickle calls to make a class that travelled by value."""

_LOCAL = re.compile(rb"<locals>\.(\w+)\.")
"""A class in a function, in the names of its methods: no pickle says where a class was."""


def loads(data: bytes | bytearray | memoryview, buffers: Iterable[Any] = ()) -> Any:
    """Open a pickle, as `pickle.loads` does."""
    if not brings_classes(data):
        return pickle.loads(data, buffers=buffers)
    local = frozenset(name.decode() for name in _LOCAL.findall(data))
    return _Unpickler(local, io.BytesIO(data), buffers=buffers).load()


def brings_classes(data: bytes | bytearray | memoryview) -> bool:
    """Tell whether a pickle brings classes along that a script or a notebook defines."""
    return _TRAVELLED.search(data) is not None


class _Unpickler(pickle.Unpickler):
    """Makes a class that nobody in this process has made yet only if there is none of its name."""

    def __init__(self, local: frozenset[str], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._local = local
        self._taken: set[type] = set()

    def find_class(self, module: str, name: str, /) -> Any:
        found = super().find_class(module, name)
        if module != "cloudpickle.cloudpickle":
            return found
        if name == "_make_skeleton_class":
            return self._making(found, self._by_name)
        if name == "_make_skeleton_enum":
            return self._making(found, lambda args: _own(args[4]).get(args[2]))
        if name == "_class_setstate":
            return self._filling(found)
        return found

    def _making(
        self, make: Callable[..., type], find: Callable[[tuple[Any, ...]], type | None]
    ) -> Callable[..., type]:
        def make_or_take(*args: Any) -> type:
            # By its number, the last but one, a class of this process comes back as itself.
            try:
                own = None if args[-2] in _made_here() else find(args)
            except (AttributeError, IndexError, TypeError, ValueError):
                own = None  # a cloudpickle that gives other arguments makes its class itself
            if own is None:
                return make(*args)
            self._taken.add(own)
            return own

        return make_or_take

    def _by_name(self, args: tuple[Any, ...]) -> type | None:
        """Return the one class of a name that a script has in this process, maybe in another class.

        A pickle does not say whether its class was inside of another or of a function: of two that
        it may have been, none is taken.
        """
        name = args[1]
        own = _own(args[3].get("__module__")).values()
        found = [one for one in own if one.__name__ == name and name not in self._local]
        return found[0] if len(found) == 1 else None

    def _filling(self, fill: Callable[[type, Any], type]) -> Callable[[type, Any], type]:
        def fill_or_leave(kind: type, state: Any) -> type:
            return kind if kind in self._taken else fill(kind, state)

        return fill_or_leave


def _own(module: str | None) -> dict[str, type]:
    """List the classes that a script has in this process, also those in classes, by their paths."""
    found: dict[str, type] = {}
    pending: list[tuple[str, Any]] = [("", sys.modules.get(module or ""))]
    while pending:
        around, place = pending.pop()
        for name, one in tuple(getattr(place, "__dict__", {}).items()):
            # Not isinstance, which asks objects that stand for others what they stand for.
            if not issubclass(type(one), type):
                continue
            path = around + name
            if (one.__module__, one.__qualname__) == (module, path):
                found[path] = one
                pending.append((f"{path}.", one))
    return found


def _made_here() -> Any:
    """Return the numbers of the classes of this process; none, should cloudpickle hide them."""
    return getattr(cloudpickle.cloudpickle, "_DYNAMIC_CLASS_TRACKER_BY_ID", ())
