"""What a task is, apart from any flow: its function, its options, its copies."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from daskloop.define import signature
from daskloop.define.asha import ASHA
from daskloop.define.batch import Batch, checked_batch
from daskloop.define.goal import Goal, Mode, goal
from daskloop.define.hooks import Hook, Hooks, StateHandler, check_callable, hooks
from daskloop.define.keeping import Cache, CacheFor, Place, changed_keeping, keeping
from daskloop.define.limits import Duration, Limits, OnLimit, count, limits
from daskloop.define.names import checked_name
from daskloop.define.options import (
    GOAL,
    HOOKS,
    KEEPING,
    LIMITS,
    OPTIONS,
    PLACEMENT,
    RETRY,
    THROTTLE,
    TOLERANCE,
    Trigger,
    refuse_unknown,
)
from daskloop.define.placement import Placement, Resources, Workers, placement
from daskloop.define.retry import RetryDelay, RetryOn, RetryPolicy, retry_policy
from daskloop.define.scope import current_tags
from daskloop.define.throttle import Rate, Throttle, throttle
from daskloop.define.tolerance import Tolerance, tolerance
from daskloop.results.keeping import Keeping
from daskloop.triggers import all_successful, some_failed, some_successful

if TYPE_CHECKING:
    from daskloop.define.graph import TaskGraph

__all__ = ["Definition"]

Defined = TypeVar("Defined", bound="Definition")


class Definition:
    """The part of a `Task` that knows no flow; see `Task` for the parameters.

    Examples
    --------
    >>> from daskloop.define.task import Task
    >>> Task(name="train", timeout="30s").timeout
    30.0
    """

    _graph: TaskGraph | None = None

    def __init__(
        self,
        name: str | None = None,
        slug: str | None = None,
        tags: Collection[str] | None = None,
        max_retries: int | None = None,
        retry_delay: RetryDelay | None = None,
        retry_jitter: float | None = None,
        retry_on: RetryOn | None = None,
        retry_if: Callable[[BaseException], bool] | None = None,
        timeout: Duration | None = None,
        max_loops: int | None = None,
        max_time: Duration | None = None,
        on_limit: OnLimit = "fail",
        until: float | None = None,
        patience: int | None = None,
        mode: Mode = "min",
        min_delta: float = 0.0,
        losers: ASHA | None = None,
        max_worker_losses: int | None = None,
        at_most_once: bool = False,
        priority: int | None = None,
        resources: Resources | None = None,
        workers: Workers | None = None,
        allow_other_workers: bool | None = None,
        result: Place | None = None,
        target: str | None = None,
        cache: Cache | None = None,
        cache_for: CacheFor | None = None,
        cache_key: Callable[..., Any] | None = None,
        batch: Batch | None = None,
        max_running: int | None = None,
        rate: Rate | None = None,
        max_branches: int | None = None,
        tolerate: float | int | None = None,
        fail_fast: bool = False,
        trigger: Trigger | None = None,
        skip_on_upstream_skip: bool = True,
        on_failure: Hook | None = None,
        on_retry: Hook | None = None,
        on_loop: Hook | None = None,
        on_final_failure: Hook | None = None,
        on_completion: Hook | None = None,
        state_handlers: Sequence[StateHandler] | None = None,
        nout: int | None = None,
        log_stdout: bool = False,
    ) -> None:
        self.name = _name(type(self).__name__ if name is None else name)
        self.slug = _slug(slug)
        self.tags = _tags(tags) | current_tags.get()
        self.retry: RetryPolicy = retry_policy(
            max_retries, retry_delay, retry_jitter, retry_on, retry_if
        )
        self.limits: Limits = limits(
            timeout, max_loops, max_time, max_worker_losses, at_most_once, on_limit
        )
        self.goal: Goal = goal(until, patience, mode, min_delta, losers)
        self.placement: Placement = placement(priority, resources, workers, allow_other_workers)
        self.placement.with_tags(self.tags)
        self.throttle: Throttle = throttle(max_running, rate, max_branches)
        self.tolerance: Tolerance = tolerance(tolerate, fail_fast)
        self.batch = _batch(batch)
        self.hooks: Hooks = hooks(
            state_handlers=state_handlers,
            on_failure=on_failure,
            on_retry=on_retry,
            on_loop=on_loop,
            on_final_failure=on_final_failure,
            on_completion=on_completion,
        )
        self.trigger = _trigger(trigger)
        self.skip_on_upstream_skip = _skip(skip_on_upstream_skip)
        self._nout = _nout(nout)
        self.log_stdout = _log_stdout(log_stdout)
        if self.has_run:
            signature.check_function(self.run, self.name)
        self._keeping = keeping(self._has_input, result, target, cache, cache_for, cache_key)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}>"

    if not TYPE_CHECKING:  # a misspelt attribute is still found by type checkers

        def __getattr__(self, name: str) -> Any:
            # Asked for what is not there: with nothing set up, it is not the attribute that lacks.
            if "hooks" not in self.__dict__ and not name.startswith("__"):
                kind = type(self).__name__
                raise AttributeError(
                    f"{kind} has no {name!r} yet: call super().__init__(...) in {kind}.__init__"
                )
            return object.__getattribute__(self, name)  # raises as it does without this method

    def __getstate__(self) -> dict[str, Any]:
        # The flow that a task is bound in is no part of a copy, nor of what a worker gets.
        return {key: value for key, value in self.__dict__.items() if key != "_graph"}

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the work; subclasses define it with the arguments they take."""
        raise NotImplementedError(
            f"Task '{self.name}' has nothing to run: define a method run in {type(self).__name__}"
        )

    @property
    def has_run(self) -> bool:
        """Tell whether there is a `run` other than the one that only raises."""
        return "run" in self.__dict__ or type(self).run is not Definition.run

    @property
    def max_retries(self) -> int:
        """How often one iteration is tried again."""
        return self.retry.max_retries

    @property
    def retry_delay(self) -> float | tuple[float, ...] | Callable[[Any], Any]:
        """Seconds before the next try, or several, or what is called to find out."""
        return self.retry.delay

    @property
    def timeout(self) -> float | None:
        """Seconds that one attempt may take."""
        return self.limits.timeout

    @property
    def nout(self) -> int | None:
        """How many values the task returns, as given or as its annotation says."""
        if self._nout is None and self.has_run:
            return signature.returned_count(self.run)
        return self._nout

    @property
    def keeping(self) -> Keeping:
        """What is kept of its results beyond the run, and where."""
        return self._keeping

    def _has_input(self, key: str) -> bool:
        return self.has_run and signature.takes(self.run, self.name, key)

    @property
    def shipped(self) -> Callable[..., Any]:
        """What goes to workers: `run` of a copy without handlers, hooks and trigger.

        Those are called in the driver's process, and need not be picklable.
        """
        light = copy.copy(self)
        light.hooks = Hooks()
        light._keeping = Keeping()
        light.goal = Goal()
        light.placement = Placement()
        light.retry = RetryPolicy(max_retries=self.max_retries)
        light.__dict__.pop("trigger", None)
        return light.run

    def copy(self: Defined, **task_args: Any) -> Defined:
        """Make another task like this one, bound nowhere.

        Parameters
        ----------
        **task_args
            Options of the constructor to set on the copy, and attributes that a subclass has.

        Examples
        --------
        >>> from daskloop.define.task import Task
        >>> Task(name="a").copy(name="b", max_retries=1)
        <Task: b>
        """
        known = {*OPTIONS, *(key for key in self.__dict__ if not key.startswith("_"))}
        known -= {*_PARTS, "run"}
        refuse_unknown(self.name, task_args, known)
        new = copy.copy(self)
        new.tags = set(self.tags) | current_tags.get()
        _change(new, task_args)
        return new


