"""What must hold after every turn of the machine, and at its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from daskloop.executors.session import Job, Key
from daskloop.keys import Address
from daskloop.record.entries import LOST, Recorded
from daskloop.record.sealed import Sealed
from daskloop.record.stretch import unfolded
from daskloop.run import admission
from daskloop.run.machine import Machine
from daskloop.run.order import Attempt, Tree, unpack_own
from daskloop.run.packing import PLACE, Pack, batch_of
from daskloop.run.progress import Phase
from daskloop.run.standing import Child
from daskloop.run.turn import Announcement, Question, Turn

__all__ = ["Promises"]

_TRIED_AGAIN = ("Failed", "TimedOut", "Retrying", "Paused")


class Promises:
    """Looks at every turn of one machine.

    Parameters
    ----------
    machine : Machine
        The machine.
    batch : int or "auto"
        What the run asks for.
    whole : bool
        True if each iteration is told; else those that went on in one future are only counted.
    """

    def __init__(self, machine: Machine, batch: Any = 1, whole: bool = True) -> None:
        self.machine = machine
        self.batch = batch
        self.whole = whole
        self._announced: dict[int, Child] = {}
        """Whose Running handlers have been told and have not answered, by identity."""
        self._kept: list[Announcement] = []
        self.records: dict[tuple[Any, int], Any] = {}
        """By address and attempt."""
        self.payloads: dict[Any, Sealed | None] = {}
        """What each recorded iteration handed on, by its address."""
        self.settled: set[Any] = set()
        """Addresses of iterations that ended for good."""
        self.executing: set[tuple[Address, int]] = set()
        """Attempts under which a worker was lost, by address and number."""
        self.submitted: set[Key] = set()
        """Futures."""
        self.released: set[Key] = set()
        self.sent_in: dict[Key, set[Key]] = {}
        """By the key of a future, of all drivers of the run: the attempts that it was sent with."""
        self.keys_of: dict[Any, set[str]] = {}
        """Idempotency keys by address."""
        self._futures = 0
        self._adopted: set[Key] = set()

    def restart(self, machine: Machine) -> None:
        """Look at the machine of another driver, which goes on with the same run."""
        self.machine = machine
        self._announced.clear()
        self._futures = 0
        self.submitted, self.released = set(), set()

    def adopted(self, turn: Turn) -> None:
        """Check what another driver takes for being in flight."""
        for child in turn.adopted:
            assert child.pack is not None and child.key is not None
            sent = self.sent_in.get(child.pack.key, ())
            assert child.key in sent, f"adopted, but never sent in {child.pack.key}: {child.key}"
            assert child.address not in self.settled, f"adopted though recorded: {child.key}"
            self.submitted.add(child.pack.key)
            self._adopted.add(child.key)
        self._futures = len(self.machine.packing.packs)

    def of_turn(self, turn: Turn) -> None:
        """Check a turn that is written down, and about to be carried out."""
        records = [one for record in turn.records for one in unfolded(record)]
        for record in records:
            if record.attempted:
                self._of_record(record)
            elif record.state == LOST:
                lost = (record.address, record.run_count)
                assert lost in self.executing, f"charged, but no worker died under it: {lost}"
        for child in turn.submissions:
            self._of_submission(child)
        self._of_packs(turn)
        for key in turn.released:
            assert key in self.submitted, f"released but never submitted: {key}"
            assert key not in self.released, f"released twice: {key}"
            assert key not in self.machine.packing.packs, f"released in flight: {key}"
            self.released.add(key)
        self.of_what_flies(turn)

    def of_what_flies(self, turn: Turn) -> None:
        """Check what is in flight after a turn, whether that could be written down or not."""
        for key, child in self.machine.flying.items():
            assert child.key == key and child.progress.phase is Phase.RUNNING, (key, child)
            pack = child.pack
            assert pack is not None and pack.members.get(child.index) is child, key
            assert self.machine.packing.packs.get(pack.key) is pack, key
        members = sum(len(pack.members) for pack in self.machine.packing.packs.values())
        assert members == len(self.machine.flying), "a future holds what is not in flight"
        self._of_window(turn)
        self._of_throttles()

    def _of_record(self, record: Recorded) -> None:
        attempt = (record.address, record.run_count)
        assert attempt not in self.records, f"recorded twice: {attempt}"
        assert record.address not in self.settled, f"recorded after its end: {attempt}"
        for address in () if self.whole else _before(record.address):
            self.settled.add(address)
            self.payloads.setdefault(address, None)
        if self.whole and record.address[0].iteration > 1:
            before = next(iter(_before(record.address)))
            assert before in self.payloads, f"recorded before the iteration before: {attempt}"
        self.records[attempt] = record
        if record.state not in _TRIED_AGAIN:
            self.settled.add(record.address)
        if record.state == "Looped":
            self.payloads[record.address] = record.value

    def _of_submission(self, child: Child) -> None:
        progress = child.progress
        if child.key is None:  # given up in the turn that would have sent it
            assert child.ended
            return
        assert progress.phase is Phase.RUNNING, f"submitted while {progress.phase}"
        address, run_count = child.address, progress.run_count
        assert address not in self.settled, f"submitted after it was recorded: {child.key}"
        assert (address, run_count) not in self.records, f"ran already: {child.key}"
        if run_count > 1:
            assert (address, run_count - 1) in self.records, f"the attempt before: {child.key}"
        if progress.iteration > 1:
            before = next(iter(_before(address)))
            assert before in self.payloads, f"the iteration before is not recorded: {child.key}"
            assert progress.payload == self.payloads[before], f"another payload: {child.key}"
        else:
            assert progress.payload is None

    def _of_packs(self, turn: Turn) -> None:
        """Check that what is sent is what was to be sent, each once, in futures of new keys."""
        wanted = [child.key for child in turn.submissions if child.key is not None]
        sent = [child.key for pack in turn.packs for child in pack.members.values()]
        assert sorted(sent) == sorted(wanted), f"to be sent {wanted}, sent {sent}"
        assert len(set(sent)) == len(sent), f"sent twice in one turn: {sent}"
        for pack in turn.packs:
            assert pack.key not in self.sent_in, f"submitted twice: {pack.key}"
            keys = {child.key for child in pack.members.values() if child.key is not None}
            assert pack.key in keys, f"a future without its first child: {pack.key}"
            self.sent_in[pack.key] = keys
            self.submitted.add(pack.key)
            self._of_company(pack)

    def _of_company(self, pack: Pack) -> None:
        """Check who may travel with whom."""
        children = list(pack.members.values())
        assert len({child.node.plan.number for child in children}) == 1
        batch = batch_of(children[0].node, self.batch)
        limit = len(children) if batch == "auto" else batch
        assert len(children) <= limit, f"{len(children)} in one future, batch={batch}"
        for child in children:
            apart = child.is_suspect or child.progress.run_count > 1
            if batch == 1 or apart or child.node.plan.task.limits.at_most_once:
                assert pack.is_single and len(children) == 1, f"not alone: {child.key}"

    def answered(self, question: Announcement | Question) -> None:
        """Note that the machine is about to hear an answer."""
        self._announced.pop(id(question), None)

    def _of_window(self, turn: Turn) -> None:
        """Count who is out by what was seen from outside, and compare."""
        for one in turn.questions:
            if isinstance(one, Announcement) and one.new.is_running():
                self._announced[id(one)] = one.child
                self._kept.append(one)
        out = [*self.machine.flying.values(), *self._announced.values()]
        counted = self.machine.admission.out
        weight = sum(child.weight for child in out)
        assert weight == counted, f"{weight} announced or in flight, the window counts {counted}"
        window = self.machine.admission.slots * admission._SLOTS_AHEAD + admission._AHEAD
        strict = all(batch_of(child.node, self.batch) == 1 for child in out)
        assert not strict or counted == len(out) * PLACE, "an attempt of its own takes a place"
        # Those that were let out before the window shrank come home by themselves.
        futures = len(self.machine.packing.packs) + len(self._announced)
        assert futures <= max(window, self._futures), f"{futures} futures out, window {window}"
        self._futures = futures

    def _of_throttles(self) -> None:
        """Count what the limits of each task are about, from outside."""
        out = [*self.machine.flying.values(), *self._announced.values()]
        for node in self.machine.standing.nodes:
            limits = node.plan.task.throttle
            if limits.max_running is not None:
                # What an earlier driver gave up may be thought to be in flight.
                running = sum(
                    child.node is node and child.key not in self._adopted for child in out
                )
                assert running <= limits.max_running, f"{running} of {node.plan.name} at once"
            if limits.max_branches is not None:
                begun = [child for child in node.children if child.progress.begun is not None]
                open_ones = sum(not self._is_over(child) for child in begun)
                assert open_ones <= limits.max_branches, f"{open_ones} branches"

    def _is_over(self, child: Child) -> bool:
        """Tell whether a child, and all that goes on from it child by child, has ended."""
        standing = self.machine.standing
        below = [standing.nodes[number] for number in standing.links[child.node.plan.number]]
        assert child.index is not None
        return child.ended and all(
            node.child.ended and all(map(self._is_over, node.children[child.index :][:1]))
            for node in below
        )

    def of_job(self, pack: Pack, job: Job) -> None:
        """Check an order against what was recorded."""
        own = unpack_own(job.own)
        assert pack.key in self.sent_in, f"sent before it was written down: {pack.key}"
        assert job.key == pack.key and own.most >= len(own.attempts)
        assert [one.child for one in own.attempts] == list(pack.members)
        for one in own.attempts:
            self._of_attempt(pack.members[one.child], one)

    def _of_attempt(self, child: Child, one: Attempt) -> None:
        progress = child.progress
        assert (one.iteration, one.run_count) == (progress.iteration, progress.run_count)
        assert one.submission == progress.submission
        if progress.payload is None:
            assert one.payload is None
        else:
            assert one.payload is not None and _is_of(one.payload, progress.payload)

    def of_call(self, address: Address, idempotency_key: str) -> None:
        """Check what the body of a task sees."""
        keys = self.keys_of.setdefault(address, set())
        keys.add(idempotency_key)
        assert len(keys) == 1, f"an iteration with several idempotency keys: {keys}"

    def at_the_end(self) -> None:
        """Check what is left when the machine says that it has finished."""
        machine = self.machine
        assert machine.finished
        assert not machine.flying and not machine.packing.packs
        assert machine.admission.out == 0, f"{machine.admission.out} never given back"
        assert self.submitted == self.released, self.submitted ^ self.released
        for node in machine.standing.nodes:
            assert node.closed and node.running == 0
            for child in _children(node):
                assert child.ended, f"{child.name} has no final state"
                state = child.state
                assert state is not None and state.is_finished() and not state.is_looped()
                assert not child.admitted and child.key is None and child.pack is None
        assert len(set(self.keys_of)) == len({key for (key,) in self.keys_of.values()})


def _before(address: Address) -> Iterable[Address]:
    """List the iterations before one, the nearest first."""
    for iteration in range(address[0].iteration - 1, 0, -1):
        yield (address[0]._replace(iteration=iteration),)


def _children(node: Any) -> list[Child]:
    return [node.child, *node.children]


def _is_of(tree: Tree, payload: Sealed) -> bool:
    """Tell whether a tree stands for a payload, as it comes out of a message."""
    if isinstance(tree, bytes):
        return tree == payload.data
    return tree[0] == "kept" and Sealed.from_wire(tree[1]) == payload
