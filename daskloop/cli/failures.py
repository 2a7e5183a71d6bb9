"""What is said of tasks that failed: where, why, from what payload, and how to go on."""

from __future__ import annotations

import os
import re
import site
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from daskloop.cli.journals import Shelf
from daskloop.cli.wording import line
from daskloop.define.expression import Output
from daskloop.define.loop_flow import LoopFlow
from daskloop.define.parameter import Parameter
from daskloop.define.task import Task
from daskloop.flow.flow import Flow
from daskloop.keys import full_name
from daskloop.record.entries import Past
from daskloop.record.pickling import preview
from daskloop.record.sealed import HeldError
from daskloop.record.story import Story, stories
from daskloop.states import State

__all__ = ["failure_lines"]

_SHOWN = 5  # failures that are told in full
_SIBLINGS = 6  # children that are listed by their numbers
_FRAME = re.compile(r'  File "(?P<file>.+)", line (?P<line>\d+), in (?P<name>.+)')

Results = Mapping[Task, State]


@dataclass(frozen=True, slots=True)
class _Failure:
    """One task or child that failed on its own account."""

    task: Task
    slug: str
    index: int | None
    state: State
    siblings: Sequence[State]
    """The states of all children of the map, if it is one."""
    label: str | None = None
    """Its own name among them, if it has one."""
    is_map: bool = False
    """True of a map as a whole, which has no iterations, and no call to look at."""

    @property
    def name(self) -> str:
        return full_name(self.task.name, self.index if self.label is None else self.label)


def failure_lines(
    flow: Flow, results: Results, run: str, shelf: Shelf | None, past: Past | None
) -> list[str]:
    """Write what is to be said of every failure.

    Parameters
    ----------
    flow : Flow
        The flow.
    results : mapping
        The states of all tasks.
    run : str
        Name of the run.
    shelf : Shelf or None
        Where the run is recorded, if it is.
    past : Past or None
        What is recorded of it.
    """
    failures = list(_failures(flow, results))
    told: dict[tuple[str, int | None], Story] = {}
    for chapter in () if past is None else stories(past):
        told.update({(chapter.mark.slug, story.child): story for story in chapter.children})
    lines: list[str] = []
    for one in failures[:_SHOWN]:
        lines += _lines_of(one, flow, results, told.get((one.slug, one.index)))
    if len(failures) > _SHOWN:
        lines.append(f"✖ {len(failures) - _SHOWN} more failed")
    if failures and shelf is not None:
        lines += _what_next(failures, told, run, shelf)
    return lines


def _failures(flow: Flow, results: Results) -> Iterator[_Failure]:
    for task, state in results.items():
        slug = flow.slugs[task]
        children: Sequence[State] = state.map_states if state.is_mapped() else ()  # type: ignore[attr-defined]
        names: Sequence[str] = state.map_names if children else ()  # type: ignore[attr-defined]
        for index, child in enumerate(children):
            if _is_own(child):
                yield _Failure(task, slug, index, child, children, names[index] if names else None)
        if _is_own(state):
            is_map = any(argument.mapped for argument in flow.call_of(task).arguments)
            yield _Failure(task, slug, None, state, (), is_map=is_map)


def _is_own(state: State) -> bool:
    return state.is_failed() and not state.is_trigger_failed()


def _lines_of(one: _Failure, flow: Flow, results: Results, story: Story | None) -> list[str]:
    iteration = _iteration(one, story)
    label = _label(one, flow, results)
    head = f"✖ {one.name}{f' ({label})' if label else ''} failed"
    if iteration:
        head += f" at iteration {iteration}"
    if story is not None and story.last is not None and story.last.attempted:
        head += f", try {story.last.run_count} of {one.task.max_retries + 1}"
    what, where = _what_and_where(one.state)
    lines = [head, f"  {what}{f'          {where}' if where else ''}"]
    begun_with = None if story is None else story.payload_before(iteration)
    if begun_with is not None and begun_with.value is not None:
        payload = line(begun_with.value.preview, 300)
        lines.append(f"  payload when iteration {iteration} began: {payload}")
    if story is not None:
        lines += [f"  {text}" for text in (_safe(iteration, one.siblings),) if text]
    return lines


