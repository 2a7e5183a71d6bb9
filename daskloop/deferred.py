"""A value that is read when somebody asks for it."""

from __future__ import annotations

from typing import Any

__all__ = ["Deferred", "Holder"]


class Deferred:
    """A value that stays closed until somebody asks a state for its result.

    A base class and no protocol: whether a result is one is asked each time it is read, and to
    look for a method takes forty times as long.
    """

    __slots__ = ()

    def open(self) -> Any:
        """Return the value, reading it from where it lies."""
        raise NotImplementedError


class Holder:
    """Something that may hold deferred values in its attributes, opened on first use."""

    def _opened(self, name: str) -> Any:
        value = getattr(self, name)
        if isinstance(value, Deferred):
            value = value.open()
            setattr(self, name, value)
        return value

    def __getstate__(self) -> dict[str, Any]:
        return {name: self._opened(name) for name in self.__dict__}
