"""Where the tasks of a flow write their results by name, and whether two of them are one.

What is known before the run is put into the templates; what is not stays open. Equal texts with
nothing open but what all tasks have alike are found here, the rest while the flow runs.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daskloop.define.parameter import Parameter
from daskloop.errors import ResultError
from daskloop.plan.plan import Constant, Input, Node, Plan, Ref
from daskloop.results import files
from daskloop.results.file_result import FileResult
from daskloop.results.template import Template

__all__ = ["Claiming", "KeptPath", "checked_paths", "claiming", "defaults", "kept_path"]

_OF_THE_CHILD = ("map_index", "task_full_name")
_OPEN = re.compile("\1(.*?)\1")


@dataclass(frozen=True, slots=True)
class KeptPath:
    """Where one task writes its result by name."""

    place: FileResult
    base: str
    """Absolute folder; empty if the template says itself where."""
    template: Template

    def filled(self, values: Mapping[str, Any]) -> str:
        """Return the path of one child."""
        name = self.template.render(values)
        return files.joined(self.base, name) if self.base else files.absolute(name)


@dataclass(frozen=True, slots=True)
class Claiming:
    """Whether children have to say which path is theirs."""

    wanted: bool
    """True if other children keep results by name too."""
    needed: bool
    """True if only what they are given tells their paths apart."""


def kept_path(node: Node) -> KeptPath | None:
    """Find where a task writes its result by name; relative paths are taken from here."""
    keeping = node.task.keeping
    if not keeping.writes:
        return None
    template = keeping.target or keeping.location
    if keeping.result is not None:
        base = files.absolute(keeping.result.url)
        return KeptPath(keeping.result, base, template or _default_name(node))
    assert template is not None
    base = "" if files.is_absolute(template.text) else files.absolute(".")
    return KeptPath(FileResult(base or "/"), base, template)


def _default_name(node: Node) -> Template:
    fields = ["run_id", "task_slug", *(["map_index"] if node.mapped else [])]
    return Template("/".join(f"{{{field}}}" for field in fields), frozenset(fields))


def checked_paths(plan: Plan) -> Plan:
    """Return a plan whose tasks write to paths of their own, as far as that is known.

    Raises
    ------
    ValueError
        If two tasks, or all children of one, would write to one path; if a template names a
        parameter that there is not, or a secret, or does not fit what is known.
    """
    found: dict[str, Node] = {}
    for node, path in _kept(plan):
        _check_parameters(plan, node, path.template)
        text = _known_part(plan, node, path)
        opened = _OPEN.findall(text)
        if node.mapped and not any(_tells_children_apart(node, name) for name in opened):
            raise ValueError(
                f"all children of '{node.name}' would keep their results at one path, "
                f"{path.template.text!r}: put {{map_index}} or a mapped input into it"
            )
        other = found.setdefault(text, node)
        if other is not node and not any(name.startswith("input ") for name in opened):
            raise ValueError(
                f"two targets at one path: '{other.slug}' and '{node.slug}' would both keep their "
                f"results as {path.template.text!r}; put {{task_slug}} into it, or rename one"
            )
    return plan


def claiming(plan: Plan, node: Node) -> Claiming:
    """Tell whether the children of a task have to claim their paths when the flow runs."""
    path = kept_path(node)
    alone = not node.mapped and sum(one.task.keeping.writes for one in plan.nodes) == 1
    if path is None or alone:
        return Claiming(False, False)
    return Claiming(True, "\1input " in _known_part(plan, node, path))


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Return what a function takes for the arguments that a call leaves out.

    Examples
    --------
    >>> defaults(lambda x, y=1: x)
    {'y': 1}
    """
    named = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in named if one.default is not one.empty}


def _kept(plan: Plan) -> list[tuple[Node, KeptPath]]:
    kept = [(node, kept_path(node)) for node in plan.nodes]
    return [(node, path) for node, path in kept if path is not None]


def _tells_children_apart(node: Node, name: str) -> bool:
    if name in _OF_THE_CHILD:
        return True
    return any(one.mapped and name.startswith(f"input {one.name}") for one in node.inputs)


def _check_parameters(plan: Plan, node: Node, template: Template) -> None:
    text = template.text
    parameters = {one.parameter: one for one in plan.nodes if one.parameter is not None}
    inputs = {one.name: one for one in node.inputs if one.name is not None}
    named = [] if "parameters" in inputs else template.items_of("parameters")
    for name in named:
        if name not in parameters:
            known = ", ".join(sorted(parameters)) or "none"
            raise ValueError(
                f"the template {text!r} of '{node.name}' names the parameter '{name}'; flow "
                f"'{plan.flow_name}' has {known}"
            )
    sources = [one.source for name, one in inputs.items() if name in template.fields]
    feeding = [plan.nodes[one.node] for one in sources if isinstance(one, Ref)]
    for one in [*feeding, *(parameters[name] for name in named)]:
        if isinstance(one.task, Parameter) and one.task.secret:
            raise ValueError(
                f"the template {text!r} of '{node.name}' would write the secret parameter "
                f"'{one.name}' into the name of a file. Name it by something else"
            )


def _known_part(plan: Plan, node: Node, path: KeptPath) -> str:
    """Fill in what is known before the run; the rest is marked as open."""
    template = path.template
    values: dict[str, Any] = {name: _Open(name) for name in template.fields}
    values.update(flow_name=plan.flow_name, task_name=node.name, task_slug=node.slug)
    if not node.mapped:
        values.update(map_index=None, task_full_name=node.name)
    values.update(defaults(node.task.run))
    values.update((one.name, _value(one)) for one in node.inputs if one.name is not None)
    try:
        return path.filled(values)
    except ResultError as error:
        raise ValueError(f"Task '{node.name}': {error}") from error


def _value(one: Input) -> Any:
    if isinstance(one.source, Constant) and not one.mapped:
        return one.source.value
    return _Open(f"input {one.name}")


class _Open:
    """Stands for a value that is not known yet, whatever is asked of it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __format__(self, spec: str) -> str:
        return f"\1{self._name}\1"

    def __str__(self) -> str:
        return format(self)

    __repr__ = __str__

    def __getitem__(self, key: object) -> _Open:
        return _Open(f"{self._name}[{key}]")

    def __getattr__(self, key: str) -> _Open:
        if key.startswith("_"):
            raise AttributeError(key)
        return _Open(f"{self._name}.{key}")
