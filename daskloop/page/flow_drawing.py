"""The flow of a run as a drawing, made of what was recorded: no task is needed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daskloop.page.kinds import Kind, kind_of
from daskloop.page.words import Words
from daskloop.record.story import Chapter
from daskloop.report.drawing import Arrow, Box, Drawing

__all__ = ["drawing_of"]

_NAME = 40  # columns of a task's name

_MARKS: Mapping[Kind, str] = {
    Kind.FAILED: "failed",
    Kind.CANCELLED: "cancelled",
    Kind.WAITING: "waiting",
    Kind.UNDER_WAY: "under-way",
    Kind.WENT_ON: "under-way",
    Kind.NOT_RUN: "not-run",
    Kind.SKIPPED: "skipped",
    Kind.DONE: "done",
}
"""Classes of boxes; a map has that of the child whose kind comes first here."""


def drawing_of(
    flow: str, chapters: Sequence[Chapter], words: Words
) -> tuple[Drawing, dict[str, str]]:
    """Draw the flow of a run.

    Parameters
    ----------
    flow : str
        Its name.
    chapters : sequence of Chapter
        Its tasks, in order.
    words : Words
        For texts.

    Returns
    -------
    drawing : Drawing
        Parameters first, then the tasks.
    marks : dict
        How each box stands in a word, by its name.
    """
    tasks = {chapter.mark.slug: f"t{number}" for number, chapter in enumerate(chapters)}
    given: dict[str, str] = {}
    arrows: list[Arrow] = []
    for chapter in chapters:
        for wire in chapter.mark.wires:
            start = tasks.get(wire.slug)
            if start is None:
                start = given.setdefault(wire.slug, f"p{len(given)}")
            label = words.line(wire.argument or "", _NAME)
            arrows.append(Arrow(start, tasks[chapter.mark.slug], label, wire.mapped))
    boxes = [
        Box(name, "parameter", (words.line(slug.rpartition("-")[0] or slug, _NAME),), None)
        for slug, name in given.items()
    ]
    boxes += [_box(chapter, tasks[chapter.mark.slug], words) for chapter in chapters]
    marks = {tasks[chapter.mark.slug]: _mark(chapter) for chapter in chapters}
    return Drawing(flow, tuple(boxes), tuple(arrows)), marks


def _box(chapter: Chapter, name: str, words: Words) -> Box:
    title = words.line(chapter.mark.name, _NAME)
    counts = chapter.counts()
    if chapter.width is None:
        return Box(name, "map" if chapter.mark.mapped else "task", (title, *counts), None)
    said = ", ".join(f"{count} {words.line(state, _NAME)}" for state, count in counts.items())
    return Box(name, "map", (f"{title} x{chapter.width}", said or "no children"), None)


def _mark(chapter: Chapter) -> str:
    found = {kind_of(state) for state in chapter.counts()}
    return next((mark for kind, mark in _MARKS.items() if kind in found), "")
