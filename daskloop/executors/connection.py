"""A run's connection to Dask: which client, whose it is, and what is closed at the end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from daskloop.config import flag, seconds
from daskloop.executors.choose import (
    Address,
    Choice,
    GivenClient,
    GivenCluster,
    Inline,
    StartedCluster,
    Temporary,
)
from daskloop.executors.in_time import in_time
from daskloop.executors.local_cluster import (
    SHORT_LOGS,
    LocalProcesses,
    LocalThreads,
    dask_config,
    start_processes,
    start_threads,
)
from daskloop.executors.performance_report import Report, start_report
from daskloop.executors.send_intervals import asked_interval, own_interval, shorten

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Connection", "connect", "open_connection"]

logger = logging.getLogger("daskloop.executors")

_REFUSALS = (OSError, ImportError, TypeError, ValueError, RuntimeError, asyncio.TimeoutError)

CLOSE_TIMEOUT = 10.0
"""Seconds that closing takes at the longest."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A client that a run may use, and what becomes of it afterwards."""

    client: Client
    """Synchronous and connected."""
    owned_client: bool
    """Whether `close` closes the client."""
    cluster: Any
    """The cluster object behind it, or None where only an address is known."""
    owned_cluster: bool
    """Whether `close` closes the cluster."""
    description: str
    """For logs: what the run is connected to, without secrets."""
    report: Report | None = None
    """Dask's performance report, written by `close`."""
    send_interval: float | None = None
    """Seconds between two messages of the client at the most; None leaves it to Dask."""

    def send_soon(self) -> None:
        """Shorten the client's interval, also after it had to connect again."""
        if self.send_interval is not None:
            shorten(self.client, self.send_interval)

    @property
    def may_have_dashboard(self) -> bool:
        """False of a cluster that the run has started itself, without a dashboard."""
        own = isinstance(self.cluster, (LocalThreads, LocalProcesses))
        return flag("dashboard") is True if own else flag("dashboard") is not False

    def is_hopeless(self) -> bool:
        """Tell whether the scheduler is gone for good, so that reconnecting has no point.

        Known of the processes that the run has started itself; others may come back.
        """
        return isinstance(self.cluster, LocalProcesses) and self.cluster.is_gone()

    def _close_client(self) -> None:
        self.client.close()
        # One that has given up reconnecting takes itself for closed, and leaves a thread running.
        runner = getattr(self.client, "_loop_runner", None)
        if runner is not None:
            runner.stop()

    def close(self) -> None:
        """Close what is the run's own.

        Notes
        -----
        Never raises, and takes ten seconds at the longest: what hangs is left behind in a daemon
        thread, with a warning. Closing twice does no harm.
        """
        deadline = time.monotonic() + CLOSE_TIMEOUT
        if self.report is not None:
            _close_by(deadline - 5, self.report.write, "writing Dask's performance report")
        if self.owned_client:
            _close_by(deadline - 5, self._close_client, "closing the client")
        if self.owned_cluster:
            _close_by(deadline, self.cluster.close, f"closing {self.description}")


def open_connection(choice: Choice) -> Connection:
    """Connect to what was chosen, starting it where it is temporary.

    Parameters
    ----------
    choice : Choice
        What `daskloop.executors.choose.choose` returned; not `Inline`, which needs no connection.

    Raises
    ------
    ConnectionError
        If no scheduler answers, or a given client or cluster is closed.
    """
    match choice:
        case Temporary(kind="threads", workers=workers):
            return _own(partial(start_threads, workers), "temporary cluster of threads")
        case Temporary(workers=workers):
            return _own(partial(start_processes, workers), "temporary cluster of processes")
        case Address():
            connection = _as_asked(partial(connect, choice.address, **choice.client_kwargs))
            return _with_report(connection, choice.report_path)
        case GivenClient(client=given) | GivenCluster(cluster=given):
            return _as_asked(partial(connect, given))
        case StartedCluster():
            return _as_asked(partial(_start_cluster, choice))
        case Inline():
            raise ValueError("The executor 'inline' runs in the calling thread: no connection.")


def connect(target: Any, timeout: float | None = None, **client_kwargs: Any) -> Connection:
    """Connect to an address, a Client or a cluster that somebody else runs.

    Parameters
    ----------
    target : str, distributed.Client or cluster
        An address in every form that `distributed.Client` takes; a synchronous Client, used as it
        is; or a cluster object, for which a Client is made.
    timeout : float, optional
        Seconds to wait for an answer; config ``daskloop.connect-timeout`` by default.
    **client_kwargs
        Further arguments for the Client that is made.

    Raises
    ------
    TypeError
        For an asynchronous Client or cluster.
    ConnectionError
        If no scheduler answers in time, or the client or cluster is closed.
    """
    from distributed import Client

    if isinstance(target, Client):
        _check_client(target)
        address = target.scheduler.address if target.scheduler is not None else "?"
        return Connection(target, False, target.cluster, False, f"Client of {address}")
    if not isinstance(target, str) and getattr(target, "asynchronous", False):
        raise TypeError(_asynchronous(target))
    limit = seconds("connect-timeout") if timeout is None else timeout
    client = _client(target, limit, client_kwargs)
    if isinstance(target, str):
        return Connection(client, True, None, False, f"scheduler at {target}")
    return Connection(client, True, target, False, f"{type(target).__name__} at {_address(target)}")


