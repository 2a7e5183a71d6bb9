"""The options of a task, by name and type: what `@task(...)` and ``task_args`` accept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypedDict

from daskloop.define.asha import ASHA
from daskloop.define.batch import Batch
from daskloop.define.goal import Mode
from daskloop.define.hooks import Hook, StateHandler
from daskloop.define.keeping import Cache, CacheFor, Place
from daskloop.define.limits import Duration, OnLimit
from daskloop.define.placement import Resources, Workers
from daskloop.define.retry import RetryDelay, RetryOn
from daskloop.define.throttle import Rate

__all__ = [
    "GOAL",
    "HOOKS",
    "KEEPING",
    "LIMITS",
    "OPTIONS",
    "PLACEMENT",
    "RETRY",
    "THROTTLE",
    "TOLERANCE",
    "TaskOptions",
    "Trigger",
    "refuse_unknown",
]

Trigger = Callable[[Any], Any]
"""Takes ``{Edge: State}`` and returns True or False, or raises a signal."""


class TaskOptions(TypedDict, total=False):
    """The keyword arguments of `Task`; see there what each one means."""

    name: str | None
    slug: str | None
    tags: Collection[str] | None
    max_retries: int | None
    retry_delay: RetryDelay | None
    retry_jitter: float | None
    retry_on: RetryOn | None
    retry_if: Callable[[BaseException], bool] | None
    timeout: Duration | None
    max_loops: int | None
    max_time: Duration | None
    on_limit: OnLimit
    until: float | None
    patience: int | None
    mode: Mode
    min_delta: float
    losers: ASHA | None
    max_worker_losses: int | None
    at_most_once: bool
    priority: int | None
    resources: Resources | None
    workers: Workers | None
    allow_other_workers: bool | None
    result: Place | None
    target: str | None
    cache: Cache | None
    cache_for: CacheFor | None
    cache_key: Callable[..., Any] | None
    batch: Batch | None
    max_running: int | None
    rate: Rate | None
    max_branches: int | None
    tolerate: float | int | None
    fail_fast: bool
    trigger: Trigger | None
    skip_on_upstream_skip: bool
    on_failure: Hook | None
    on_retry: Hook | None
    on_loop: Hook | None
    on_final_failure: Hook | None
    on_completion: Hook | None
    state_handlers: Sequence[StateHandler] | None
    nout: int | None
    log_stdout: bool


OPTIONS = tuple(TaskOptions.__annotations__)
RETRY = ("max_retries", "retry_delay", "retry_jitter", "retry_on", "retry_if")
LIMITS = ("timeout", "max_loops", "max_time", "on_limit", "max_worker_losses", "at_most_once")
GOAL = ("until", "patience", "mode", "min_delta", "losers")
PLACEMENT = ("priority", "resources", "workers", "allow_other_workers")
KEEPING = ("result", "target", "cache", "cache_for", "cache_key")
THROTTLE = ("max_running", "rate", "max_branches")
TOLERANCE = ("tolerate", "fail_fast")
HOOKS = (
    "state_handlers",
    "on_failure",
    "on_retry",
    "on_loop",
    "on_final_failure",
    "on_completion",
)


def refuse_unknown(task_name: str, given: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse options that there are not.

    Raises
    ------
    TypeError
        That names the first of them, and the option that may have been meant.

    Examples
    --------
    >>> refuse_unknown("train", {"retries": 3}, ["max_retries", "timeout"])
    Traceback (most recent call last):
    TypeError: Task 'train' has no option retries=3 (did you mean 'max_retries'?). It has
    max_retries, timeout
    """
    for name in given:
        if name not in known:
            import difflib  # only for this text

            near = difflib.get_close_matches(name, known, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            raise TypeError(
                f"Task '{task_name}' has no option {name}={given[name]!r:.100}{hint}. It has "
                f"{', '.join(sorted(known))}"
            )