def _iteration(one: _Failure, story: Story | None) -> int:
    if one.is_map:
        return 0
    return one.state.loop_count or (story.iteration if story is not None else 0)


def _label(one: _Failure, flow: Flow, results: Results) -> str:
    """Name a child by the elements that it took from parameters, secret ones apart."""
    found = []
    for argument in flow.call_of(one.task).arguments if one.index is not None else ():
        source = argument.expression
        if not argument.mapped or argument.flattened or not isinstance(source, Output):
            continue
        if isinstance(source.task, Parameter) and not source.task.secret:
            values = results[source.task].result
            try:
                found.append(f"{argument.name}={line(preview(values[one.index]), 40)}")
            # Indexing may run code of the user's; a label is not worth a failure.
            except Exception:
                continue
    return ", ".join(found)


def _what_and_where(state: State) -> tuple[str, str]:
    held = state.unopened_result
    if isinstance(held, HeldError):
        name = held.class_name.removeprefix("builtins.")
        # A class of the flow's own file reads as in the file.
        name = re.sub(r"^daskloop_file_\w+\.", "", name)
        return f"{name}: {line(held.text, 500)}", _place(held.traceback)
    if isinstance(held, BaseException):
        return f"{type(held).__name__}: {line(str(held), 500)}", ""
    return line(state.message or type(state).__name__, 500), ""


def _place(traceback: str) -> str:
    """Find the last line of a traceback that is the user's own: no library's, and not ours."""
    frames = list(_FRAME.finditer(traceback))
    if not frames:
        return ""
    libraries = (
        *site.getsitepackages(),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        os.path.dirname(os.path.dirname(__file__)) + os.sep,
    )
    own = [frame for frame in frames if not frame["file"].startswith(libraries)]
    last = (own or frames)[-1]
    return f"{os.path.basename(last['file'])}:{last['line']} in {last['name']}"


def _safe(iteration: int, siblings: Sequence[State]) -> str:
    done = [index for index, state in enumerate(siblings) if state.is_successful()]
    parts = []
    if iteration > 2:
        parts.append(f"Iterations 1–{iteration - 1} are safe in the journal")  # noqa: RUF001
    elif iteration == 2:
        parts.append("Iteration 1 is safe in the journal")
    if 0 < len(done) <= _SIBLINGS:
        listed = " ".join(f"[{index}]" for index in done)
        parts.append(f"{listed} {'is' if len(done) == 1 else 'are'} done")
    elif done:
        parts.append(f"{len(done)} of {len(siblings)} children are done")
    return f"{'; '.join(parts)}." if parts else ""


def _what_next(
    failures: Sequence[_Failure],
    told: Mapping[tuple[str, int | None], Story],
    run: str,
    shelf: Shelf,
) -> list[str]:
    first = failures[0]
    iteration = _iteration(first, told.get((first.slug, first.index)))
    what = f"the {len(failures)} that failed, each from the iteration it failed at"
    if len(failures) == 1:
        child = "" if first.index is None else f"only [{first.index}], "
        what = f"{child}from iteration {iteration}" if iteration else "what failed"
    lines = [f"    continue:   {shelf.command('resume', run)}            {what}"]
    # Of a loop flow, and of a map as a whole, there is no single call to look at.
    called = [one for one in failures if not (one.is_map or isinstance(one.task, LoopFlow))]
    if called:
        lines.append(f"    look at it: {shelf.command('debug', run, _target(called[0], told))}")
    return lines


def _target(one: _Failure, told: Mapping[tuple[str, int | None], Story]) -> str:
    """Name a failed attempt as `debug` takes it."""
    iteration = _iteration(one, told.get((one.slug, one.index)))
    named = [task for task in told if told[task].mark.name == one.task.name]
    ambiguous = len({slug for slug, _ in named}) > 1
    which = one.index if one.label is None else one.label
    name = full_name(one.slug if ambiguous else one.task.name, which)
    return f"{name}@{iteration}" if iteration else name
