"""Count the bytes that a client sends to its scheduler.

Every message of the client goes through `distributed.comm.tcp.TCP.write`, which returns how many
bytes it put on the socket. Wrapping it counts them where they leave: the stream of submissions
and releases as well as calls such as gather. Writes of the scheduler itself, which may share this
process, go to other addresses and are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from distributed import Client
from distributed.comm.tcp import TCP

from daskloop.executors.dask_session import DaskSession
from daskloop.executors.session import Job

__all__ = ["bytes_per_child", "order_bytes", "sent_bytes"]


@contextmanager
def sent_bytes(scheduler_address: str) -> Iterator[list[int]]:
    """Collect the size of each message that is sent to the scheduler from this process."""
    sizes: list[int] = []
    write = TCP.write

    async def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        size = await write(self, *args, **kwargs)
        if self.peer_address == scheduler_address:
            sizes.append(size)
        return size

    TCP.write = counting
    try:
        yield sizes
    finally:
        TCP.write = write


def bytes_per_child(client: Client, run: Callable[[int], object], width: int) -> float:
    """Return the bytes on the wire for each child of a map of the given width.

    Parameters
    ----------
    client : Client
        Connected over TCP.
    run : callable
        Runs a map of the width that it is given.
    width : int
        Number of children.
    """
    address: str = client.scheduler.address
    with sent_bytes(address) as sizes:
        run(width)
    return sum(sizes) / width


def order_bytes(run: Callable[[int], object], width: int) -> float:
    """Return the bytes of the orders alone that daskloop writes for each child, on average.

    What the orders share travels once with each submission and is not in this figure.
    """
    sizes: list[int] = []
    submit = DaskSession.submit

    def counting(self: DaskSession, jobs: Sequence[Job]) -> None:
        sizes.extend(len(job.own) for job in jobs)
        submit(self, jobs)

    DaskSession.submit = counting
    try:
        run(width)
    finally:
        DaskSession.submit = submit
    return sum(sizes) / width
