"""The rules once more, as the plainest program that follows them: one thing after the other.

Written from the rules alone, without a look at the engine: what the two do not agree on is
wrong in one of them. No cluster, no time, no losses but those that a poisoned attempt causes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from daskloop.errors import LoopLimit, MapError, TaskTimeout, WorkerLost
from daskloop.signals import FAIL, LOOP, PAUSE, RETRY, SKIP, SUCCESS, TRIGGERFAIL
from tests.simulation.scripted import ABSENT, Other, Trouble, play
from tests.simulation.specs import Arg, FlowSpec, NodeSpec

__all__ = ["Outcome", "interpret"]


@dataclass
class Outcome:
    """How a task or a child ended."""

    kind: str
    """Name of the state's class."""
    result: Any = None
    iteration: int | None = None
    """The last iteration; None if the body never ran."""
    payload: Any = ABSENT
    """What the last iteration had been given."""
    children: list[Outcome] | None = None
    above: list[Outcome] = field(default_factory=list)
    """Of a child: the children of other maps that it goes on from."""
    whole: Outcome | None = None
    """Of a child: the map that it is one of."""
    tolerate: int | float = 0
    """Of a map: how many of its children may fail."""
    seen: list[str] = field(default_factory=list)
    """The states that a handler sees."""

    @property
    def failed(self) -> bool:
        """True for failures of every kind."""
        return self.kind in ("Failed", "TimedOut", "TriggerFailed", "Crashed")

    @property
    def value(self) -> Any:
        """What is handed to the tasks below (M1, M6)."""
        if self.children is not None:
            return [child.result for child in self.children]
        return self.result

    def counted(self) -> list[Outcome]:
        """What triggers count: a mapped one as its children (M6), the tolerated as good (M14)."""
        if self.children is None:
            return [self]
        if self.tolerated:
            return [Outcome("Success") if one.failed else one for one in self.children]
        return self.children

    @property
    def tolerated(self) -> bool:
        """M14: whether the failures of its children do not count."""
        if self.children is None:
            return False
        own = sum(one.failed and not one.excused for one in self.children)
        most = self.tolerate
        return own <= (most * len(self.children) if isinstance(most, float) else most)

    @property
    def excused(self) -> bool:
        """M14: whether a child only followed from failures that are tolerated."""
        bad = [one for one in self.above if one.failed]
        followed = self.kind == "TriggerFailed" and bool(bad)
        return followed and all(one.whole is not None and one.whole.tolerated for one in bad)


def interpret(spec: FlowSpec) -> list[Outcome]:
    """Say how every task of a flow ends."""
    ended: list[Outcome] = []
    for node in spec.nodes:
        ended.append(_Node(spec, node, ended).run())
    return ended


_WHY = {
    "TriggerFailed": TRIGGERFAIL(),
    "Skipped": SKIP("all of the upstream tasks were skipped"),
}


