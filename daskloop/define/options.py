"""The options of a task, by name and type: what `@task(...)` and ``task_args`` accept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypedDict

from daskloop.define.batch import Batch
from daskloop.define.hooks import Hook, StateHandler
from daskloop.define.limits import Duration
from daskloop.define.retry import RetryDelay, RetryOn

__all__ = ["HOOKS", "LIMITS", "OPTIONS", "RETRY", "TaskOptions", "Trigger"]

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
    max_worker_losses: int | None
    at_most_once: bool
    batch: Batch | None
    trigger: Trigger | None
    skip_on_upstream_skip: bool
    on_failure: Hook | None
    on_retry: Hook | None
    on_loop: Hook | None
    on_final_failure: Hook | None
    on_completion: Hook | None
    state_handlers: Sequence[StateHandler] | None
    nout: int | None


OPTIONS = tuple(TaskOptions.__annotations__)
RETRY = ("max_retries", "retry_delay", "retry_jitter", "retry_on", "retry_if")
LIMITS = ("timeout", "max_loops", "max_time", "max_worker_losses", "at_most_once")
HOOKS = (
    "state_handlers",
    "on_failure",
    "on_retry",
    "on_loop",
    "on_final_failure",
    "on_completion",
)