def _change(task: Definition, task_args: Mapping[str, Any]) -> None:
    """Set options on a fresh copy, checked as the constructor checks them."""
    for part, names in _PARTS.items():
        changes = {key: task_args[key] for key in names if key in task_args}
        if changes:
            setattr(task, part, getattr(task, part).changed(changes))
    kept = {key: task_args[key] for key in KEEPING if key in task_args}
    if kept:
        task._keeping = changed_keeping(task.keeping, task._has_input, kept)
    for key, value in task_args.items():
        if key in _CHECKS:
            value = _CHECKS[key](value)
        elif key in OPTIONS:
            continue
        setattr(task, "_nout" if key == "nout" else key, value)
    task.placement.with_tags(task.tags)


def _name(value: object) -> str:
    return checked_name(value, "Task name")


def _slug(value: object) -> str | None:
    return None if value is None else checked_name(value, "Task slug")


def _tags(value: Collection[str] | None) -> set[str]:
    if isinstance(value, str):
        raise TypeError(f"tags={value!r} is one text; give a list, like tags=[{value!r}]")
    return {checked_name(tag, "Tag") for tag in value or ()}


def _trigger(value: Trigger | None) -> Trigger:
    if value is None:
        return all_successful
    if value in (some_failed, some_successful):
        name = value.__name__
        raise TypeError(f"trigger={name} makes a trigger when called: write {name}(at_least=1)")
    check_callable(value, "trigger", ("upstream_states",))
    return value


def _skip(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"skip_on_upstream_skip={value!r}: give True or False")
    return value


def _log_stdout(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"log_stdout={value!r}: give True or False")
    return value


def _batch(value: object) -> Batch | None:
    return None if value is None else checked_batch(value, "batch")


def _nout(value: object) -> int | None:
    return None if value is None else count(value, "nout", 0, 1_000_000)


_PARTS = {
    "retry": RETRY,
    "limits": LIMITS,
    "goal": GOAL,
    "placement": PLACEMENT,
    "throttle": THROTTLE,
    "tolerance": TOLERANCE,
    "hooks": HOOKS,
}

_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "slug": _slug,
    "tags": _tags,
    "trigger": _trigger,
    "skip_on_upstream_skip": _skip,
    "nout": _nout,
    "log_stdout": _log_stdout,
    "batch": _batch,
}