class _Node:
    def __init__(self, spec: FlowSpec, node: NodeSpec, ended: Sequence[Outcome]) -> None:
        self.spec = spec
        self.node = node
        self.ended = ended
        self.args: list[Arg] = [*node.inputs.values(), *node.after]

    def run(self) -> Outcome:
        if not self.node.mapped:
            above = [one for arg in self.args for one in self._above(arg)]
            return self._child(None, above, lambda arg: self._whole(arg))
        for arg in self.args:  # M8: skipped as a whole
            skipped = any(one.kind == "Skipped" for one in self._above(arg))
            if self.node.skips and skipped and not self._along(arg):
                return Outcome("Skipped")
        numbers = [n for arg in self.args for n in arg.nodes]
        idle = bool(numbers) and all(self.ended[n].kind == "Skipped" for n in numbers)
        given = any(arg.kind == "param" for arg in self.args)
        if idle and not given and self.node.trigger == "not_all_skipped":
            return Outcome("Skipped")
        for arg in self.args:
            if arg.mapped and any(self.ended[n].failed for n in arg.nodes):  # M8
                return Outcome("Failed", MapError())
        try:
            cut = {id(arg): self._elements(arg) for arg in self.args if arg.mapped}
        except MapError as error:  # M3
            return Outcome("Failed", error)
        width = min(len(elements) for elements in cut.values())  # M2
        children: list[Outcome] = []
        whole = Outcome("Mapped", children=children, tolerate=self.node.tolerate)
        for index in range(width):
            above, linked = [], []
            for arg in self.args:
                own = cut[id(arg)][index][1] if arg.mapped else None
                above += [own] if own is not None else self._above(arg)
                linked += [] if own is None else [own]

            def element(arg: Arg, index: int = index) -> Any:
                return cut[id(arg)][index][0] if arg.mapped else self._whole(arg)

            children.append(self._child(index, above, element))
            children[-1].above, children[-1].whole = linked, whole
        return whole

    def _along(self, arg: Arg) -> bool:
        """M5: child i depends on child i of a mapped one alone."""
        return arg.mapped and arg.kind == "node" and self.ended[arg.value].children is not None

    def _above(self, arg: Arg) -> list[Outcome]:
        found = [one for n in arg.nodes for one in self.ended[n].counted()]
        if arg.kind == "param":
            found.append(Outcome("Success"))
        return found

    def _value(self, arg: Arg) -> Any:
        if arg.kind == "group":
            return [self._value(one) for one in arg.value]
        if arg.kind == "node":
            return self.ended[arg.value].value
        return self.spec.parameters[arg.value] if arg.kind == "param" else arg.value

    def _whole(self, arg: Arg) -> Any:
        value = self._value(arg)
        return [piece for one in value for piece in _pieces(one)] if arg.flat else value

    def _elements(self, arg: Arg) -> list[tuple[Any, Outcome | None]]:
        """List the elements, each with the child that made it, if one did."""
        if self._along(arg):
            children = self.ended[arg.value].children or []
            if not arg.flat:
                return [(child.result, child) for child in children]
            return [
                (piece, one)
                for one in children
                for piece in (_pieces(one.result) if one.kind == "Success" else [one.result])
            ]
        value = self._value(arg)
        skipped = arg.kind == "node" and self.ended[arg.value].kind == "Skipped"
        if skipped or not isinstance(value, (list, tuple, str)):
            raise MapError(value)
        return [(one, None) for one in (self._whole(arg) if arg.flat else value)]

    def _child(
        self, index: int | None, above: list[Outcome], value: Callable[[Arg], Any]
    ) -> Outcome:
        name = self.node.name if index is None else f"{self.node.name}[{index}]"
        if self.node.skips and any(one.kind == "Skipped" for one in above):
            return Outcome("Skipped", seen=["Skipped"])
        met = self._trigger(above)
        if met is not None:
            return Outcome(met, _WHY[met], seen=[met])
        inputs = {key: value(arg) for key, arg in self.node.inputs.items()}
        return _Loop(self.node, name, index, (inputs.get("a"), inputs.get("b"))).run()

    def _trigger(self, above: list[Outcome]) -> str | None:
        failed = [one.failed for one in above]
        skipped = [one.kind == "Skipped" for one in above]
        trigger = self.node.trigger
        if trigger == "own_no":
            return "TriggerFailed"
        if not self._has_upstream():
            return None
        if trigger == "not_all_skipped" and all(skipped):  # M13: of none, all
            return "Skipped"
        met = {
            "all_successful": not any(failed),
            "all_failed": all(failed),
            "any_successful": not all(failed),
            "any_failed": any(failed),
            "not_all_skipped": not any(failed),
        }
        return None if met.get(trigger, True) else "TriggerFailed"

    def _has_upstream(self) -> bool:
        return any(arg.nodes or arg.kind == "param" for arg in self.args)


class _Loop:
    def __init__(
        self, node: NodeSpec, name: str, index: int | None, inputs: tuple[Any, Any]
    ) -> None:
        self.node = node
        self.name = name
        self.index = index
        self.inputs = inputs
        self.seen: list[str] = []

    def run(self) -> Outcome:
        iteration, payload = 1, ABSENT
        while True:
            kind, result = self._iteration(iteration, payload)
            if kind != "Looped":
                return Outcome(kind, result, iteration, payload, seen=self.seen)
            payload = result
            if self.node.max_loops is not None and iteration >= self.node.max_loops:  # L15
                if self.node.returns:
                    self.seen[-1] = "Success"
                    return Outcome("Success", payload, iteration, seen=self.seen)
                self.seen.append("Failed")
                return Outcome("Failed", LoopLimit(), None, payload, seen=self.seen)
            iteration += 1

    def _iteration(self, iteration: int, payload: Any) -> tuple[str, Any]:
        run_count, failures = 1, 0
        while True:
            kind, result = self._attempt(iteration, payload, run_count)
            if kind in ("Failed", "TimedOut") and not isinstance(result, Other):
                failures += 1
                if failures <= self.node.max_retries:  # R1, R7
                    kind = "Retrying"
                    self.seen.append(kind)
            if kind not in ("Retrying", "Paused"):
                return kind, result
            run_count += 1

    def _attempt(self, iteration: int, payload: Any, run_count: int) -> tuple[str, Any]:
        self.seen.append("Running")
        kind, result = self._called(iteration, payload, run_count)
        self.seen.append(kind)
        return kind, result

    def _called(self, iteration: int, payload: Any, run_count: int) -> tuple[str, Any]:
        if self.node.kills(self.index, iteration, run_count):
            return "Crashed", WorkerLost()
        script = self.node.script
        inputs, payload = copy.deepcopy((self.inputs, payload))  # R5
        try:
            return "Success", play(script, self.name, inputs, iteration, payload, run_count)
        except LOOP as signal:
            return "Looped", signal.result
        except RETRY:
            return "Retrying", None  # R6
        except PAUSE:
            return "Paused", None  # and somebody approves
        except SKIP as signal:
            return "Skipped", signal if signal.result is None else signal.result
        except SUCCESS as signal:
            return "Success", signal.result
        except TaskTimeout as error:
            return "TimedOut", error
        except (Trouble, Other, FAIL) as error:
            return "Failed", error


def _pieces(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else [value]
