"""Before a run: are the nodes of the cluster fit for it, and do they share a folder with us?"""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daskloop.errors import DaskloopError
from daskloop.executors import probe

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["ClusterFacts", "MarkerError", "preflight", "shares"]

logger = logging.getLogger("daskloop.executors")

TIMEOUT = 30.0
"""Seconds that the nodes have to answer; one that just died takes Dask that long to give up."""

_COLUMNS = ("python", "daskloop", *probe.PACKAGES)


class MarkerError(OSError):
    """A folder that no file can be put into, so that nobody can tell who shares it; says where."""


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """What is known of a cluster when a run begins."""

    workers: tuple[str, ...]
    """Addresses of the workers that answered; none if the cluster has none yet."""
    threads: int
    """How many attempts they can execute at once."""
    shares_folder: bool
    """Whether all of them see the folder that was asked for; False if none was, or no worker."""
    problems: tuple[str, ...]
    """What differs between the nodes without keeping the run from being tried."""


def preflight(client: Client, folder: str | os.PathLike[str] | None = None) -> ClusterFacts:
    """Ask every worker and the scheduler what they are.

    Parameters
    ----------
    client : distributed.Client
        A connected client.
    folder : path, optional
        A folder of this machine, which the workers may or may not share.

    Raises
    ------
    DaskloopError
        If a node lacks daskloop, has another version of it, or another Python minor version.
    MarkerError
        If no file can be put into the folder.

    Notes
    -----
    To be called on the user's or the driver's thread, not on the client's event loop.
    """
    with _Marker(folder) as marker:
        question = _question(marker.path, marker.content, marker.trace)
        answers = _ask_workers(client, question)
        shares = bool(answers) and all(marker.is_seen_by(answer) for answer in answers.values())
    scheduler = _ask_scheduler(client, _question(None, None, None))
    nodes = {f"worker {address}": answer for address, answer in answers.items()}
    if scheduler is not None:
        nodes["scheduler"] = scheduler
    problems = _judge(probe.probe(None, None, None), nodes)
    threads = _threads(client)
    workers = tuple(sorted(answers))
    return ClusterFacts(
        workers, sum(threads.get(address, 0) for address in workers), shares, problems
    )


def shares(client: Client, folder: str | os.PathLike[str]) -> bool:
    """Tell whether all workers see a folder of this machine, and there are any.

    One that no file can be put into is of no use to them.
    """
    try:
        with _Marker(folder) as marker:
            answers = _ask_workers(client, _question(marker.path, marker.content, marker.trace))
            return bool(answers) and all(marker.is_seen_by(answer) for answer in answers.values())
    except MarkerError as error:
        logger.debug("Nothing can be written to %s: %s", folder, error)
        return False


def _question(marker: str | None, content: str | None, trace: str | None) -> str:
    """Write the probe and its arguments as one expression."""
    source = inspect.getsource(probe)
    call = f"space['probe']({marker!r}, {content!r}, {trace!r})"
    return f"(lambda space: (exec({source!r}, space), {call})[1])({{'__name__': 'probe'}})"


def _ask_workers(client: Client, question: str) -> dict[str, dict[str, Any]]:
    """Ask all workers at once; leave out those that die meanwhile."""

    async def ask() -> dict[str, Any]:
        answers: dict[str, Any] = await client.run(eval, question, on_error="return")
        return answers

    answers = client.sync(ask, callback_timeout=TIMEOUT + 5)
    fit: dict[str, dict[str, Any]] = {}
    for address, answer in answers.items():
        if isinstance(answer, OSError):
            logger.debug("Worker %s did not answer: %s", address, answer)
        elif isinstance(answer, BaseException):
            raise DaskloopError(f"Worker {address} cannot be used: {answer!r}") from answer
        else:
            fit[address] = answer
    return fit


def _ask_scheduler(client: Client, question: str) -> dict[str, Any] | None:
    """Ask the scheduler; some clusters allow nobody to run anything there."""

    async def ask() -> dict[str, Any]:
        answer: dict[str, Any] = await client.run_on_scheduler(eval, question)
        return answer

    try:
        answer: dict[str, Any] = client.sync(ask, callback_timeout=TIMEOUT)
    except Exception as error:  # any class that a deployment may use to say no
        logger.debug("The scheduler did not answer: %r", error)
        return None
    return answer


def _threads(client: Client) -> Mapping[str, int]:
    threads: Mapping[str, int] = client.nthreads()
    return threads


def _judge(ours: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Compare the nodes with the driver: refuse, or list what is worth a warning."""
    severe = []
    if missing := [name for name, node in nodes.items() if node["daskloop"] is None]:
        why = nodes[missing[0]]["daskloop_error"]
        severe.append(f"daskloop cannot be imported on {_few(missing)} ({why})")
    other = [n for n, node in nodes.items() if node["daskloop"] not in (None, ours["daskloop"])]
    if other:
        severe.append(f"another version of daskloop is installed on {_few(other)}")
    minor = [n for n, node in nodes.items() if _minor(node["python"]) != _minor(ours["python"])]
    if minor:
        severe.append(f"another Python runs on {_few(minor)}")
    if severe:
        raise DaskloopError(
            f"The cluster cannot execute this run: {'; '.join(severe)}.\n\n"
            f"{_table(ours, nodes)}\n\n"
            f"Functions and payloads travel between these nodes. Give all of them Python "
            f"{_minor(ours['python'])} and daskloop {ours['daskloop']}."
        )
    problems = tuple(
        f"{package} differs on {_few(names)}"
        for package in ("python", *probe.PACKAGES)
        if (names := [name for name, node in nodes.items() if node[package] != ours[package]])
    )
    if problems:
        logger.warning("Versions differ: %s.\n%s", "; ".join(problems), _table(ours, nodes))
    return problems


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _few(names: list[str]) -> str:
    """Name the first nodes, count the others."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _table(ours: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> str:
    """Show who has what, one line for all nodes that are alike."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, node in (("driver", ours), *nodes.items()):
        row = tuple(str(node[column] or "missing") for column in _COLUMNS)
        groups.setdefault(row, []).append(name)
    rows = [("node", *_COLUMNS), *((_few(names), *row) for row, names in groups.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(f"  {line}" for line in lines)


class _Marker:
    """A file in a folder, with content that nobody can guess, while workers look for it."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.path: str | None = None
        self.content = secrets.token_hex(16)
        self.trace: str | None = None
        # By the name that workers will be told: a link on this machine may be none on theirs.
        self._folder = None if folder is None else Path(os.path.abspath(folder))
        self._name = f".daskloop-{secrets.token_hex(8)}"

    def __enter__(self) -> _Marker:
        if self._folder is not None:
            self.path = str(self._folder / self._name)
            self.trace = f"{self.path}-seen"
            try:
                Path(self.path).write_text(self.content)
            except OSError as error:
                self._remove()  # on a full disk there is room for a file, and none for its content
                raise MarkerError(error.errno, error.strerror, self.path) from error
        return self

    def is_seen_by(self, answer: Mapping[str, Any]) -> bool:
        """Tell whether a node read the file, and its own can be seen here."""
        return bool(answer["reads"] and answer["wrote"] and os.path.exists(answer["wrote"]))

    def __exit__(self, *_: object) -> None:
        self._remove()

    def _remove(self) -> None:
        if self._folder is None:
            return
        for path in self._folder.glob(f"{self._name}*"):
            with contextlib.suppress(OSError):  # a worker's file may not be ours to remove
                path.unlink()
