"""What ``daskloop show RUN`` prints: header, tasks, failures, loops under way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from daskloop.cli.facts import next_command, run_facts
from daskloop.cli.journals import Shelf
from daskloop.cli.wording import age, line, local, plural, table, width
from daskloop.record.entries import Given, Past
from daskloop.record.pickling import as_json
from daskloop.record.story import Chapter, Story

__all__ = ["run_data", "run_lines"]

_SHOWN = 5  # failures and loops that have a line


def run_lines(past: Past, chapters: Sequence[Chapter], shelf: Shelf) -> list[str]:
    """Write a run for people.

    Parameters
    ----------
    past : Past
        What is recorded of it.
    chapters : sequence of Chapter
        The same, by task and child.
    shelf : Shelf
        Where it is recorded.
    """
    lines = [
        *_header(past),
        *_parameters(past.summary.header.parameters),
        *_tasks(chapters),
        *_failures(chapters),
        *_under_way(chapters),
    ]
    command = next_command(past.summary, shelf)
    return [*lines, "", f"continue: {command}"] if command else lines


def _header(past: Past) -> Iterator[str]:
    summary, header = past.summary, past.summary.header
    yield f"run       {header.run}"
    origin = f"   {line(header.origin, 300)}" if header.origin else "   begun in Python"
    yield f"flow      {line(header.flow)}{origin}"
    yield f"begun     {local(header.begun)} ({age(header.begun)} ago)"
    message = f": {line(summary.message, 300)}" if summary.message else ""
    yield f"status    {summary.status}{message}"
    yield f"written   {local(summary.updated)} ({age(summary.updated)} ago)"
    owner = summary.owner
    if owner is not None:
        again = f", begun {summary.epoch} times" if summary.epoch > 1 else ""
        yield f"owner     process {owner.pid} on {owner.host}, since {local(owner.since)}{again}"
        if owner.executor:
            yield f"executor  {line(owner.executor)}"
    if header.versions:
        found = (f"{name} {version}" for name, version in header.versions.items())
        yield f"versions  {line(', '.join(found))}"


def _parameters(parameters: Sequence[Given]) -> Iterator[str]:
    if parameters:
        yield from ("", "parameters")
    for one in parameters:
        yield f"  {line(one.name)} = {line(_preview(one), 120)}"


def _preview(given: Given) -> str:
    if given.value is not None:
        return given.value.preview
    return "(secret)" if not given.digest else "(not recorded)"


def _tasks(chapters: Sequence[Chapter]) -> Iterator[str]:
    yield from ("", "tasks")
    rows = []
    for one in chapters:
        width_of_map = "" if one.width is None else f" x{one.width}"
        counts = ", ".join(f"{n} {state}" for state, n in one.counts().items())
        how = counts if one.width is not None else next(iter(one.counts()))
        rows.append((f"{line(one.mark.name)}{width_of_map}", how, _iterations(one.iterations)))
    for text in table(rows, flexible=0, right=(2,), most=width() - 2):
        yield f"  {text}"


def _iterations(number: int) -> str:
    return plural(number, "iteration")


def _stories(chapters: Sequence[Chapter]) -> Iterator[Story]:
    for chapter in chapters:
        yield from chapter.children


def _failures(chapters: Sequence[Chapter]) -> Iterator[str]:
    failed = [story for story in _stories(chapters) if story.is_failed]
    if failed:
        yield from ("", "failures")
    for story in failed[:_SHOWN]:
        last = story.last
        assert last is not None
        why = last.message
        if last.error is not None and last.error.text:
            why = f"{last.error.class_name}: {last.error.text}"
        at = f"iteration {last.address[-1].iteration}, try {last.run_count}"
        yield f"  {line(story.name)}: {last.state} at {at}: {line(why, 300)}"
    if len(failed) > _SHOWN:
        yield f"  … {len(failed) - _SHOWN} more"


def _under_way(chapters: Sequence[Chapter]) -> Iterator[str]:
    going = [story for story in _stories(chapters) if story.is_under_way and story.last]
    if going:
        yield from ("", "under way")
    newest = sorted(going, key=lambda story: -(story.last.at if story.last else 0.0))
    for story in newest[:_SHOWN]:
        yield f"  {line(story.name)}: iteration {story.iteration}: {line(story.message(), 120)}"
    if len(going) > _SHOWN:
        yield f"  … {len(going) - _SHOWN} more"


def run_data(past: Past, chapters: Sequence[Chapter], shelf: Shelf) -> dict[str, Any]:
    """Describe a run for programs; these names are kept as they are."""
    return {
        **run_facts(past.summary, shelf),
        "parameters": [_given_data(one) for one in past.summary.header.parameters],
        "tasks": [
            {
                "slug": one.mark.slug,
                "name": one.mark.name,
                "mapped": one.mark.mapped,
                "width": one.width,
                "states": dict(one.counts()),
                "iterations": one.iterations,
            }
            for one in chapters
        ],
        "failed": [_story_data(one) for one in _stories(chapters) if one.is_failed],
        "under_way": [_story_data(one) for one in _stories(chapters) if one.is_under_way],
    }


def _given_data(given: Given) -> dict[str, Any]:
    data = None if given.value is None or given.value.data is None else given.value.data
    return {
        "name": given.name,
        "secret": given.value is None and not given.digest,
        "preview": None if given.value is None else given.value.preview,
        "json": None if data is None else as_json(data),
        "length": given.length,
    }


def _story_data(story: Story) -> dict[str, Any]:
    last = story.last
    error = None if last is None else last.error
    return {
        "name": story.name,
        "slug": story.mark.slug,
        "child": story.child,
        "state": story.state,
        "iteration": story.iteration,
        "try": None if last is None else last.run_count,
        "message": story.message(),
        "error": None if error is None else {"class": error.class_name, "text": error.text},
    }
