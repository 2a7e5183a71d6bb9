"""Faults put into the engine on purpose: the simulation has to find each of them.

Each mutant is a context manager under which one rule of the engine is broken.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest import mock

from daskloop.keys import dask_key
from daskloop.record import ledger
from daskloop.record.claims import Claims
from daskloop.run import flights, late_outcomes, replay, scribe
from daskloop.run.admission import Admission
from daskloop.run.decide import decide
from daskloop.run.flights import Flights
from daskloop.run.gates import Gate
from daskloop.run.machine import Machine
from daskloop.run.news import NewsDesk
from daskloop.run.notes import Notes
from daskloop.run.packing import Packing
from daskloop.run.progress import Accepted, Lost, RanAhead
from daskloop.run.steps import Steps
from daskloop.run.turn import Turn, Vanished
from daskloop.states import Looped
from tests.simulation.adversary import Adversary

__all__ = ["MUTANTS"]

Mutant = Callable[[], AbstractContextManager[Any]]
MUTANTS: dict[str, Mutant] = {}
"""By what is wrong in them."""


def _mutant(name: str) -> Callable[[Mutant], Mutant]:
    def keep(mutant: Mutant) -> Mutant:
        MUTANTS[name] = mutant
        return mutant

    return keep


def _keyed(key: Callable[..., Any]) -> AbstractContextManager[Any]:
    stack = contextlib.ExitStack()
    for module in (flights, replay):
        stack.enter_context(mock.patch.object(module, "dask_key", key))
    return stack


def _decided(change: Callable[..., Any]) -> AbstractContextManager[Any]:
    """Patch what is decided, for the machine and for its replay alike."""

    def changed(rules: Any, progress: Any, happening: Any, moment: Any) -> Any:
        return change(decide, rules, progress, happening, moment)

    stack = contextlib.ExitStack()
    for module in ("daskloop.run.steps", "daskloop.run.replay"):
        stack.enter_context(mock.patch(f"{module}.decide", changed))
    return stack


@_mutant("commit after submit")
def commit_after_submit() -> AbstractContextManager[Any]:
    def do(self: Adversary, turn: Turn) -> None:
        self._send(turn)
        self._record(turn)
        for question in turn.questions:
            self.handlers.ask(question)
        self._approve_later()

    return mock.patch.object(Adversary, "_do", do)


@_mutant("key without attempt")
def key_without_attempt() -> AbstractContextManager[Any]:
    return _keyed(lambda run, address, count, submission: dask_key(run, address, 1, submission))


@_mutant("key without submission")
def key_without_submission() -> AbstractContextManager[Any]:
    return _keyed(lambda run, address, count, submission: dask_key(run, address, count, 0))


@_mutant("bystander charged")
def bystander_charged() -> AbstractContextManager[Any]:
    real = NewsDesk._gone

    def gone(self: NewsDesk, pack: Any, one: Any) -> Any:
        news = real(self, pack, one)
        lost = one.reason == "worker-lost"
        return [
            replace(each, charged=True) if lost and isinstance(each, Vanished) else each
            for each in news
        ]

    return mock.patch.object(NewsDesk, "_gone", gone)


@_mutant("late result accepted")
def late_result_accepted() -> AbstractContextManager[Any]:
    """News of a future that was replaced count for the child that it was sent for."""

    @contextlib.contextmanager
    def patched() -> Iterator[None]:
        sent: dict[Any, Any] = {}
        packed, landed, read = Packing._packed, Steps.landed, NewsDesk.read

        def pack(self: Packing, children: Any, single: bool = False) -> Any:
            made = packed(self, children, single)
            sent.update({child.key: child for child in children})
            return made

        def land(self: Steps, key: Any) -> Any:
            child = landed(self, key)
            late = sent.get(key)
            if child is None and late is not None and late.key is not None:
                return landed(self, late.key)
            return child

        def look(self: NewsDesk, one: Any) -> Any:
            late = sent.get(getattr(one, "key", None))
            if late is not None and late.pack is not None and hasattr(one, "envelope"):
                return self._returned(late.pack, one.envelope)
            return read(self, one)

        with (
            mock.patch.object(Packing, "_packed", pack),
            mock.patch.object(Steps, "landed", land),
            mock.patch.object(NewsDesk, "read", look),
        ):
            yield

    return patched()


@_mutant("outcome of another attempt taken")
def outcome_of_another_attempt_taken() -> AbstractContextManager[Any]:
    """What ended out of reach counts for whatever its child has come to since."""
    return mock.patch.object(late_outcomes._CutOff, "is_of", return_value=True)


@_mutant("retry count not recorded")
def retry_count_not_recorded() -> AbstractContextManager[Any]:
    real = scribe._submitted

    def submitted(pack: Any, child: Any, now: float) -> Any:
        return replace(real(pack, child, now), run_count=1)

    return mock.patch.object(scribe, "_submitted", submitted)


@_mutant("submission not recorded")
def submission_not_recorded() -> AbstractContextManager[Any]:
    real = scribe._submitted

    def submitted(pack: Any, child: Any, now: float) -> Any:
        return replace(real(pack, child, now), submission=0)

    return mock.patch.object(scribe, "_submitted", submitted)


@_mutant("stale epoch accepted")
def stale_epoch_accepted() -> AbstractContextManager[Any]:
    anyones = ledger._STANDING.replace("epoch = ?", "0 <= ?")
    return mock.patch.object(ledger, "_STANDING", anyones)


@_mutant("given up, and begins all the same")
def begins_all_the_same() -> AbstractContextManager[Any]:
    return mock.patch.object(Claims, "give_up", Claims.read)


@_mutant("loss not recorded")
def loss_not_recorded() -> AbstractContextManager[Any]:
    return mock.patch.object(Notes, "lost")


@_mutant("losses never spent")
def losses_never_spent() -> AbstractContextManager[Any]:
    def change(real: Any, rules: Any, progress: Any, happening: Any, moment: Any) -> Any:
        if isinstance(happening, Lost):
            happening = replace(happening, charged=False)
        return real(rules, progress, happening, moment)

    return _decided(change)


@_mutant("retry budget of the whole loop")
def budget_of_the_loop() -> AbstractContextManager[Any]:
    def change(real: Any, rules: Any, progress: Any, happening: Any, moment: Any) -> Any:
        after, step = real(rules, progress, happening, moment)
        if isinstance(happening, Accepted) and isinstance(happening.state, Looped):
            after = after._replace(failures=progress.failures)
        return after, step

    return _decided(change)


@_mutant("payload of the iteration before")
def payload_of_the_one_before() -> AbstractContextManager[Any]:
    def change(real: Any, rules: Any, progress: Any, happening: Any, moment: Any) -> Any:
        after, step = real(rules, progress, happening, moment)
        if isinstance(happening, Accepted) and isinstance(happening.state, Looped):
            after = after._replace(payload=progress.payload or happening.value)
        return after, step

    return _decided(change)


@_mutant("payload dropped while it is needed")
def payload_dropped_early() -> AbstractContextManager[Any]:
    def outlived(self: Notes, child: Any, before: Any) -> Any:
        payload = child.progress.payload
        return [] if payload is None else [payload]

    return mock.patch.object(Notes, "outlived", outlived)


@_mutant("an iteration too many in a future")
def one_more_ahead() -> AbstractContextManager[Any]:
    def change(real: Any, rules: Any, progress: Any, happening: Any, moment: Any) -> Any:
        after, step = real(rules, progress, happening, moment)
        if isinstance(happening, RanAhead):
            after = after._replace(iteration=after.iteration + 1)
        return after, step

    return _decided(change)


@_mutant("no window")
def no_window() -> AbstractContextManager[Any]:
    return mock.patch.object(Admission, "window", property(lambda self: 10**6))


@_mutant("place not given back")
def place_not_given_back() -> AbstractContextManager[Any]:
    real = Flights.land

    def land(self: Flights, key: Any) -> Any:
        child = self.flying.get(key)
        if child is not None and child.progress.losses:
            child.admitted = False
        return real(self, key)

    return mock.patch.object(Flights, "land", land)


@_mutant("max_running forgotten by retries")
def max_running_forgotten() -> AbstractContextManager[Any]:
    real = Gate._has_room

    def has_room(self: Gate, child: Any, slots: int) -> bool:
        return child.progress.run_count > 1 or real(self, child, slots)

    return mock.patch.object(Gate, "_has_room", has_room)


@_mutant("attempts in flight are not taken up")
def not_taken_up() -> AbstractContextManager[Any]:
    return mock.patch.object(replay, "_is_of", return_value=False)


@_mutant("begun after a stop")
def begun_after_a_stop() -> AbstractContextManager[Any]:
    def change(real: Any, rules: Any, progress: Any, happening: Any, moment: Any) -> Any:
        if isinstance(happening, Accepted):
            moment = moment._replace(stopping=None)
        return real(rules, progress, happening, moment)

    return _decided(change)


@_mutant("a stop at once waits for attempts")
def stop_waits() -> AbstractContextManager[Any]:
    real = Machine._halt
    return mock.patch.object(
        Machine, "_halt", lambda self, reason, now, cleans: real(self, reason, False, cleans)
    )
