"""Take a kept value instead of computing one, and keep what was computed; on the worker.

::

    iteration 1, first attempt ─► look ─► there: Cached
                                   └────► not there ─► compute ─► final value ─► seal ─► write
    any other attempt ────────────────────────────────────┘

A value that is there and cannot be used fails the task for good: a retry would not look again, and
would hide what is wrong.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from daskloop.contexts import context
from daskloop.errors import ResultError, UnusableResult
from daskloop.plan.kept_paths import defaults
from daskloop.results import files
from daskloop.results.cache_entry import Head, pack_entry, unpack_entry
from daskloop.results.cache_key import cache_key
from daskloop.results.path_claim import claim_path
from daskloop.run.envelope import Entry
from daskloop.run.keep_order import KeepOrder
from daskloop.run.order import Tree, open_tree
from daskloop.run.outcome import Judge, returned
from daskloop.signals import SUCCESS

__all__ = ["kept"]

_MISSING = object()

Arguments = Callable[[], Mapping[str, Any]]
"""Opens the task's inputs anew: the body may have changed its own."""


def kept(
    judge: Judge,
    tree: Tree,
    function: Callable[..., Any],
    inputs: Arguments,
    compute: Callable[[], Any],
    started: float,
) -> Entry:
    """Make the entry of an attempt whose result is kept.

    Parameters
    ----------
    judge : Judge
        Of the attempt.
    tree : Tree
        The `KeepOrder`, closed.
    function : callable
        The task's; knows what is taken for inputs that were left out.
    inputs : callable
        Opens those that were given.
    compute : callable
        Calls the function.
    started : float
        Seconds since the epoch.

    Raises
    ------
    BaseException
        Whatever the function raises.
    UnusableResult
        If a kept value cannot be taken.
    ResultError
        If the value cannot be kept.
    """
    left_out = defaults(function)
    keeper = _Keeper(judge, open_tree(tree, judge.store), lambda: {**left_out, **inputs()})
    mine = judge.mine
    if mine.iteration == 1 and mine.run_count == 1 and not mine.resumed:
        try:
            value, path = keeper.look()
        except ResultError as error:
            raise UnusableResult(f"{judge.name()!r}: {error}") from error
        if value is not _MISSING:
            entry = returned(judge, value, started)
            return entry._replace(kind="cached", message=f"Result read from {files.shown(path)}")
    try:
        result = compute()
    except SUCCESS as signal:
        keeper.keep(signal.result)
        raise
    entry = returned(judge, result, started)
    keeper.keep(result)
    return entry


class _Keeper:
    """The kept value of one child."""

    def __init__(self, judge: Judge, order: KeepOrder, arguments: Arguments) -> None:
        self._judge, self._order, self._arguments = judge, order, arguments
        self._key = self._cached_at = ""

    def look(self) -> tuple[Any, str]:
        """Return the kept value and where it was, or the mark of none."""
        order = self._order
        if order.path is not None and order.claiming.wanted:
            self._claim(self._named_path())
        if order.keeping.target is not None:
            return self._target()
        return self._cached() if order.keeping.caches else (_MISSING, "")

    def keep(self, value: Any) -> None:
        """Write the final value, each file whole or not at all."""
        order = self._order
        if order.path is not None:
            path = self._named_path()
            files.write(path, order.path.place.closed(value, path))
        if order.keeping.caches:
            place, cache_for = order.keeping.cache, order.keeping.cache_for
            assert place is not None
            path = self._cache_path()
            now = time.time()
            expires = None if cache_for is None else now + cache_for
            head = Head(self._key, self._judge.name(), now, expires)
            files.write(path, pack_entry(head, place.closed(value, path)), private=True)

    def _target(self) -> tuple[Any, str]:
        assert self._order.path is not None
        path = self._named_path()
        data = files.read(path)
        return (_MISSING if data is None else self._order.path.place.opened(data, path)), path

    def _cached(self) -> tuple[Any, str]:
        keeping = self._order.keeping
        assert keeping.cache is not None
        path = self._cache_path()
        data = files.read(path, private=True)
        if data is None:
            return _MISSING, path
        head, closed = unpack_entry(data, self._key, files.shown(path))
        if not head.is_fresh(time.time(), keeping.cache_for):
            return _MISSING, path
        return keeping.cache.opened(closed, path), path

    def _cache_path(self) -> str:
        keeping = self._order.keeping
        assert keeping.cache is not None
        if not self._key:
            inputs = self._arguments()
            if keeping.cache_key is not None:
                inputs = {"cache_key": _asked(keeping.cache_key, inputs)}
            serializer = keeping.cache.serializer
            self._key = cache_key(self._order.source, serializer, inputs)
            folder = re.sub(r"[^\w.-]", "_", self._judge.order.task_name)[:80].lstrip(".") or "_"
            self._cached_at = keeping.cache.path(f"{folder}/{self._key}")
        return self._cached_at

    def _named_path(self) -> str:
        assert self._order.path is not None
        return self._order.path.filled(_Fields(self._order, self._arguments))

    def _claim(self, path: str) -> None:
        judge = self._judge
        claims = None if judge.store is None else judge.store.claims()
        if claims is not None:
            child = "" if judge.mine.child is None else f"[{judge.mine.child}]"
            claim_path(claims.directory, judge.order.run_id, path, judge.order.task_slug + child)
        elif self._order.claiming.needed:
            raise ResultError(
                f"several children may keep their results at {files.shown(path)!r}, and the "
                "workers share no folder to find out in: pass store= to flow.run, or name files by "
                "{task_slug} and {map_index} alone"
            )


def _asked(ask: Callable[..., Any], inputs: Mapping[str, Any]) -> Any:
    try:
        return ask(**inputs)
    except KeyboardInterrupt:
        raise
    # A function of the user's, which may raise anything.
    except BaseException as error:
        raise ResultError(f"cache_key raised {type(error).__name__}: {error}") from error


class _Fields(Mapping[str, Any]):
    """What a template may name: the inputs, then what the context knows."""

    def __init__(self, order: KeepOrder, arguments: Arguments) -> None:
        self._order, self._inputs = order, arguments()

    def __getitem__(self, name: str) -> Any:
        if name in self._inputs:
            return self._inputs[name]
        moment = datetime.fromtimestamp(self._order.begun, timezone.utc)
        if name == "date":
            return moment
        if name == "today":
            return moment.strftime("%Y-%m-%d")
        return context.get("task_loop_count", 1) if name == "task_loop_count" else context[name]

    def __iter__(self) -> Any:
        return iter(self._order.path.template.fields if self._order.path else ())

    def __len__(self) -> int:
        return len(list(iter(self)))
