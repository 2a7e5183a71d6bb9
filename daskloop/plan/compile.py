"""Turn the tasks and calls of a flow into a plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from daskloop.define.call import Argument
from daskloop.define.expression import Collection, Expression, Output, Stream
from daskloop.define.graph import TaskGraph
from daskloop.define.loop_flow import Given, LoopFlow
from daskloop.define.parameter import Parameter
from daskloop.define.task import Task
from daskloop.plan.branches import check_branches
from daskloop.plan.fingerprint import look_at
from daskloop.plan.folding import folding
from daskloop.plan.kept_paths import checked_paths
from daskloop.plan.plan import (
    Body,
    Constant,
    Cut,
    Emitted,
    Group,
    Handed,
    Input,
    Node,
    Plan,
    Ref,
    Source,
    refs_in,
)

__all__ = ["compile_plan"]


def compile_plan(graph: TaskGraph) -> Plan:
    """Compile a flow.

    Parameters
    ----------
    graph : TaskGraph
        The flow; it is not changed.

    Raises
    ------
    ValueError
        If the tasks form a cycle, or one lacks an input.
    """
    return _compiled(graph, {}, "")[0]


def _compiled(
    graph: TaskGraph, closing: Mapping[str, Expression], within: str
) -> tuple[Plan, Mapping[str, Source]]:
    """Compile a flow, or the body of a loop flow, with what ends an iteration of it."""
    graph.validate()
    order = [task for task in graph.sorted_tasks() if not isinstance(task, Given)]
    numbers = {task: number for number, task in enumerate(order)}
    for task in order:
        look_at(task)
    calls = [graph.call_of(task) for task in order]
    upstream = [tuple(numbers[t] for t in call.upstream_tasks if t in numbers) for call in calls]
    downstream: defaultdict[int, list[int]] = defaultdict(list)
    for number, above in enumerate(upstream):
        for one in above:
            downstream[one].append(number)
    edges = defaultdict(list)
    for edge in (one for one in graph.edges() if one.upstream_task in numbers):
        edges[numbers[edge.downstream_task]].append((edge, numbers[edge.upstream_task]))
    mapped = [call.is_mapped for call in calls]
    inputs = [tuple(_input(a, numbers) for a in call.arguments) for call in calls]
    cuts = _cuts(inputs, mapped)
    told = tuple(numbers[t] for t in graph.reference_tasks() if t in numbers)
    ends = {name: _source(one, numbers) for name, one in closing.items()}
    taken = frozenset(number for source in ends.values() for number in refs_in(source))
    folds = folding(order, inputs, mapped, downstream, frozenset(told) - taken, taken)
    folds -= set().union(*cuts.values())
    nodes = tuple(
        Node(
            number=number,
            slug=graph.slugs[task],
            name=task.name,
            task=task,
            parameter=task.name if isinstance(task, Parameter) else None,
            inputs=inputs[number],
            mapped=mapped[number],
            strict=calls[number].strict,
            upstream=upstream[number],
            downstream=tuple(downstream[number]),
            edges=tuple(sorted(edges[number], key=lambda pair: (pair[1], pair[0].key or ""))),
            cuts=tuple(cut for cut in Cut if number in cuts[cut]),
            folds=number in folds,
            names=calls[number].names,
            body=_body(task, f"{within}{graph.slugs[task]}/"),
            path=f"{within}{graph.slugs[task]}",
        )
        for number, task in enumerate(order)
    )
    check_branches(nodes)
    reference = tuple(dict.fromkeys((*told, *taken)))
    return checked_paths(Plan(graph.name, nodes, reference)), ends


def _body(task: Task, within: str) -> Body | None:
    if not isinstance(task, LoopFlow):
        return None
    plan, closing = _compiled(task.body, task.body.closing, within)
    return Body(plan, closing, task.body.fields, task.body.defaults)


def _input(argument: Argument, numbers: Mapping[Task, int]) -> Input:
    source = _source(argument.expression, numbers)
    return Input(argument.name, source, argument.mapped, argument.flattened)


def _source(expression: Expression, numbers: Mapping[Task, int]) -> Source:
    if isinstance(expression, Output):
        if isinstance(expression.task, Given):
            return Handed(expression.task.name)
        return Ref(numbers[expression.task])
    if isinstance(expression, Stream):
        return Emitted(numbers[expression.task])
    if isinstance(expression, Collection):
        items = tuple(_source(item, numbers) for item in expression.items)
        return Group(expression.kind, expression.keys, items)
    return Constant(expression.value)


def _cuts(inputs: list[tuple[Input, ...]], mapped: list[bool]) -> Mapping[Cut, set[int]]:
    """Find the nodes whose results must come back cut, and how."""
    cuts: dict[Cut, set[int]] = {cut: set() for cut in Cut}
    for one in (each for several in inputs for each in several if each.mapped):
        match one.source:
            case Ref(number) if mapped[number]:
                if one.flattened:
                    cuts[Cut.LOOSE].add(number)
            case Ref(number):
                cuts[Cut.FLATTENED if one.flattened else Cut.ELEMENTS].add(number)
            case Group(_, _, items) if one.flattened:
                # A mapped task among the items brings its children as they are.
                cuts[Cut.LOOSE].update(
                    item.node for item in items if isinstance(item, Ref) and not mapped[item.node]
                )
    return cuts
