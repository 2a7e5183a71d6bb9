"""Who is in flight: let in as there is room, sent under a key, packed into futures, landed.

::

    queue ─► let in, as a company that shares a future ─► sent ─► packed ─► landed
                     takes its part of the window ◄────────────────────────── gives it back
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from daskloop.executors.session import Key
from daskloop.keys import dask_key
from daskloop.run.admission import Admission
from daskloop.run.packing import PLACE, Pack, Packing
from daskloop.run.standing import Child

__all__ = ["Flights"]


class Flights:
    """The attempts of a run that are on their way.

    Parameters
    ----------
    run : str
        Name of the run.
    admission : Admission
        The queue and the window.
    packing : Packing
        The futures.
    """

    def __init__(self, run: str, admission: Admission, packing: Packing) -> None:
        self.admission = admission
        self.packing = packing
        self.flying: dict[Key, Child] = {}
        """The attempts in flight, by key."""
        self.resting = False
        """True if nobody is let in, since the run is paused."""
        self._run = run
        self._waiting = 0

    def open(self, now: float) -> None:
        """Queue those that their task's own limits let go; sizes follow from how many wait."""
        if not self.resting:
            self.admission.open_gates(now)
        self._waiting = self.admission.waiting
        self.packing.begin_turn()

    def let_in(self) -> list[Child]:
        """Take children off the queue that can share a future; none if there is no room for one."""
        if self.resting:
            return []
        admission, packing = self.admission, self.packing
        waiting, slots = max(self._waiting, admission.waiting), admission.slots

        def size(child: Child) -> int:
            # Handlers let children go when they like: each may turn out to have its own future.
            heard = child.node.plan.task.hooks.state_handlers
            return 1 if heard else packing.size(child, waiting, slots)

        company = admission.pop(size, packing.share)
        if company:
            price = packing.price(company[0], slots, admission.window)
            part = -(-price // len(company))  # rounded up
            for child in company:
                child.weight = part
                admission.enter(child)
        return company

    def enqueue(self, children: Sequence[Child]) -> None:
        """Let children of one task that stand alike wait for their turn."""
        if children[0].progress.begun is not None:
            for child in children:
                child.continuing = True
        self.admission.push(children)

    def send(self, children: Sequence[Child]) -> None:
        """Give the attempts of children their keys."""
        for child in children:
            progress = child.progress
            iteration = child.reached = progress.iteration
            address = child.address_at(iteration)
            key = dask_key(self._run, address, progress.run_count, progress.submission)
            child.key = key
            self.flying[key] = child

    def adopt(self, child: Child, future: Key) -> None:
        """Put a child back into the future that an earlier driver sent it in."""
        child.weight = PLACE
        self.admission.enter(child)
        self.send((child,))
        self.packing.rejoin(child, future)

    def pack_company(self, company: Sequence[Child]) -> list[Pack]:
        """Put those of a company that were sent into one future."""
        sent = _unpacked(company)
        return [self.packing.pack_alike(sent)] if sent else []

    def pack(self, children: Iterable[Child]) -> list[Pack]:
        """Divide those of the children into futures that were sent and are not in one yet."""
        waiting = max(self._waiting, self.admission.waiting)
        return self.packing.pack(_unpacked(children), waiting, self.admission.slots)

    def land(self, key: Key) -> tuple[Child | None, Key | None]:
        """Take an attempt off those in flight.

        Returns
        -------
        child : Child or None
            None if the attempt was replaced or given up before.
        future : Key or None
            The future that it leaves as the last, if so.
        """
        child = self.flying.pop(key, None)
        if child is None:
            return None, None
        child.key = None
        self.admission.leave(child)
        return child, self.packing.leave(child)


def _unpacked(children: Iterable[Child]) -> list[Child]:
    """List those that were sent and are in no future yet."""
    return [child for child in children if child.key is not None and child.pack is None]
