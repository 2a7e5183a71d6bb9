"""A cluster without Dask and without a clock, that does whatever a real one might do.

::

    machine ─► turn ─► Adversary: delays, loses, repeats, brings back what was given up
                           │
        news in odd order ─┘   (virtual time: it jumps to whatever comes next)

Attempts are executed by the real `daskloop.run.attempt.attempt_here` on orders that the real
`Orders` packed; handlers and triggers are called by the real `Handlers`; arrivals are judged by
the real `NewsDesk`. The order in which a turn is carried out is the driver's.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from daskloop.contexts import context
from daskloop.executors.session import Gone, Job, Returned
from daskloop.keys import Address, Place, key_text
from daskloop.plan.compile import compile_plan
from daskloop.record.claims import Claims
from daskloop.record.entries import Recorded, Submitted
from daskloop.record.store import PayloadStore
from daskloop.run.attempt import attempt_here
from daskloop.run.closing import Closing
from daskloop.run.handlers import Handlers
from daskloop.run.machine import Machine
from daskloop.run.news import NewsDesk
from daskloop.run.orders import Orders
from daskloop.run.packing import Pack
from daskloop.run.replay import Memory
from daskloop.run.scribe import _submitted
from daskloop.run.turn import Announcement, Approve, Halt, Handled, Paced, Rest, Room, Turn
from daskloop.states import Paused
from tests.run.promises import Promises
from tests.run.scripted import EPOCH, Killed, watchers
from tests.run.specs import FlowSpec, NodeSpec, build

__all__ = ["Adversary", "Faults"]

RUN = "quiet-heron-7f3a9c12"
_INLINE = 64  # bytes, so that payloads with bulk go to the store
_MOST_STEPS = 20_000
_MOST_DEATHS = 5
_SECONDS = (0.0001, 0.003, 0.03, 0.5)  # how long a future may have taken

_Attempt = tuple[Address, int]


@dataclass(frozen=True)
class Faults:
    """What the adversary may do in one run."""

    losses: float = 0.0
    """How likely a submission is lost in some way."""
    repeats: float = 0.0
    """How likely an arrival comes more than once."""
    rooms: bool = False
    """Whether the number of slots changes."""
    halt: str = ""
    """Whether the run is stopped: "", "soft", "now" or "both"."""
    slots: int = 2
    deaths: float = 0.0
    """How likely the driver dies in a turn; a new one goes on from what was recorded."""
    lasts: bool = True
    """Whether attempts go on without the driver, and can be found by the next one."""
    whole: bool = True
    """Whether each iteration is told; else those that went on in one future are counted."""
    rests: bool = False
    """Whether the run is paused now and then."""


@dataclass
class Adversary:
    """One run of one flow."""

    spec: FlowSpec
    faults: Faults
    draw: Random
    store: PayloadStore | None = None
    claims: Claims | None = None
    seen: dict[str, list[str]] = field(default_factory=dict)
    """The states that handlers saw, by child."""
    now: float = EPOCH

    def __post_init__(self) -> None:
        self.graph = build(self.spec, lambda name, state: self._note(name, state))
        self.plan = compile_plan(self.graph)
        self.records: list[Recorded] = []
        self.submitted: dict[Any, Submitted] = {}
        self.deaths = 0
        self.machine = self._open()
        self.promises = Promises(self.machine, self.spec.batch, self.faults.whole)
        self.lost: Counter[Any] = Counter()
        self.halted = False
        self._asked: set[tuple[Any, int, int]] = set()
        self._given_up = False
        self._executed_once: set[_Attempt] = set()
        self._coming: list[tuple[float, int, str, Callable[[], Any]]] = []
        self._scheduled = 0
        self._by_name = {node.name: node for node in self.spec.nodes}

    def _open(self) -> Machine:
        """Make a driver: a machine, and the parts that depend on it."""
        slots = self.faults.slots
        memory = Memory(self.records, self.submitted.values(), self.store)
        self.machine = Machine(
            self.plan, RUN, self.spec.parameters, self.store, slots, memory, self.spec.batch
        )
        closing = Closing(self.store, _INLINE, RUN)
        self.orders = Orders(
            self.machine.standing,
            closing,
            RUN,
            {},
            claims=self.claims,
            here=False,
            whole=self.faults.whole,
        )
        self.desk = NewsDesk(self.claims, self.machine.packing.packs)
        around = {"run_id": RUN, "flow_name": "simulated", "parameters": self.spec.parameters}
        self.handlers = Handlers(around, closing, self._answered, threaded=False)
        return self.machine

    def run(self) -> None:
        """Run the flow to its end, checking every turn."""
        self._plan_ahead()
        self._do(self.machine.start(self.now))
        steps = 0
        while not self.machine.finished:
            steps += 1
            assert steps < _MOST_STEPS, f"the run does not end; in flight: {self.machine.flying}"
            self._jump()
            halted = self.halted
            batch = self._arrived()
            resting = self.machine.resting
            turn = self.machine.take(batch, self.now)
            if resting and self.machine.resting:
                self._check_rest(turn)
            assert not (halted and turn.submissions), "something was begun after the stop"
            assert not (self._given_up and self.machine.flying), "a hard stop waits for attempts"
            if self.deaths < _MOST_DEATHS and self.draw.random() < self.faults.deaths:
                turn = self._die(turn)
            self._do(turn)
        self._bring_the_rest()
        self.promises.at_the_end()

    def _plan_ahead(self) -> None:
        if self.faults.rooms:
            for _ in range(self.draw.randrange(4)):
                slots = self.draw.randint(1, 4)
                self._later(lambda slots=slots: Room(slots), 30.0)
        if self.faults.rests:
            self._later(self._rest, 15.0)
        if self.faults.halt in ("soft", "both"):
            self._later(lambda: self._halt(now=False), 8.0)
        if self.faults.halt in ("now", "both"):
            self._later(lambda: self._halt(now=True), 12.0)

    def _rest(self) -> Rest:
        self._scheduled += 1
        ends = self.now + 1.0 + 60.0 * self.draw.random()  # never in the turn that it begins in
        heapq.heappush(self._coming, (ends, self._scheduled, "outside", lambda: Rest(False)))
        return Rest(True)

    def _approve_later(self) -> None:
        """Let somebody approve what waits, or leave some to the end of its time."""
        for child in self.machine.paused:
            asked = (child, child.progress.iteration, child.progress.run_count)
            if asked in self._asked:
                continue
            self._asked.add(asked)
            ends = isinstance(child.announced, Paused) and child.announced.start_time is not None
            if not ends or self.draw.random() < 0.5:
                # The payload that it has: what is given is what the next attempt gets.
                given = child.progress.payload if self.draw.random() < 0.5 else None
                self._later(lambda one=child, given=given: Approve((one,), given), 20.0, "user")

    def _check_rest(self, turn: Turn) -> None:
        for one in turn.questions:
            begins = isinstance(one, Announcement) and one.new.is_running()
            assert not begins, "an attempt was announced while the run rested"
        for child in turn.submissions:
            assert child.node.plan.task.hooks.state_handlers, "begun while the run rested"

    def _halt(self, *, now: bool) -> Halt:
        self.halted = True
        self._given_up = self._given_up or now
        return Halt("stopped by the adversary", now)

    def _note(self, name: str, state: str) -> None:
        self.seen.setdefault(name, []).append(state)

    def _later(self, bring: Callable[[], Any], within: float, source: str = "outside") -> None:
        self._scheduled += 1
        at = self.now + self.draw.choice((0.0, self.draw.random() * within))
        heapq.heappush(self._coming, (at, self._scheduled, source, bring))

    def _jump(self) -> None:
        """Move time to whatever comes next."""
        due = [one for one in (self.machine.next_due,) if one is not None]
        if self._coming:
            due.append(self._coming[0][0])
        assert due, f"nothing will ever happen: {self.machine.flying}"
        self.now = max(self.now, min(due))

    def _arrived(self) -> list[Any]:
        batch = []
        while self._coming and self._coming[0][0] <= self.now:
            one = heapq.heappop(self._coming)[3]()
            if one is not None:
                batch.append(one)
        self.draw.shuffle(batch)
        for one in batch:
            if isinstance(one, Handled):
                self.promises.answered(one.asked)
        return [news for one in batch for news in self._read(one)]

    def _read(self, one: Any) -> list[Any]:
        if not isinstance(one, (Gone, Returned)):
            return [one]
        # How long a future took is of this machine; it must follow from the seed.
        return [
            news._replace(seconds=self.draw.choice(_SECONDS)) if isinstance(news, Paced) else news
            for news in self.desk.read(one)
        ]

    def _answered(self, answer: Any) -> None:
        self._later(lambda: answer, 2.0, "handler")

    def _die(self, turn: Turn) -> Turn:
        """Let the driver die somewhere in a turn, and begin the next one's first turn."""
        self.deaths += 1
        moment = self.draw.choice(("before record", "after record", "after submission"))
        if moment != "before record":
            self._record(turn)
        if moment == "after submission":
            self._send(turn)
        self.now += self.draw.random() * 5
        kept = ("outside", "cluster") if self.faults.lasts else ("outside",)
        self._coming = [one for one in self._coming if one[2] in kept]
        heapq.heapify(self._coming)
        self.halted = self._given_up = False
        self.promises.restart(self._open())
        first = self.machine.start(self.now)
        self.promises.adopted(first)
        # What was written down and never sent, or went down with its cluster, is found nowhere;
        # of the rest, news may have come and gone with the driver.
        for key in dict.fromkeys(child.pack.key for child in first.adopted if child.pack):
            self._later(lambda key=key: Gone(key, "left", "simulated"), 20.0, "cluster")
        return first

    def _record(self, turn: Turn) -> None:
        self.records += self.promises.of_turn(turn)
        for pack in turn.packs:
            for child in pack.members.values():
                place = child.address[-1]
                self.submitted[place.slug, place.child] = _submitted(pack, child, self.now)

    def _do(self, turn: Turn) -> None:
        """Carry out a turn, in the driver's order."""
        self._record(turn)
        self._send(turn)
        for question in turn.questions:
            self.handlers.ask(question)
        self._approve_later()

    def _send(self, turn: Turn) -> None:
        for pack in turn.packs:
            job, refused = self.orders.job(pack, self.now)
            assert job is not None and not refused
            self.promises.of_job(pack, job)
            self._decide_fate(pack, job)
        if self.claims is not None:
            for key in turn.released:
                self.claims.forget(key_text(key))
        for sealed in turn.dropped:
            if sealed.name is not None and self.store is not None:
                self.store.remove(sealed.name)

    def _decide_fate(self, pack: Pack, job: Job) -> None:
        child = next(iter(pack.members.values()))
        node = self._by_name[child.node.plan.name]
        progress = child.progress
        first = (child.address, progress.run_count)
        assert first not in self._executed_once, f"at_most_once ran twice: {job.key}"
        if node.once and node.kills(child.index, progress.iteration, progress.run_count):
            self._executed_once.add(first)
            self._lose_at_the_start(first, job)
        elif self.draw.random() < self.faults.losses:
            self._lose(first, node, job)
        else:
            self._return(job)

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
        elif self.lost[innocent] < 5:
            self.lost[innocent] += 1
            self._lose_before_it_began(job)
        else:
            self._return(job)
        if self.draw.random() < 0.3:
            self._return(job)  # the worker was not dead after all, and brings it late

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

        def watch() -> None:
            place = Place(context.task_slug, context.map_index, context.get("task_loop_count", 1))
            self.promises.of_call((place,), context.idempotency_key)
            count = context.task_run_count
            node = self._by_name[context.task_name]
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

    def _return(self, job: Job, calls: int | None = None) -> None:
        def bring() -> Gone | Returned:
            envelope = self._execute(job, calls)
            return self._died(job) if envelope is None else Returned(job.key, envelope)

        if self.draw.random() < 0.5:
            arrival = bring()
            self._bring(lambda: arrival)
        else:
            self._bring(bring)

    def _died(self, job: Job) -> Gone | Returned:
        """Say that a worker died while it executed; with a claim that may take another start."""
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
        self._bring(lambda: Gone(job.key, reason, "simulated"))

    def _lose_the_news(self, job: Job) -> None:
        """Execute the attempts, then let the worker die before it could say how they ended."""
        self._execute(job)
        self._bring(lambda: Gone(job.key, "worker-lost", "simulated"))

    def _bring_the_rest(self) -> None:
        """Bring what is still on its way after the end: nothing may follow from it."""
        late = [one for one in (bring() for *_, bring in self._coming) if one is not None]
        arrivals = [one for one in late if isinstance(one, (Gone, Returned))]
        read = [news for one in arrivals for news in self.desk.read(one)]
        turn = self.machine.take(read, self.now + 1e6)
        assert not (turn.records or turn.submissions or turn.questions or turn.dropped), turn
