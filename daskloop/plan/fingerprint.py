"""By what a flow and its parameters are known again: digests of sources, inputs and values.

A recorded run goes on only with what it was begun with. Told apart is what a task computes: its
function, without comments, layout and decorators (retries and limits may change), its constants,
and which result goes where.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import inspect
import json
import linecache
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence, Set
from contextvars import ContextVar
from dataclasses import replace
from types import CodeType
from typing import Any
from weakref import WeakKeyDictionary

from daskloop.define.options import OPTIONS
from daskloop.define.task import Task
from daskloop.errors import PayloadError
from daskloop.plan.plan import Body, Constant, Emitted, Handed, Input, Node, Plan, Ref, Source
from daskloop.record.entries import Mark, Wire
from daskloop.record.pickler import is_rebuilt
from daskloop.record.pickling import freeze, join
from daskloop.record.plain import written

__all__ = ["digest_of_value", "look_at", "marks", "what_changed"]

_STEADY = ("collections", "datetime", "decimal", "fractions", "numpy", "pandas", "pathlib", "uuid")
"""Packages whose objects are pickled to the same bytes in every process."""

_SIMPLE = frozenset([int, float, str, bool, type(None)])


def marks(plan: Plan) -> tuple[Mark, ...]:
    """Describe every task of a flow but its parameters."""
    slugs = [node.slug for node in plan.nodes]
    return tuple(
        Mark(
            node.slug,
            node.name,
            _source_in(node),
            _call_of(node, slugs),
            node.mapped,
            tuple(Wire(slugs[number], edge.key, edge.mapped) for edge, number in node.edges),
        )
        for node in plan.nodes
        if node.parameter is None
    )


def _source_in(node: Node) -> str:
    """Tell a task's function by its source; a loop flow's by all that is in its body."""
    own = _source_of(node.task)
    return own if node.body is None else _digest(own.encode() + _body(node.body))


def _body(body: Body) -> bytes:
    slugs = [node.slug for node in body.plan.nodes]
    bare = [replace(one, wires=()) for one in marks(body.plan)]  # the calls tell them already
    parts = [repr(one).encode("utf-8", "backslashreplace") for one in bare]
    parts += [key.encode() + _source(one, slugs) for key, one in body.closing.items()]
    parts += [key.encode() + _canonical(one, _only_kind) for key, one in body.defaults.items()]
    return b"\3".join(parts)


def what_changed(before: Sequence[Mark], now: Sequence[Mark]) -> list[str]:
    """Say in words how a flow differs from what it was; nothing if it does not."""
    old = {mark.slug: mark for mark in before}
    new = {mark.slug: mark for mark in now}
    found = [f"task '{slug}' is gone" for slug in old if slug not in new]
    found += [f"task '{slug}' is new" for slug in new if slug not in old]
    for slug in old.keys() & new.keys():
        if old[slug].source != new[slug].source:
            found.append(f"the function of task '{slug}' has changed")
        if (old[slug].call, old[slug].mapped) != (new[slug].call, new[slug].mapped):
            found.append(f"the inputs of task '{slug}' have changed")
    return sorted(found)


def digest_of_value(value: Any) -> str:
    """Tell values apart: equal ones have equal digests, as far as their bytes are the same."""
    return _digest(_canonical(value, _reduced))


_classes: WeakKeyDictionary[type, bytes] = WeakKeyDictionary()


def look_at(task: Task) -> None:
    """Take note of the source of a task's class, while it can be found.

    Where a class travels by value, opening it in the process that has it puts functions in it
    that are not read by their source any more.
    """
    if "run" not in vars(task) and type(task) not in _classes:
        _classes[type(task)] = _function(task.run)


def _source_of(task: Task) -> str:
    look_at(task)
    parts = [_function(task.run) if "run" in vars(task) else _classes[type(task)]]
    own = {
        key: value
        for key, value in vars(task).items()
        if key not in (*OPTIONS, "retry", "limits", "placement", "hooks", "run")
        and not key.startswith("_")
        and "run" not in vars(task)
    }
    parts += [key.encode() + _canonical(own[key], _only_kind) for key in sorted(own)]
    return _digest(b"\0".join(parts))


def _function(function: Callable[..., Any]) -> bytes:
    function = inspect.unwrap(getattr(function, "__func__", function))
    bound: list[Any] = []
    while isinstance(function, functools.partial):
        bound += [list(function.args), function.keywords]
        function = function.func
    held = [_canonical(value, _only_kind) for value in (*bound, *_closure(function))]
    code = getattr(function, "__code__", None)
    try:
        if is_rebuilt(code):  # from a record, perhaps: what the file says now may be another one
            raise OSError
        if code is not None:
            # Of a relative name inspect knows no source until something else, such as a traceback,
            # has looked for it along `sys.path`: the answer must not depend on that.
            linecache.getlines(code.co_filename, function.__globals__)
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                node.decorator_list = []
        text = ast.dump(tree).encode("utf-8", "surrogatepass")
    except (OSError, TypeError, SyntaxError):  # typed in, built in, or a part of a line
        text = _code(code, function)
    return b"\0".join([text, *held])


def _closure(function: Any) -> list[Any]:
    cells = getattr(function, "__closure__", None) or ()
    defaults = getattr(function, "__defaults__", None) or ()
    found = list(defaults)
    for cell in cells:
        try:
            found.append(cell.cell_contents)
        except ValueError:  # a variable without a value yet
            found.append(None)
    return found


def _code(code: CodeType | None, function: Any) -> bytes:
    if code is None:
        return repr((type(function), getattr(function, "__qualname__", ""))).encode()
    inner = b"".join(
        _code(one, None) if isinstance(one, CodeType) else repr(one).encode()
        for one in code.co_consts
    )
    version = f"{sys.version_info[:2]}".encode()
    return b"\0".join([version, code.co_code, repr(code.co_names).encode(), inner])


def _call_of(node: Node, slugs: Sequence[str]) -> str:
    return _digest(b"\1".join(_input(one, slugs) for one in node.inputs))


def _input(one: Input, slugs: Sequence[str]) -> bytes:
    head = repr((one.name, one.mapped, one.flattened)).encode()
    return head + _source(one.source, slugs)


def _source(source: Source, slugs: Sequence[str]) -> bytes:
    if isinstance(source, Ref):
        return b"result of " + slugs[source.node].encode()
    if isinstance(source, Emitted):
        return b"items of " + slugs[source.node].encode()
    if isinstance(source, Constant):
        return b"constant " + _canonical(source.value, _only_kind)
    if isinstance(source, Handed):
        return b"argument " + source.name.encode()
    keys = _canonical(list(source.keys or ()), _only_kind)
    items = b"\2".join(_source(item, slugs) for item in source.items)
    return source.kind.encode() + keys + items


def _canonical(value: Any, other: Callable[[Any], bytes]) -> bytes:
    """Write a value in the same way in every process; `other` is asked for what has no such way."""
    text = written(value)
    if text is not None:
        return b"json " + text
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}".encode()
    if isinstance(value, int):  # as text it may have too many digits for Python
        return name + hex(value).encode()
    if isinstance(value, (float, complex, str, bytes, bytearray, range)):
        return name + repr(value).encode("utf-8", "backslashreplace")
    outside = _around.get()
    if id(value) in outside:  # a list that holds itself, a function that calls itself
        return name + b"again %d" % outside.index(id(value))
    token = _around.set((*outside, id(value)))
    try:
        return name + _contents(value, other)
    finally:
        _around.reset(token)


_around: ContextVar[tuple[int, ...]] = ContextVar("daskloop-fingerprint", default=())
"""The containers and functions that are being written, from the outside in."""


def _contents(value: Any, other: Callable[[Any], bytes]) -> bytes:
    if isinstance(value, Mapping):
        pairs = [_canonical(k, other) + b":" + _canonical(v, other) for k, v in value.items()]
        return b"{" + b",".join(pairs) + b"}"
    if isinstance(value, Set):
        return b"{" + b",".join(sorted(_canonical(one, other) for one in value)) + b"}"
    if isinstance(value, (list, tuple)):
        if set(map(type, value)) <= _SIMPLE:  # many numbers, say: written at once
            with contextlib.suppress(ValueError):  # as text one has too many digits for Python
                return json.dumps(value).encode()
        return b"[" + b",".join(_canonical(one, other) for one in value) + b"]"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}".encode()
    if inspect.isroutine(value):
        return _digest(_function(value)).encode()
    if type(value).__module__.partition(".")[0] in _STEADY:
        return _pickled(value)
    return other(value)


def _reduced(value: Any) -> bytes:
    """Write an object as what pickle would make it of: a class by its name, its state in order."""
    try:
        parts = value.__reduce_ex__(4)
    # A method of the user's, which may raise anything; what cannot be pickled is told elsewhere.
    except Exception:
        return b"cannot be pickled"
    if isinstance(parts, str):
        return parts.encode()
    # The callable, its arguments, the state; then iterators over elements and over pairs.
    listed = [*parts[:3], *(list(part or ()) for part in parts[3:5])]
    return b"|".join(_canonical(part, _reduced) for part in listed)


def _pickled(value: Any) -> bytes:
    try:
        return join(freeze(value, "a value", files=False))
    except PayloadError:  # told where it is used
        return b"cannot be pickled"


def _only_kind(value: Any) -> bytes:
    """Say nothing more: the bytes of such a constant may differ from process to process."""
    return b""


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
