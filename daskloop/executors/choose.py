"""Which executor a run uses: the call's, the flow's, the config's, the current Dask client."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

from daskloop.config import setting

__all__ = [
    "Address",
    "Choice",
    "GivenClient",
    "GivenCluster",
    "Inline",
    "Resolvable",
    "StartedCluster",
    "Temporary",
    "choose",
    "describe",
    "with_workers",
]


@dataclass(frozen=True, slots=True)
class Inline:
    """Everything in the calling thread, without Dask."""


@dataclass(frozen=True, slots=True)
class Temporary:
    """A local cluster that lives as long as the run."""

    kind: Literal["threads", "processes"]
    """One worker with threads, or single-threaded worker processes."""
    workers: int | None = None
    """How many of them; None leaves it to the machine."""


@dataclass(frozen=True, slots=True)
class Address:
    """A scheduler that runs somewhere and is left running."""

    address: str
    """Every form that `distributed.Client` takes."""
    client_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments for the Client."""
    report_path: str | None = None
    """Where Dask's performance report goes."""


@dataclass(frozen=True, slots=True)
class GivenClient:
    """A Client of the user's, used as it is and never closed."""

    client: Any
    """A synchronous `distributed.Client`."""


@dataclass(frozen=True, slots=True)
class GivenCluster:
    """A cluster object of the user's, used as it is and never closed."""

    cluster: Any
    """Anything with a `scheduler_address`."""


@dataclass(frozen=True, slots=True)
class StartedCluster:
    """A cluster of a class that the user names, started for the run and closed with it."""

    cluster_class: Callable[..., Any]
    """Called with `cluster_kwargs`."""
    cluster_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments for the class."""
    adapt_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Arguments for `cluster.adapt`, which is called if there are any."""
    client_kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments for the Client."""
    report_path: str | None = None
    """Where Dask's performance report goes."""


Choice = Inline | Temporary | Address | GivenClient | GivenCluster | StartedCluster


@runtime_checkable
class Resolvable(Protocol):
    """An object that stands for an executor, such as `DaskExecutor`."""

    def as_choice(self) -> Choice:
        """Return what it stands for."""


_NAMES: dict[str, Choice] = {
    "inline": Inline(),
    "threads": Temporary("threads"),
    "processes": Temporary("processes"),
}

_ACCEPTED = """An executor is one of
  'inline'                   in the calling thread, for debugging and unit tests
  'threads', 'processes'     a local Dask cluster for this run (workers=N sets its slots)
  'tcp://host:8786'          the address of a scheduler
  a distributed.Client       used as it is, never closed
  a cluster object           used as it is, never closed
  DaskExecutor(...), LocalExecutor(), LocalDaskExecutor(...)"""


def choose(executor: object = None, flow_executor: object = None, workers: object = None) -> Choice:
    """Decide on the executor of a run.

    Parameters
    ----------
    executor : object, optional
        What `flow.run(executor=...)` was given.
    flow_executor : object, optional
        What `Flow(executor=...)` was given.
    workers : int, optional
        What `flow.run(workers=...)` was given: the slots of a temporary local cluster.

    Returns
    -------
    Choice
        A frozen description; nothing has been started or connected.

    Raises
    ------
    TypeError, ValueError
        For an executor that is none, and for `workers` that cannot apply.

    Notes
    -----
    To be called on the user's thread: there Dask tells whether a client belongs to the event loop
    that is running.

    Examples
    --------
    >>> choose("threads", workers=3)
    Temporary(kind='threads', workers=3)
    """
    for given, source in (
        (executor, "executor="),
        (flow_executor, "Flow(executor=...)"),
        (setting("executor"), "config daskloop.executor"),
    ):
        if given is not None:
            return with_workers(_resolve(given, source), workers, source)
    client = _current_client()
    if client is not None:
        return with_workers(GivenClient(client), workers, "the current Dask client")
    return with_workers(Temporary("threads"), workers, "the default")


def _resolve(given: object, source: str) -> Choice:
    """Turn one spelling of an executor into its description."""
    if isinstance(given, str):
        return _resolve_text(given, source)
    if isinstance(given, type):
        name = given.__name__
        write = (
            f"For a cluster that is started for the run write DaskExecutor(cluster_class={name})"
        )
        if issubclass(given, Resolvable):
            write = f"Write {name}()"
        raise TypeError(f"{source} got the class {name}, not an object of it. {write}.")
    if isinstance(given, Resolvable):
        return given.as_choice()
    distributed = sys.modules.get("distributed")
    if distributed is not None and isinstance(given, distributed.Client):
        return GivenClient(_synchronous(given, source))
    if isinstance(getattr(given, "scheduler_address", None), str):
        return GivenCluster(_synchronous(given, source))
    raise TypeError(f"{source} got {given!r} of {type(given).__name__}. {_ACCEPTED}")


def _resolve_text(text: str, source: str) -> Choice:
    """Turn a name or an address into its description."""
    known = _NAMES.get(text)
    if known is not None:
        return known
    if ":" in text or "." in text:
        return Address(text)
    near = difflib.get_close_matches(text.lower(), _NAMES, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{source} got {text!r}.{hint} {_ACCEPTED}")


def _synchronous(given: Any, source: str) -> Any:
    """Refuse an asynchronous client or cluster: a run waits for it in a thread of its own."""
    if getattr(given, "asynchronous", False):
        raise TypeError(
            f"{source} got an asynchronous {type(given).__name__}. Give its address "
            f"(executor=that.scheduler.address), or make it with asynchronous=False."
        )
    return given


def with_workers(choice: Choice, workers: object, source: str, name: str = "workers") -> Choice:
    """Apply a number of workers, or say why it cannot apply.

    Parameters
    ----------
    choice : Choice
        Where it shall apply.
    workers : int or None
        1 or more; None changes nothing.
    source : str
        Where the executor was named, for the error.
    name : str
        What the number of workers is called there.
    """
    if workers is None:
        return choice
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"{name} must be a whole number of 1 or more, not {workers!r}.")
    if workers < 1:
        raise ValueError(f"{name} must be 1 or more, not {workers}.")
    if not isinstance(choice, Temporary):
        raise ValueError(
            f"{name}={workers} cannot apply: the executor ({source}) is {describe(choice)}, and a "
            f"number of workers goes with 'threads' and 'processes' only. Leave one of them out."
        )
    if choice.workers is not None and choice.workers != workers:
        raise ValueError(
            f"{name}={workers} and the executor's own {choice.workers} workers were both given. "
            f"Leave one of them out."
        )
    return replace(choice, workers=workers)


def describe(choice: Choice) -> str:
    """Say in a few words what a choice is, for logs and errors."""
    match choice:
        case Inline():
            return "'inline'"
        case Temporary(kind=kind):
            return repr(kind)
        case Address(address=address):
            return f"the scheduler at {address}"
        case GivenClient():
            return "a Client"
        case GivenCluster(cluster=cluster):
            return f"a {type(cluster).__name__}"
        case StartedCluster(cluster_class=starter):
            return f"a temporary {getattr(starter, '__name__', starter)}"


def _current_client() -> Any:
    """Find the session's Dask client; without distributed there is none, and none is imported."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        client = distributed.Client.current()
    except ValueError:
        return None
    if client.status != "running" or client.asynchronous:
        return None
    return client
