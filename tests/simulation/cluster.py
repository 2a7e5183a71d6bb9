"""What becomes of a future: it comes back, late, twice, or not at all, and who dies under it.

Attempts are executed by the real `daskloop.run.attempt.attempt_here` on orders that the real
`Orders` packed; this very process plays all workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Protocol

from daskloop.contexts import context
from daskloop.executors.session import Gone, Job, Returned
from daskloop.keys import Address, Place, key_text
from daskloop.record.claims import Claim, Claims
from daskloop.run.attempt import attempt_here
from daskloop.run.order import pack_shared, unpack_shared
from daskloop.run.packing import Pack
from daskloop.run.standing import Child
from tests.simulation.faults import Faults
from tests.simulation.promises import Promises
from tests.simulation.scripted import Killed, watchers
from tests.simulation.specs import NodeSpec

__all__ = ["Cluster"]

_Attempt = tuple[Address, int]


class Later(Protocol):
    """Brings news to the driver after a while."""

    def __call__(self, bring: Callable[[], Any], within: float, source: str) -> None:
        """Call `bring` within so many seconds, unless its source is gone by then."""
        ...


class Cluster:
    """A scheduler and its workers.

    Parameters
    ----------
    nodes : dict
        The tasks by name: what kills workers, what may be lost how often.
    faults : Faults
        What may go wrong.
    draw : Random
        Says what does.
    claims : Claims or None
        Where attempts claim their start, if they do.
    promises : Promises
        Told what is executed.
    later : callable
        Brings news to the driver.
    """

    def __init__(
        self,
        nodes: dict[str, NodeSpec],
        faults: Faults,
        draw: Random,
        claims: Claims | None,
        promises: Promises,
        later: Later,
    ) -> None:
        self.faults = faults
        self.draw = draw
        self.claims = claims
        self.promises = promises
        self._by_name = nodes
        self._later = later
        self._executed_once: set[_Attempt] = set()
        self._called_once: set[Address] = set()
        self._out_of_reach: Counter[Any] = Counter()
        """How many futures of a child, whatever its iteration, may find contact not back yet."""
        self.lost: Counter[Any] = Counter()
        """Losses of each attempt, and of each future that nobody was charged for."""
        self.kinds: Counter[str] = Counter()
        """Losses by what happened."""

    def take(self, pack: Pack, job: Job) -> None:
        """Take a future, and decide what becomes of it."""
        child = next(iter(pack.members.values()))
        node = self._by_name[child.node.plan.name]
        progress = child.progress
        first = (child.address, progress.run_count)
        assert first not in self._executed_once, f"at_most_once ran twice: {job.key}"
        if node.once and node.kills(child.index, progress.iteration, progress.run_count):
            self._executed_once.add(first)
            self._lose_at_the_start(first, job)
        elif self._is_out_of_reach(child) and self.draw.random() < 0.6:
            self._lose_before_it_began(job)
        elif self.draw.random() < self.faults.losses:
            self._lose(first, node, job)
        else:
            self._return(job)

    def _is_out_of_reach(self, child: Child) -> bool:
        """Tell whether contact may not be back yet, since it was lost while a child ran."""
        name = child.address[0][:2]
        left = self._out_of_reach[name]
        self._out_of_reach[name] -= left > 0
        return left > 0

    def _lose(self, first: _Attempt, node: NodeSpec, job: Job) -> None:
        """Lose the future in one of the ways there are, within what the budgets allow."""
        innocent = (job.key, "not charged")
        if self.draw.random() < 0.5 and not node.once:
            if self.draw.random() < 0.3 and self._may_charge(first, node):
                self._lose_at_the_start(first, job)
            else:
                self._return(job, self.draw.choice((0, 0, 1, 2, 4)))
        elif self.draw.random() < 0.3 and self.claims is not None:
            self._lose_the_news(job)
        elif self.lost[innocent] < 5 and self.draw.random() < 0.4 and not node.once:
            self.lost[innocent] += 1
            self._out_of_reach[first[0][0][:2]] += 2
            return self._lose_contact(job)
        elif self.lost[innocent] < 5:
            self.lost[innocent] += 1
            self._lose_before_it_began(job)
        else:
            self._return(job)
        if self.draw.random() < 0.3 or node.once:
            self._return(
                job, late=node.once
            )  # the worker was not dead after all, and brings it late

    def _may_charge(self, attempt: _Attempt, node: NodeSpec) -> bool:
        """Take one loss off an attempt's budget, if there is one left."""
        allowed = not node.once and self.lost[attempt] < node.max_losses
        self.lost[attempt] += allowed
        return allowed

    def _execute(self, job: Job, calls: int | None = None) -> bytes | None:
        """Execute a future as a worker does.

        Returns the envelope; None if the worker dies under one of its attempts: under one that
        kills all workers, or after so many calls, if that is within its budget.
        """
        left = iter(range(10**9 if calls is None else calls))
        broken: list[AssertionError] = []

        def watch() -> None:
            place = Place(context.task_slug, context.map_index, context.get("task_loop_count", 1))
            count = context.task_run_count
            node = self._by_name[context.task_name]
            try:
                self.promises.of_call((place,), context.idempotency_key)
                self._of_call(node, ((place,), count))
            except AssertionError as error:  # raised in a body, it would be a failed attempt
                broken.append(error)
            over = next(left, None) is None
            dies = node.kills(place.child, place.iteration, count)
            if dies or (over and self._may_charge(((place,), count), node)):
                self.promises.executing.add(((place,), count))
                raise Killed

        watchers.append(watch)
        try:
            return attempt_here(job.shared, job.own)
        except Killed:
            return None
        finally:
            watchers.remove(watch)
            if broken:
                raise broken[0]

    def _of_call(self, node: NodeSpec, attempt: _Attempt) -> None:
        """Check that what must not be made twice is not; without claims nobody could tell."""
        if node.once and self.claims is not None:
            assert attempt not in self._called_once, f"at_most_once began twice: {attempt}"
            self._called_once.add(attempt)

    def _return(self, job: Job, calls: int | None = None, late: bool = False) -> None:
        def bring() -> Gone | Returned:
            envelope = self._execute(job, calls)
            return self._died(job) if envelope is None else Returned(job.key, envelope)

        if self.draw.random() < 0.5 and not late:
            arrival = bring()
            self._bring(lambda: arrival)
        else:
            self._bring(bring)

    def _died(self, job: Job) -> Gone | Returned:
        """Say that a worker died while it executed; with a claim that may take another start."""
        self.kinds["worker"] += 1
        if self.claims is not None and self.draw.random() < 0.5:
            envelope = self._execute(job)  # by Dask, before anybody hears of the loss
            if envelope is not None:
                return Returned(job.key, envelope)
        return Gone(job.key, "worker-lost", "simulated")

    def _bring(self, bring: Callable[[], Any]) -> None:
        self._later(bring, 4.0, "cluster")
        while self.draw.random() < self.faults.repeats:
            self._later(bring, 9.0, "cluster")

    def _lose_at_the_start(self, first: _Attempt, job: Job) -> None:
        """Let the worker die before its first attempt has said anything."""
        self.kinds["worker before the body"] += 1
        self.promises.executing.add(first)
        if self.claims is not None:
            self.claims.start(key_text(job.key), "tcp://gone:1 (process 1)")
        arrival = self._died(job)
        self._bring(lambda: arrival)

    def _lose_before_it_began(self, job: Job) -> None:
        reasons = ["cancelled", "restarted", "disconnected", "forgotten"]
        if self.claims is not None:
            reasons.append("worker-lost")
        reason = self.draw.choice(reasons)
        self.kinds[f"future, {reason}"] += 1
        self._bring(lambda: Gone(job.key, reason, "simulated"))

    def _lose_contact(self, job: Job) -> None:
        """Lose contact while the attempts run; they end, and only their claim hears how."""
        claims = self.claims
        if claims is None:
            return self._return(job)

        def run() -> None:
            claim = claims.start(key_text(job.key), "tcp://far:1 (process 1)")
            if isinstance(claim, Claim):
                self.kinds["contact, while it ran"] += 1
                envelope = self._execute(_claimed(job))
                if envelope is not None:
                    self._later(lambda: claim.finish(envelope), 2.0, "cluster")

        begun = iter([run])

        def lose() -> Gone:
            for begin in begun:  # once, however often the news of it come
                begin()
            return Gone(job.key, "disconnected", "simulated")

        return self._bring(lose)

    def _lose_the_news(self, job: Job) -> None:
        """Execute the attempts, then let the worker die before it could say how they ended."""
        self.kinds["news of a future that had ended"] += 1
        self._execute(job)
        self._bring(lambda: Gone(job.key, "worker-lost", "simulated"))


def _claimed(job: Job) -> Job:
    """Make the job of a future whose start has been claimed already."""
    shared = replace(unpack_shared(job.shared), claims=None)
    return replace(job, shared=pack_shared(shared))
