"""What must hold after every turn of the machine, and at its end."""

from __future__ import annotations

from typing import Any

from daskloop.executors.session import Job, Key
from daskloop.record.sealed import Sealed
from daskloop.run.machine import Machine
from daskloop.run.order import Attempt, unpack
from daskloop.run.progress import Phase
from daskloop.run.standing import Child
from daskloop.run.turn import Announcement, Question, Turn

__all__ = ["Promises"]

_TRIED_AGAIN = ("Failed", "TimedOut", "Retrying")


class Promises:
    """Looks at every turn of one machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._announced: set[int] = set()
        """Announcements of Running that handlers have not answered, by identity."""
        self._kept: list[Announcement] = []
        self.records: dict[tuple[Any, int], Any] = {}
        """By address and attempt."""
        self.payloads: dict[Any, Sealed | None] = {}
        """What each recorded iteration handed on, by its address."""
        self.settled: set[Any] = set()
        """Addresses of iterations that ended for good."""
        self.submitted: set[Key] = set()
        self.released: set[Key] = set()
        self.ever_submitted: set[Key] = set()
        """By all drivers of the run."""
        self.keys_of: dict[Any, set[str]] = {}
        """Idempotency keys by address."""
        self._out = 0

    def restart(self, machine: Machine) -> None:
        """Look at the machine of another driver, which goes on with the same run."""
        self.machine = machine
        self._announced.clear()
        self._out = 0
        self.submitted, self.released = set(), set()

    def adopted(self, turn: Turn) -> None:
        """Check what another driver takes for being in flight."""
        for child in turn.adopted:
            assert child.key in self.ever_submitted, f"adopted but never submitted: {child.key}"
            assert child.address not in self.settled, f"adopted though recorded: {child.key}"
            self.submitted.add(child.key)
        self._out = len(self.machine.flying)

    def of_turn(self, turn: Turn) -> None:
        """Check a turn before it is carried out."""
        for record in (one for one in turn.records if one.attempted):
            attempt = (record.address, record.run_count)
            assert attempt not in self.records, f"recorded twice: {attempt}"
            assert record.address not in self.settled, f"recorded after its end: {attempt}"
            self.records[attempt] = record
            if record.state not in _TRIED_AGAIN:
                self.settled.add(record.address)
            if record.state == "Looped":
                self.payloads[record.address] = record.value
        for child in turn.submissions:
            self._of_submission(child)
        given_up = sum(child.key is None for child in turn.submissions)
        for key in turn.released:
            if key not in self.submitted:  # given up in the turn that would have sent it
                given_up -= 1
                assert given_up >= 0, f"released but never submitted: {key}"
                continue
            assert key not in self.released, f"released twice: {key}"
            assert key not in self.machine.flying, f"released in flight: {key}"
            self.released.add(key)
        for key, child in self.machine.flying.items():
            assert child.key == key and child.progress.phase is Phase.RUNNING, (key, child)
        self._of_window(turn)

    def _of_submission(self, child: Child) -> None:
        progress = child.progress
        if child.key is None:
            assert child.ended
            return
        assert child.key not in self.ever_submitted, f"submitted twice: {child.key}"
        self.ever_submitted.add(child.key)
        assert progress.phase is Phase.RUNNING, f"submitted while {progress.phase}"
        self.submitted.add(child.key)
        address, run_count = child.address, progress.run_count
        assert address not in self.settled, f"submitted after it was recorded: {child.key}"
        assert (address, run_count) not in self.records, f"ran already: {child.key}"
        if run_count > 1:
            assert (address, run_count - 1) in self.records, f"the attempt before: {child.key}"
        if progress.iteration > 1:
            before = (address[0]._replace(iteration=progress.iteration - 1),)
            assert before in self.payloads, f"the iteration before is not recorded: {child.key}"
            assert progress.payload == self.payloads[before], f"another payload: {child.key}"
        else:
            assert progress.payload is None

    def answered(self, question: Announcement | Question) -> None:
        """Note that the machine is about to hear an answer."""
        self._announced.discard(id(question))

    def _of_window(self, turn: Turn) -> None:
        """Count who is out by what was seen from outside, and compare."""
        for one in turn.questions:
            if isinstance(one, Announcement) and one.new.is_running():
                self._announced.add(id(one))
                self._kept.append(one)
        out = len(self.machine.flying) + len(self._announced)
        counted = self.machine.admission.out
        assert out == counted, f"{out} announced or in flight, the window counts {counted}"
        window = self.machine.admission.window
        # Those that were let out before the window shrank come home by themselves.
        assert out <= max(window, self._out), f"{out} out, window {window}"
        self._out = out

    def of_job(self, child: Child, job: Job) -> None:
        """Check an order against what was recorded."""
        own = unpack(Attempt, job.own)
        progress = child.progress
        assert (own.iteration, own.run_count) == (progress.iteration, progress.run_count)
        keys = self.keys_of.setdefault(child.address, set())
        keys.add(own.idempotency_key)
        assert len(keys) == 1, f"an iteration with several idempotency keys: {keys}"
        if progress.payload is None:
            assert own.payload is None
        else:
            assert Sealed.from_wire(own.payload[1]) == progress.payload

    def at_the_end(self) -> None:
        """Check what is left when the machine says that it has finished."""
        machine = self.machine
        assert machine.finished
        assert not machine.flying
        assert machine.admission.out == 0, f"{machine.admission.out} places never given back"
        assert self.submitted == self.released, self.submitted ^ self.released
        for node in machine.standing.nodes:
            assert node.closed and node.running == 0
            for child in _children(node):
                assert child.ended, f"{child.name} has no final state"
                state = child.state
                assert state is not None and state.is_finished() and not state.is_looped()
                assert not child.admitted and child.key is None
        assert len(set(self.keys_of)) == len({key for (key,) in self.keys_of.values()})


def _children(node: Any) -> list[Child]:
    return [node.child, *node.children]
