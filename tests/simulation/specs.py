"""Random flows as plain data, and the daskloop flow that each stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from daskloop import triggers
from daskloop.contexts import context
from daskloop.define.annotations import flatten, unmapped
from daskloop.define.graph import TaskGraph
from daskloop.define.parameter import Parameter
from daskloop.errors import TaskTimeout
from daskloop.plan.compile import compile_plan
from tests.simulation.scripted import Script, Scripted, Trouble

__all__ = ["TRIGGERS", "Arg", "FlowSpec", "NodeSpec", "build", "random_spec"]

TRIGGERS: Mapping[str, Any] = {
    "all_successful": triggers.all_successful,
    "all_failed": triggers.all_failed,
    "any_successful": triggers.any_successful,
    "any_failed": triggers.any_failed,
    "all_finished": triggers.all_finished,
    "not_all_skipped": triggers.not_all_skipped,
    "own_yes": lambda upstream: True,
    "own_no": lambda upstream: False,
}


@dataclass(frozen=True)
class Arg:
    """One input of a task."""

    kind: str
    """const, param, node or group (a list of nodes and constants)."""
    value: Any
    """The constant, the name of the parameter, the number of the node, or several Args."""
    mapped: bool = False
    flat: bool = False

    @property
    def nodes(self) -> list[int]:
        """Numbers of the nodes whose results it takes."""
        if self.kind == "group":
            return [number for one in self.value for number in one.nodes]
        return [self.value] if self.kind == "node" else []


@dataclass(frozen=True)
class NodeSpec:
    """One task."""

    name: str
    script: Script
    inputs: Mapping[str, Arg]
    after: tuple[Arg, ...] = ()
    """Nodes that it waits for without their data."""
    trigger: str = "all_successful"
    skips: bool = True
    """Whether it is skipped if something above it was."""
    max_retries: int = 0
    delay: float = 0.0
    max_loops: int | None = None
    returns: bool = False
    """Whether a loop at its limit ends with its last payload."""
    tolerate: int | float = 0
    """Children that may fail, if it is mapped."""
    max_losses: int = 3
    once: bool = False
    poison: tuple[int, int] | None = None
    """The iteration and attempt that kills every worker which executes it."""
    victim: int | None = None
    """The child of a map that alone is poisoned; None for all of them."""
    handlers: bool = False
    batch: int | str | None = None
    """Attempts in one future; None for what the run says."""
    throttle: Mapping[str, Any] = field(default_factory=dict)
    """What holds its children back."""

    def kills(self, index: int | None, iteration: int, run_count: int) -> bool:
        """Tell whether an attempt kills every worker which executes it."""
        meant = self.victim is None or index is None or index == self.victim
        return meant and self.poison == (iteration, run_count)

    @property
    def mapped(self) -> bool:
        """True if it is run once for each element."""
        return any(arg.mapped for arg in (*self.inputs.values(), *self.after))


@dataclass(frozen=True)
class FlowSpec:
    """A flow, the values of its parameters, and the window that it runs in."""

    nodes: tuple[NodeSpec, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    batch: int | str = 1
    """Attempts in one future, for tasks that do not say it themselves."""


def random_spec(draw: Random) -> FlowSpec:
    """Make up a flow; one in three begins with a map that is wide enough to be packed."""
    wide = draw.random() < 0.33
    width = draw.randint(8, 40) if wide else draw.randrange(5)
    parameters = {
        "numbers": [draw.randrange(9) for _ in range(width)],
        "nested": [[1, 2], [], 3, (4,)][: draw.randrange(5)],
        "number": 7,
    }
    nodes: list[NodeSpec] = []
    for number in range(draw.randint(1, 3 if wide else 7)):
        nodes.append(_node(draw, number, nodes))
    if wide:
        # Packs of one kind alone: after the first loop, a fixed batch is for iterations.
        loops = draw.choice((1, 1, 2, 6))
        script = replace(nodes[0].script, loops=loops, fails=draw.choice((0.0, 0.0, 0.2)))
        whole = {"a": Arg("param", "numbers", mapped=True)}
        nodes[0] = replace(nodes[0], inputs=whole, script=script, trigger="all_successful")
    batch = draw.choice((1, "auto", "auto", 2, 3, 16))
    return _possible(FlowSpec(tuple(nodes), parameters, batch))


def _node(draw: Random, number: int, above: list[NodeSpec]) -> NodeSpec:
    maps = draw.random() < 0.55
    inputs = {}
    for name in ("a", "b")[: draw.choice((1, 1, 2))]:
        inputs[name] = _arg(draw, above, maps and (name == "a" or draw.random() < 0.5))
    after: tuple[Arg, ...] = ()
    if above and draw.random() < 0.15:
        target = draw.randrange(len(above))
        along = maps and above[target].mapped and draw.random() < 0.7
        after = (Arg("node", target, mapped=along),)
    # What cannot be flattened fails a task in words that no rule gives: no failed ones, then.
    flattens = any(arg.flat and not arg.mapped for arg in inputs.values())
    retries = draw.choice((0, 0, 1, 3))
    limit = draw.choice((None, None, None, 3))
    poisoned = draw.random() < 0.12
    usual = flattens or draw.random() < 0.7
    return NodeSpec(
        name=f"t{number}",
        script=_script(draw),
        inputs=inputs,
        after=after,
        trigger="all_successful" if usual else draw.choice(list(TRIGGERS)),
        skips=flattens or draw.random() < 0.8,
        max_retries=retries,
        delay=draw.choice((0.0, 0.5, 3.0)) if retries else 0.0,
        max_loops=limit,
        returns=limit is not None and draw.random() < 0.5,
        tolerate=draw.choice((0, 0, 1, 3, 0.5, 1.0)) if maps else 0,
        max_losses=draw.choice((0, 1, 3)),
        once=draw.random() < 0.1,
        poison=(draw.choice((1, 2)), draw.choice((1, 1, 2))) if poisoned else None,
        victim=draw.choice((None, 0, 1, 2)),
        handlers=draw.random() < 0.3,
        batch=draw.choice((1, "auto", 3)) if draw.random() < 0.2 else None,
        throttle=_throttle(draw) if draw.random() < 0.3 else {},
    )


def _throttle(draw: Random) -> Mapping[str, Any]:
    choices = {
        "max_running": (1, 2, 5),
        "rate": (0.5, 4, 1000),
        "max_branches": (1, 2, 5),
        "priority": (-1, 1),
    }
    return {name: draw.choice(some) for name, some in choices.items() if draw.random() < 0.5}


def _possible(spec: FlowSpec) -> FlowSpec:
    """Leave out limits on branches where a flow cannot keep them."""
    try:
        compile_plan(build(spec, lambda name, state: None))
    except ValueError:
        nodes = [
            replace(node, throttle={k: v for k, v in node.throttle.items() if k != "max_branches"})
            for node in spec.nodes
        ]
        return replace(spec, nodes=tuple(nodes))
    return spec


def _script(draw: Random) -> Script:
    calm = draw.random() < 0.4
    return Script(
        seed=draw.randrange(10**6),
        loops=draw.choice((1, 1, 2, 6)),
        fails=0.0 if calm else draw.choice((0.0, 0.2, 0.5)),
        refuses=0.0 if calm else draw.choice((0.0, 0.0, 0.1)),
        retries=0.0 if calm else draw.choice((0.0, 0.0, 0.3)),
        signals=draw.choice((0.0, 0.0, 0.2, 0.5)),
        shape=draw.choice(("number", "list", "list", "nested", "text", "tuple")),
        payload=draw.choice(("dict", "dict", "dict", "none", "zero", "false", "empty", "bare")),
        bulk=draw.choice((0, 0, 300)),
    )


def _arg(draw: Random, above: list[NodeSpec], mapped: bool) -> Arg:
    choice = draw.random()
    flat = draw.random() < 0.15
    if above and choice < 0.7:
        return _of_node(draw, above, mapped, flat)
    if above and choice < 0.8:
        several = [Arg("node", draw.randrange(len(above))), Arg("const", draw.randrange(5))]
        return Arg("group", tuple(several[: draw.randint(1, 2)]), mapped)
    if choice < 0.9:
        name = draw.choice(("numbers", "nested", "number") if mapped else ("numbers", "number"))
        return Arg("param", name, mapped, flat and mapped and name == "nested")
    if mapped:
        return Arg("const", [draw.randrange(9) for _ in range(draw.randrange(5))], True)
    return Arg("const", draw.choice((0, None, "text", [1, [2]])))


def _of_node(draw: Random, above: list[NodeSpec], mapped: bool, flat: bool) -> Arg:
    # The later ones more often, so that chains grow long.
    number = max(draw.randrange(len(above)), draw.randrange(len(above)))
    return Arg("node", number, mapped, flat and (mapped or above[number].mapped))


def build(spec: FlowSpec, seen: Callable[[str, str], None]) -> TaskGraph:
    """Write the flow as a user would.

    Parameters
    ----------
    spec : FlowSpec
        What to write.
    seen : callable
        Takes the full name of a child and the name of each state that its handler sees.
    """

    def handler(task: Any, old: Any, new: Any) -> None:
        seen(context.task_full_name, type(new).__name__)

    graph = TaskGraph("simulated")
    parameters = {name: Parameter(name) for name in spec.parameters}
    for parameter in parameters.values():
        graph.add_task(parameter)
    tasks: list[Scripted] = []
    for node in spec.nodes:
        options = (
            {"max_retries": node.max_retries, "retry_on": (Trouble, TaskTimeout)}
            if node.max_retries
            else {}
        )
        if node.delay:
            options["retry_delay"] = node.delay
        task = Scripted(
            node.script,
            name=node.name,
            trigger=TRIGGERS[node.trigger],
            skip_on_upstream_skip=node.skips,
            max_loops=node.max_loops,
            on_limit="return" if node.returns else "fail",
            tolerate=node.tolerate if node.mapped else None,
            max_worker_losses=node.max_losses,
            at_most_once=node.once,
            state_handlers=[handler] if node.handlers else None,
            batch=node.batch,
            **node.throttle,
            **options,
        )
        inputs = {name: _written(arg, tasks, parameters) for name, arg in node.inputs.items()}
        after = [_written(arg, tasks, parameters) for arg in node.after]
        task.bind(flow=graph, mapped=node.mapped, upstream_tasks=after or None, **inputs)
        tasks.append(task)
    return graph


def _written(arg: Arg, tasks: list[Scripted], parameters: Mapping[str, Parameter]) -> Any:
    if arg.kind == "group":
        value: Any = [_inner(one, tasks, parameters) for one in arg.value]
    else:
        value = _inner(arg, tasks, parameters)
    if arg.flat:
        value = flatten(value)
    return value if arg.mapped else unmapped(value)


def _inner(arg: Arg, tasks: list[Scripted], parameters: Mapping[str, Parameter]) -> Any:
    if arg.kind == "node":
        return tasks[arg.value]
    return parameters[arg.value] if arg.kind == "param" else arg.value
