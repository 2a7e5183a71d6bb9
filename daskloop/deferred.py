"""A value that is read when somebody asks for it."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["Deferred"]


@runtime_checkable
class Deferred(Protocol):
    """A value that stays closed until somebody asks a state for its result."""

    def open(self) -> Any:
        """Return the value, reading it from where it lies."""
        ...