def _start_cluster(choice: StartedCluster) -> Connection:
    """Start a cluster of the user's class, and scale it as asked."""
    cluster = choice.cluster_class(**choice.cluster_kwargs)
    try:
        if getattr(cluster, "asynchronous", False):
            raise TypeError(_asynchronous(cluster))
        if choice.adapt_kwargs:
            cluster.adapt(**choice.adapt_kwargs)
        target = getattr(cluster, "for_client", cluster)
        client = _client(target, seconds("connect-timeout"), choice.client_kwargs)
    except BaseException:  # no cluster stays behind, Ctrl-C included; raised again
        _close_by(time.monotonic() + CLOSE_TIMEOUT, cluster.close, "closing a cluster")
        raise
    text = f"temporary {type(cluster).__name__} at {_address(cluster)}"
    connection = Connection(client, True, cluster, True, text)
    return _with_report(connection, choice.report_path)


def _as_asked(connecting: Callable[[], Connection]) -> Connection:
    """Connect to a cluster that is not ours, whose intervals change if the config says so."""
    interval = asked_interval()
    connection = connecting()
    if interval is None:
        return connection
    from daskloop.executors.send_plugins import shorten_cluster

    shorten_cluster(connection.client, interval)
    connection = replace(connection, send_interval=interval)
    connection.send_soon()
    return connection


def _own(start: Callable[[], LocalThreads | LocalProcesses], description: str) -> Connection:
    """Start a cluster for the run and connect to it."""
    interval = own_interval()
    cluster = start()
    try:
        with dask_config(SHORT_LOGS):
            client = _client(cluster.for_client, seconds("connect-timeout"), {})
    except BaseException:  # no cluster stays behind, Ctrl-C included; raised again
        _close_by(time.monotonic() + CLOSE_TIMEOUT, cluster.close, f"closing {description}")
        raise
    connection = Connection(client, True, cluster, True, description, send_interval=interval)
    connection.send_soon()
    return connection


def _with_report(connection: Connection, path: str | None) -> Connection:
    """Have `close` write Dask's performance report."""
    if path is None:
        return connection
    try:
        return replace(connection, report=start_report(connection.client, path))
    except BaseException:  # no cluster stays behind, Ctrl-C included; raised again
        connection.close()
        raise


def _client(target: Any, limit: float, arguments: Mapping[str, Any]) -> Client:
    """Make a Client that never becomes the session's default."""
    from distributed import Client

    def make() -> Client:
        if isinstance(target, str):
            _greet(target, limit, arguments.get("security"))
        return Client(target, **{"set_as_default": False, "timeout": limit, **arguments})

    try:
        return in_time(make, limit + 3, discard=lambda client: client.close())
    except _REFUSALS as error:
        raise ConnectionError(_no_answer(target, limit, error)) from error


def _greet(address: str, limit: float, security: Any) -> None:
    """Shake hands with a scheduler, as a Client would.

    A Client that fails leaves its event loop and its thread behind, and it waits without limit
    for the first words of a server that accepts and says nothing. So it is made after this only.
    """
    import dask.config
    from distributed import Security
    from distributed.comm import connect as connect_comm

    if security is None and dask.config.get("distributed.client.security-loader", None):
        return  # it belongs to the Client
    if not isinstance(security, Security):
        security = Security(**security) if isinstance(security, dict) else Security()
    arguments = security.get_connection_args("client")

    async def shake_hands() -> None:
        comm = await connect_comm(address, timeout=limit, **arguments)
        await comm.close()

    asyncio.run(asyncio.wait_for(shake_hands(), limit + 1))


def _no_answer(target: Any, limit: float, error: Exception) -> str:
    """Say what did not answer, and what may be the reason."""
    address = _address(target)
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "tcp", address
    hints = {
        "tcp": f"If the scheduler uses TLS, write tls://{rest} and give Dask the certificates.",
        "tls": f"If the scheduler does not use TLS, write tcp://{rest}; if it does, give Dask the "
        f"certificates (config distributed.comm.tls, or a Client made with security=).",
    }
    return (
        f"No Dask scheduler could be reached at {address} (scheme {scheme}, waited up to "
        f"{limit:g} s): {error or type(error).__name__}. Is it running, and is the address right? "
        f"{hints.get(scheme, '')}"
    ).strip()


def _check_client(client: Client) -> None:
    """Refuse a Client that cannot be used."""
    if client.asynchronous:
        raise TypeError(_asynchronous(client))
    if client.status != "running":
        raise ConnectionError(
            f"The Client given as executor is {client.status!r}, not connected to a scheduler. "
            f"Give one that is open, or the scheduler's address."
        )


def _asynchronous(given: Any) -> str:
    return (
        f"The {type(given).__name__} given as executor is asynchronous; a run would wait for it in "
        f"the thread of its own event loop. Give its address as executor, or make it with "
        f"asynchronous=False."
    )


def _address(target: Any) -> str:
    return str(getattr(target, "scheduler_address", target))


def _close_by(deadline: float, close: Callable[[], object], doing: str) -> None:
    """Close something, which may be broken, by a time."""
    try:
        in_time(close, max(1.0, deadline - time.monotonic()))
    except TimeoutError:
        logger.warning("%s takes too long: left to itself", doing.capitalize())
    except Exception:  # the run has ended: whatever fails in Dask now must not hide its outcome
        logger.warning("%s failed", doing.capitalize(), exc_info=True)
