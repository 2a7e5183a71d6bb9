"""One thread that drives a run: take what arrived, record, submit, announce, again.

::

             ┌──────────── inbox ◄──────────── session (envelopes, losses)
             ▼                  ▲                    ▲
    news ─► machine ─► turn ─► record ─► submit ─► release ─► ask handlers ─► announce
                                                                 └─► answers to the inbox

Nothing else changes the run's standing. What is recorded is recorded before anything that
follows from it is submitted.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from daskloop import config
from daskloop.collecting import collecting_less
from daskloop.contexts import context
from daskloop.events import Event, RunEnded, RunStalled, RunStarted, TaskTitle
from daskloop.executors.choose import Inline, describe
from daskloop.run.announcer import Announcer
from daskloop.run.board import Board
from daskloop.run.closing import Closing
from daskloop.run.ended import Ended
from daskloop.run.errand import Errand
from daskloop.run.flow_handlers import announce_flow, call_on_failure
from daskloop.run.given_states import records_of
from daskloop.run.handlers import Handlers
from daskloop.run.inbox import Inbox
from daskloop.run.lapsing import LapsingClaims
from daskloop.run.machine import Machine
from daskloop.run.memory import Memory
from daskloop.run.news import NewsDesk
from daskloop.run.orders import Orders
from daskloop.run.scribe import Scribe
from daskloop.run.secrecy import Redaction
from daskloop.run.secret_texts import secret_texts
from daskloop.run.set_clock import ClockWatch
from daskloop.run.showing import Showing
from daskloop.run.stalling import why_nothing_moves
from daskloop.run.turn import Approve, Came, Halt, Handled, Idle, News, Reject, Rest, Room, Turn
from daskloop.run.verdict import verdict
from daskloop.run.workplace import Workplace, open_workplace
from daskloop.states import Pending, Running, State

__all__ = ["Driver"]

logger = logging.getLogger("daskloop.run")

_OWN_NEWS = (Halt, Handled, Came, Idle, Approve, Reject, Rest)


class Driver:
    """Runs one errand.

    Parameters
    ----------
    errand : Errand
        What to run, where.

    Notes
    -----
    `drive` runs on one thread; `halt` and `post` may be called from any.
    """

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._inbox = Inbox()
        self.post = self._inbox.post
        """Takes news for the machine, on any thread."""
        self.board = Board(errand.plan, errand.history or errand.keeps)
        """What other threads may look at."""

    def halt(self, reason: str, *, now: bool = False) -> None:
        """Begin no iteration any more; with `now`, give up those that run as well."""
        self._inbox.post(Halt(reason, now))

    def drive(self) -> State:
        """Run the flow and return its state."""
        errand, begun = self._errand, time.time()
        with collecting_less():
            state = self._drive()
        if errand.at_end is not None:
            told = errand.plan, errand.parameters, state, describe(errand.choice)
            errand.at_end(Ended(errand.run, *told, begun, time.time(), self.board.records))
        return state

    def _drive(self) -> State:
        errand = self._errand
        around = {
            **errand.context,
            "run_id": errand.run,
            "flow_name": errand.plan.flow_name,
            "parameters": errand.parameters,
        }
        with contextlib.closing(errand.registered.ledger), context.only(around):
            flow, name = errand.flow, errand.plan.flow_name
            redaction = _redaction(errand)
            begins = announce_flow(flow, name, Pending(), Running("Running flow."))
            running = redaction.of_state(begins)
            if not running.is_running():
                return running
            state = self._run(around, partial(announce_flow, flow, name, running))
            call_on_failure(flow, name, state, redaction)
            return state

    def _run(self, around: Mapping[str, Any], announced: Callable[[State], State]) -> State:
        errand = self._errand
        place = open_workplace(
            errand.choice, errand.store, errand.plan, self._inbox.post, errand.registered
        )
        showing = Showing(place.shown_by, errand.run, errand.plan, errand.parameters, self.board)
        announcer = Announcer([*errand.listeners, *showing.listeners])
        shift = state = None
        try:
            shift = _Shift(errand, place, announcer, self._inbox, around, self.board)
            state = shift.work(announced)
            return state
        finally:
            try:
                if shift is not None:
                    shift.close()
                announcer.close()
                showing.close(state)
            finally:
                place.leave()


class _Shift:
    """The parts of one run at work together."""

    def __init__(
        self,
        errand: Errand,
        place: Workplace,
        announcer: Announcer,
        inbox: Inbox,
        around: Mapping[str, Any],
        board: Board,
    ) -> None:
        inline = isinstance(errand.choice, Inline)
        self._errand = errand
        self._place = place
        self._announcer = announcer
        self._inbox = inbox
        self._slots = place.session.slots()
        registered = errand.registered
        closing = Closing(place.store, place.inline_limit, errand.run)
        self._scribe = Scribe(registered, inbox.post)
        given = records_of(errand.plan, errand.task_states, closing, time.time())
        self._scribe.begin_with(given)
        past = registered.past
        records = given if past is None else past.records
        submitted = () if past is None else past.submitted
        memory = Memory(records, submitted, place.store, given=past is None)
        self._machine = Machine(
            errand.plan,
            errand.run,
            errand.parameters,
            place.store,
            self._slots,
            memory,
            errand.batch,
            keeps=self._scribe.keeps or errand.history or errand.keeps,
            remembers=errand.history,
            crowded=place.crowded,
            level=announcer.level,
        )
        self._orders = Orders(
            self._machine.standing,
            closing,
            errand.run,
            errand.context,
            claims=place.claims,
            here=inline,
            whole=self._scribe.keeps or errand.history or errand.keeps,
        )
        self._redaction = redaction = _redaction(errand)
        self._handlers = Handlers(
            around, closing, inbox.post, threaded=not inline, redaction=redaction
        )
        self._news = NewsDesk(place.claims, self._machine.packing.packs, redaction)
        self._patience = config.seconds("stall-report")
        config.seconds("drain")  # a wrong one is refused now, not at the first Ctrl-C
        self._resumes = registered.past is not None
        self._board = board
        board.open(self._machine, closing, records)
        self._claims = LapsingClaims(None if place.lasting_claims else place.claims)

    def work(self, announced: Callable[[State], State]) -> State:
        """Turn after turn until everything has ended; the flow's handlers have the last word."""
        errand = self._errand
        machine = self._machine
        begun, clock = time.time(), ClockWatch()
        self._announcer.tell([_started(errand, begun)])
        self._scribe.connected(self._place)
        with self._board.turn():
            self._do(machine.start(begun))
        moved = time.monotonic()
        while not machine.finished:
            arrivals = self._inbox.take(self._pause())
            now = time.monotonic()
            if arrivals:
                moved = now
            elif now - moved >= self._patience:
                moved = now
                self._say_why()
            by = clock.set_by()
            begun += by
            with self._board.turn():
                if by:
                    machine.clock_was_set(by)
                self._do(machine.take(self._read(arrivals), time.time()))
            self._scribe.look_for_stop()
        found = verdict(machine.standing, machine.stopping)
        state = found
        try:
            state = self._redaction.of_state(announced(found))
        finally:  # whatever ends a handler, such as Ctrl-C, the run has ended as it has
            self._scribe.finish(found, state, self._place, machine.standing)
        now, flow = time.time(), errand.plan.flow_name
        counted = machine.counts.told()
        ended = RunEnded(errand.run, now, flow, state, now - begun, *counted, errand.batch != 1)
        self._announcer.tell([ended])
        return state

    def _pause(self) -> float:
        """Work, if this thread is where attempts run; return how long to wait for news."""
        if not self._machine.resting and self._place.session.work():
            return 0.0
        patience = min(self._patience, self._scribe.patience)
        due = self._machine.next_due
        return patience if due is None else min(max(0.0, due - time.time()), patience)

    def _read(self, arrivals: Sequence[Any]) -> list[News]:
        news: list[News] = []
        for one in arrivals:
            if isinstance(one, _OWN_NEWS):
                news.append(one)
            else:
                news.extend(self._news.read(one))
        slots = self._place.session.slots()
        if slots != self._slots:
            self._slots = slots
            news.append(Room(slots))
        return news

    def _do(self, turn: Turn) -> None:
        """Carry out a turn, in the order that keeps the promises."""
        if not self._scribe.write(turn):
            turn.packs.clear()  # nothing is sent that was not written down before
        self._board.note(turn.records)
        self._submit(turn)
        if turn.adopted or self._resumes:
            self._resumes = False
            futures = {child.pack.key for child in turn.adopted if child.pack is not None}
            self._place.session.adopt(list(futures))
        self._let_go(turn)
        for question in turn.questions:
            self._handlers.ask(question)
        self._announcer.tell(turn.events)

    def _submit(self, turn: Turn) -> None:
        jobs = []
        for pack in turn.packs:
            job, refused = self._orders.job(pack, time.time())
            if job is not None:
                jobs.append(job)
            for child, error in refused.items():
                if child.key is None:
                    continue
                known = None if error is None else self._news.refused(child.key, error)
                self._inbox.post(known or Idle((child.key,)))
        if jobs:
            self._place.session.submit(jobs)

    def _let_go(self, turn: Turn) -> None:
        if turn.released:
            self._place.session.release(turn.released)
        if self._place.claims is not None:
            self._claims.released(turn.released, self._place.session.reach())
        if turn.dropped:
            self._place.drop(turn.dropped)

    def _say_why(self) -> None:
        """Nothing has moved for a while: say so, and why, as far as can be told."""
        reason = why_nothing_moves(self._machine, self._place.session)
        text = f"run {self._errand.run}: nothing has moved for {self._patience:g} s: {reason}"
        logger.warning(text)
        events: list[Event] = [RunStalled(self._errand.run, time.time(), text)]
        self._announcer.tell(events)

    def close(self) -> None:
        """Let go of threads and files."""
        self._handlers.close(wait=self._machine.finished)
        self._scribe.close()


def _redaction(errand: Errand) -> Redaction:
    return Redaction(tuple(secret_texts(errand.plan, errand.parameters)))


def _started(errand: Errand, begun: float) -> RunStarted:
    nodes = (node for node in errand.plan.nodes if node.parameter is None)
    tasks = tuple(TaskTitle(node.slug, node.name, node.mapped) for node in nodes)
    where = describe(errand.choice)
    return RunStarted(errand.run, begun, errand.plan.flow_name, where, tasks)
