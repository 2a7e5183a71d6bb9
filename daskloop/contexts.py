"""What a task, a handler or a trigger can ask about where it runs.

Notes
-----
The values live in a `contextvars.ContextVar`: each attempt sets its own and takes them away
again, so nothing leaks to another loop on the same worker thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["RESERVED", "Context", "Later", "context"]

RESERVED = frozenset(
    {
        "flow_name",
        "idempotency_key",
        "logger",
        "map_index",
        "parameters",
        "resume",
        "run_id",
        "task_full_name",
        "task_loop_count",
        "task_loop_result",
        "task_name",
        "task_run_count",
        "task_slug",
    }
)
"""Keys that the engine sets itself; `flow.run(context=...)` refuses them."""


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(sorted(keys)) or "nothing, outside of a run"


_values: ContextVar[Mapping[str, Any]] = ContextVar("daskloop_context", default={})  # noqa: B039


class Later:
    """A context value that is made when somebody asks for it, and once.

    Parameters
    ----------
    make : callable
        Takes nothing, returns the value.
    """

    __slots__ = ("_make", "_value")

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make: Callable[[], Any] | None = make
        self._value: Any = None

    def value(self) -> Any:
        """Return the value, making it the first time."""
        if self._make is not None:
            self._value = self._make()
            self._make = None
        return self._value


class Context(Mapping[str, Any]):
    """A read-only view of the current values, by item, attribute or `get`.

    Examples
    --------
    >>> with context(colour="blue"):
    ...     context.get("colour"), context.colour, context["colour"], "colour" in context
    ('blue', 'blue', 'blue', True)
    >>> context.get("colour", "none")
    'none'
    """

    def __getitem__(self, key: str) -> Any:
        value = _values.get()[key]
        return value.value() if isinstance(value, Later) else value

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or `default` if there is none; loops ask in each iteration.

        What making a value raises is not taken for its absence, not even a KeyError.
        """
        try:
            value = _values.get()[key]
        except KeyError:
            return default
        return value.value() if isinstance(value, Later) else value

    def __iter__(self) -> Iterator[str]:
        return iter(_values.get())

    def __len__(self) -> int:
        return len(_values.get())

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(
                f"daskloop.context has no {key!r} here; it has {_listed(_values.get())}. Values of "
                f"your own come from flow.run(context={{{key!r}: ...}})"
            ) from None

    def __setattr__(self, key: str, value: Any) -> None:
        raise AttributeError(
            f"daskloop.context.{key} cannot be set: the context is read only. To add values for a "
            f"block write `with daskloop.context({key}=...):`, for a run flow.run(context=...)"
        )

    def __repr__(self) -> str:
        return f"<Context: {sorted(_values.get())}>"

    @contextmanager
    def __call__(
        self, values: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Iterator[Context]:
        """Add values for the time of a ``with`` block."""
        token = _values.set({**_values.get(), **(values or {}), **more})
        try:
            yield self
        finally:
            _values.reset(token)

    def only(self, values: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Replace all values for the time of a ``with`` block."""
        return _Only(values)


class _Only:
    """Entered for each attempt: as light as can be."""

    __slots__ = ("_token", "_wanted")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._wanted = values

    def __enter__(self) -> None:
        self._token = _values.set(self._wanted)

    def __exit__(self, *_: object) -> None:
        _values.reset(self._token)


context = Context()
