"""The executors of Prefect Core by their own names, each standing for one of ours."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from daskloop.executors.choose import (
    Address,
    Choice,
    Inline,
    StartedCluster,
    Temporary,
    with_workers,
)
from daskloop.executors.cluster_process import ANY_PORT
from daskloop.executors.local_cluster import start_processes

__all__ = ["DaskExecutor", "LocalDaskExecutor", "LocalExecutor"]

_SCHEDULERS: Mapping[str, Choice] = {
    "threads": Temporary("threads"),
    "processes": Temporary("processes"),
    "synchronous": Inline(),
}


@dataclass(frozen=True)
class DaskExecutor:
    """Run on a Dask scheduler, or on a cluster that is started for the run.

    Parameters
    ----------
    address : str, optional
        A scheduler to connect to.
    cluster_class : str or callable, optional
        Starts the cluster of a run, for example ``"dask_jobqueue.SLURMCluster"``; without it a
        `distributed.LocalCluster`, or, if nothing else is given, the executor ``"processes"``.
    cluster_kwargs : dict, optional
        Arguments for `cluster_class`.
    adapt_kwargs : dict, optional
        If given, ``cluster.adapt`` is called with them.
    client_kwargs : dict, optional
        Further arguments for the `distributed.Client`.
    performance_report_path : str, optional
        Where Dask's performance report is written when the run ends.

    Examples
    --------
    >>> DaskExecutor("tcp://10.0.0.5:8786").as_choice().address
    'tcp://10.0.0.5:8786'
    """

    address: str | None = None
    cluster_class: str | Callable[..., Any] | None = None
    cluster_kwargs: Mapping[str, Any] | None = None
    adapt_kwargs: Mapping[str, Any] | None = None
    client_kwargs: Mapping[str, Any] | None = None
    performance_report_path: str | None = None

    def __post_init__(self) -> None:
        cluster = {
            name: value
            for name in ("cluster_class", "cluster_kwargs", "adapt_kwargs")
            if (value := getattr(self, name)) is not None
        }
        if self.address is not None and cluster:
            raise ValueError(
                f"DaskExecutor got address={self.address!r} and {', '.join(cluster)}. An address "
                f"is of a cluster that runs, the others start one: leave out one or the others."
            )
        if self.address is not None and not isinstance(self.address, str):
            raise TypeError(
                f"DaskExecutor(address=...) must be text, not {self.address!r}. A Client or a "
                f"cluster object is given to flow.run(executor=...) as it is."
            )

    def as_choice(self) -> Choice:
        """Return what this stands for."""
        client_kwargs = dict(self.client_kwargs or {})
        report = self.performance_report_path
        if self.address is not None:
            return Address(self.address, client_kwargs, report)
        return StartedCluster(
            self._cluster_class(),
            dict(self.cluster_kwargs or {}),
            dict(self.adapt_kwargs or {}),
            client_kwargs,
            report,
        )

    def _cluster_class(self) -> Callable[..., Any]:
        """Find what starts the cluster."""
        given = self.cluster_class
        if given is None:
            if self.cluster_kwargs or self.adapt_kwargs:
                return _local_cluster
            reports = self.performance_report_path is not None
            return partial(start_processes, profiled=True) if reports else start_processes
        if callable(given):
            return given
        module, _, name = given.rpartition(".")
        try:
            return cast(Callable[..., Any], getattr(importlib.import_module(module), name))
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(
                f"DaskExecutor(cluster_class={given!r}) cannot be imported: {error}. Write the "
                f"full name, such as 'distributed.LocalCluster', or give the class itself."
            ) from error


@dataclass(frozen=True)
class LocalExecutor:
    """Run in the calling thread, without Dask: the executor ``"inline"``."""

    def as_choice(self) -> Choice:
        """Return what this stands for."""
        return Inline()


@dataclass(frozen=True)
class LocalDaskExecutor:
    """Run on this machine.

    Parameters
    ----------
    scheduler : {"threads", "processes", "synchronous"}
        The executor ``"threads"``, ``"processes"`` or ``"inline"``.
    num_workers : int, optional
        Number of threads or processes.
    """

    scheduler: str = "threads"
    num_workers: int | None = None
    _choice: Choice = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        choice = _SCHEDULERS.get(self.scheduler)
        if choice is None:
            raise ValueError(
                f"LocalDaskExecutor(scheduler=...) must be one of {', '.join(_SCHEDULERS)}, "
                f"not {self.scheduler!r}."
            )
        choice = with_workers(choice, self.num_workers, "scheduler=", "num_workers")
        object.__setattr__(self, "_choice", choice)

    def as_choice(self) -> Choice:
        """Return what this stands for."""
        return self._choice


def _local_cluster(**kwargs: Any) -> Any:
    """Start Dask's own local cluster, its HTTP servers on loopback unless the user says else."""
    from distributed import LocalCluster

    addresses = {"dashboard_address": ANY_PORT, "worker_dashboard_address": ANY_PORT}
    return LocalCluster(**{**addresses, **kwargs})
