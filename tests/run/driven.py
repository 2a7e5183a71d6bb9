"""A machine driven by hand: what arrives is written down in the test, line by line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from daskloop.define.graph import TaskGraph
from daskloop.define.task import Task
from daskloop.executors.session import Key
from daskloop.plan.compile import compile_plan
from daskloop.run.machine import Machine
from daskloop.run.standing import Child
from daskloop.run.turn import Announcement, Came, Halt, Handled, Question, Turn, Vanished
from daskloop.states import State
from tests.run.lives import BEGIN, entry

__all__ = ["Driven", "Plain", "graph_of"]

RUN = "quiet-heron-7f3a9c12"


class Plain(Task):
    """A task whose body is never called here."""

    def run(self, x: Any = None, y: Any = None) -> Any:
        """Take anything."""


def graph_of(write: Callable[[TaskGraph], Any]) -> TaskGraph:
    """Write a flow into a fresh graph."""
    graph = TaskGraph("driven")
    write(graph)
    return graph


class Driven:
    """A machine, its last turn, and all that the turns brought."""

    def __init__(
        self,
        graph: TaskGraph,
        parameters: Mapping[str, Any] | None = None,
        slots: int = 2,
        level: int = logging.DEBUG,
    ) -> None:
        plan = compile_plan(graph)
        self.machine = Machine(plan, RUN, parameters or {}, None, slots, level=level)
        self.now = BEGIN
        self.records: list[Any] = []
        """Of ended attempts."""
        self.released: list[Key] = []
        self.events: list[Any] = []
        self.questions: list[Announcement | Question] = []
        self.turn = Turn()

    def _keep(self, turn: Turn) -> Turn:
        self.turn = turn
        self.records += [one for one in turn.records if one.attempted]
        self.released += turn.released
        self.events += turn.events
        self.questions += turn.questions
        return turn

    def start(self) -> Driven:
        """Open the run."""
        self._keep(self.machine.start(self.now))
        return self

    def take(self, *news: Any, after: float = 0.0) -> Turn:
        """Let news arrive, after some seconds."""
        self.now += after
        return self._keep(self.machine.take(news, self.now))

    def child(self, name: str, index: int | None = None) -> Child:
        """Find a child."""
        for node in self.machine.standing.nodes:
            if node.plan.name == name:
                return node.child if index is None else node.children[index]
        raise AssertionError(f"no task {name}")

    def key(self, name: str, index: int | None = None) -> Key:
        """Return the key of a child's attempt in flight."""
        key = self.child(name, index).key
        assert key is not None, f"{name}[{index}] is not in flight"
        return key

    def come(
        self,
        name: str,
        index: int | None = None,
        kind: Any = "success",
        value: Any = None,
        **more: Any,
    ) -> Turn:
        """Let an attempt come back."""
        return self.take(Came(self.key(name, index), entry(kind, value, **more)))

    def lose(self, name: str, index: int | None = None, *, charged: bool = True) -> Turn:
        """Lose an attempt."""
        return self.take(Vanished(self.key(name, index), "gone", charged))

    def halt(self, *, now: bool = False) -> Turn:
        """Stop the run."""
        return self.take(Halt("stopped", now))

    def answer(self, state: State | None = None, **more: Any) -> Turn:
        """Answer the oldest question; without a state, what was proposed stands."""
        asked = self.questions.pop(0)
        if state is None and isinstance(asked, Announcement):
            state = asked.new
            more.setdefault("final", asked.final)
        return self.take(Handled(asked, state, **more))

    def state(self, name: str, index: int | None = None) -> State:
        """Return a final state."""
        state = self.child(name, index).state
        assert state is not None, f"{name} has not ended"
        return state

    def flying(self) -> list[str]:
        """Name the children in flight, in the order of their submission."""
        return [child.name for child in self.machine.flying.values()]
