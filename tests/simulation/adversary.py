"""A cluster without Dask and without a clock, that does whatever a real one might do.

::

    machine ─► turn ─► Adversary: delays, loses, repeats, brings back what was given up
                           │
        news in odd order ─┘   (virtual time: it jumps to whatever comes next)

Orders are packed by the real `Orders`, handlers and triggers called by the real `Handlers`, turns
written by the real `Scribe`, arrivals judged by the real `NewsDesk`. The order in which a turn is
carried out is the driver's.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from daskloop.executors.session import Gone, Key, Returned, Severed
from daskloop.keys import key_text
from daskloop.plan.compile import compile_plan
from daskloop.record.claims import Claims
from daskloop.record.store import PayloadStore
from daskloop.run.closing import Closing
from daskloop.run.handlers import Handlers
from daskloop.run.machine import Machine
from daskloop.run.memory import Memory
from daskloop.run.news import NewsDesk
from daskloop.run.orders import Orders
from daskloop.run.turn import Announcement, Approve, Asked, Halt, Handled, Paced, Rest, Room, Turn
from daskloop.states import Paused
from tests.simulation.cluster import Cluster
from tests.simulation.diary import RUN, Diary
from tests.simulation.faults import Faults
from tests.simulation.promises import Promises
from tests.simulation.scripted import EPOCH
from tests.simulation.specs import FlowSpec, build

__all__ = ["Adversary"]

_INLINE = 64  # bytes, so that payloads with bulk go to the store
_MOST_STEPS = 20_000
_MOST_DEATHS = 5
_SECONDS = (0.0001, 0.003, 0.03, 0.5)  # how long a future may have taken


@dataclass
class Adversary:
    """One run of one flow."""

    spec: FlowSpec
    faults: Faults
    draw: Random
    store: PayloadStore | None = None
    claims: Claims | None = None
    journal: str | None = None
    """The folder of a real journal; None to keep the run in memory."""
    seen: dict[str, list[str]] = field(default_factory=dict)
    """The states that handlers saw, by child."""
    now: float = EPOCH

    def __post_init__(self) -> None:
        self.graph = build(self.spec, lambda name, state: self._note(name, state))
        self.plan = compile_plan(self.graph)
        nodes = self.plan.every_node()
        self._lasting_claims = any(node.task.limits.at_most_once for node in nodes)
        self.diary = Diary(self.draw, self.faults.disk, self.journal)
        self.deaths = 0
        """How often another driver took over, whatever for."""
        self.halted = False
        self.halts = 0
        """How often the run was stopped."""
        self._lasts = self.draw.choice((0.0, 5.0))  # seconds that claims outlive their attempts
        self._asked: set[tuple[Any, int, int]] = set()
        self._given_up = False
        self._coming: list[tuple[float, int, str, Callable[[], Any]]] = []
        self._scheduled = 0
        self.machine = self._open()
        self.promises = Promises(self.machine, self.spec.batch, self.faults.whole)
        nodes = {node.name: node for node in self.spec.nodes}
        self.cluster = Cluster(
            nodes, self.faults, self.draw, self.claims, self.promises, self._later
        )

    def _open(self) -> Machine:
        """Make a driver: a machine, and the parts that depend on it."""
        slots = self.faults.slots
        memory = Memory(*self.diary.open(self._posted), self.store)
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
        try:
            self._to_the_end()
            while (self.diary.failed or self.halted) and self._is_resumed():
                self._do(self._next_driver())
                self._to_the_end()
        finally:
            self.diary.close()
        self._bring_the_rest()

    def _is_resumed(self) -> bool:
        return self.diary.failed or (self.faults.resumes and self.deaths < _MOST_DEATHS)

    def _to_the_end(self) -> None:
        """Let one driver after the other go on until one says that the run has ended."""
        steps = 0
        while not self.machine.finished:
            steps += 1
            assert steps < _MOST_STEPS, f"the run does not end; in flight: {self.machine.flying}"
            self._jump()
            stopping = self.machine.stopping
            batch = self._arrived()
            resting = self.machine.resting
            turn = self.machine.take(batch, self.now)
            self.halted = self.machine.stopping is not None
            self.halts += self.halted and stopping is None
            if resting and self.machine.resting:
                self._check_rest(turn)
            assert not (stopping and turn.submissions), "something was begun after the stop"
            assert not (self._given_up and self.machine.flying), "a hard stop waits for attempts"
            if self.deaths < _MOST_DEATHS and self.draw.random() < self.faults.deaths:
                turn = self._die(turn)
            self._do(turn)
        if not self.diary.failed:
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
                said = Approve((Asked.of(child),), given)
                self._later(lambda said=said: said, 20.0, "user")

    def _check_rest(self, turn: Turn) -> None:
        for one in turn.questions:
            begins = isinstance(one, Announcement) and one.new.is_running()
            assert not begins, "an attempt was announced while the run rested"
        for child in turn.submissions:
            assert child.node.plan.task.hooks.state_handlers, "begun while the run rested"

    def _halt(self, *, now: bool) -> Halt | Severed:
        self._given_up = self._given_up or now
        if now and self.draw.random() < 0.5:
            return Severed("cut off by the adversary")
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
        if not isinstance(one, (Gone, Returned, Severed)):
            return [one]
        # How long a future took is of this machine; it must follow from the seed.
        return [
            news._replace(seconds=self.draw.choice(_SECONDS)) if isinstance(news, Paced) else news
            for news in self.desk.read(one)
        ]

    def _answered(self, answer: Any) -> None:
        self._later(lambda: answer, 2.0, "handler")

    def _posted(self, news: Any) -> None:
        self._later(lambda: news, 0.0, "driver")

    def _die(self, turn: Turn) -> Turn:
        """Let the driver die somewhere in a turn, and begin the next one's first turn."""
        moment = self.draw.choice(("before record", "after record", "after submission"))
        if moment != "before record" and self._record(turn) and moment == "after submission":
            self._send(turn)
        return self._next_driver()

    def _next_driver(self) -> Turn:
        """Let another driver take the run over, and return its first turn."""
        self.deaths += 1
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

    def _record(self, turn: Turn) -> bool:
        """Write a turn down; False if nothing may be sent that it held."""
        written = self.diary.write(turn, self.now)
        if self.diary.kept:
            self.promises.of_turn(turn)
        else:
            self.promises.of_what_flies(turn)
        return written

    def _do(self, turn: Turn) -> None:
        """Carry out a turn, in the driver's order."""
        if not self._record(turn):
            turn.packs.clear()
        self._send(turn)
        for question in turn.questions:
            self.handlers.ask(question)
        self._approve_later()

    def _send(self, turn: Turn) -> None:
        for pack in turn.packs:
            job, refused = self.orders.job(pack, self.now)
            assert job is not None and not refused
            self.promises.of_job(pack, job)
            self.cluster.take(pack, job)
        self._forget(turn.released)
        for sealed in turn.dropped:
            if sealed.name is not None and self.store is not None:
                self.store.remove(sealed.name)

    def _forget(self, released: Sequence[Key]) -> None:
        """Let claims outlive their attempts for a while, or not at all."""
        claims = self.claims
        if claims is None or self._lasting_claims or not released:
            return

        def forget() -> None:
            for key in released:
                claims.forget(key_text(key))

        if self._lasts:
            self._scheduled += 1
            heapq.heappush(
                self._coming, (self.now + self._lasts, self._scheduled, "driver", forget)
            )
        else:
            forget()

    def _bring_the_rest(self) -> None:
        """Bring what is still on its way after the end: nothing may follow from it."""
        late = [one for one in (bring() for *_, bring in self._coming) if one is not None]
        arrivals = [one for one in late if isinstance(one, (Gone, Returned))]
        read = [news for one in arrivals for news in self.desk.read(one)]
        turn = self.machine.take(read, self.now + 1e6)
        assert not (turn.records or turn.submissions or turn.questions or turn.dropped), turn
