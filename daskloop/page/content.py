"""Everything that a page says of a run, as plain data, all texts fit to be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daskloop.keys import full_name
from daskloop.page.flow_drawing import drawing_of
from daskloop.page.kinds import LETTERS, WORDS, Kind
from daskloop.page.mishaps import Mishaps, mishaps_of
from daskloop.page.packed import LEAST, STEP
from daskloop.page.pulse import Pulse, pulse_of
from daskloop.page.rows import MOST_ROWS, Row, columns, rows_of, said
from daskloop.page.sound import sound
from daskloop.page.words import Words, moment, span
from daskloop.record.entries import Given, Past, Summary
from daskloop.record.names_of_children import names_by_slug
from daskloop.record.story import Chapter, stories
from daskloop.report.svg import svg_text

__all__ = ["Content", "Fact", "RetryLine", "TaskLine", "content_of"]

_NAME, _TEXT = 60, 500  # columns
_TASKS, _PARAMETERS, _RETRIES = 500, 200, 20  # lines of each table
_BOXES = 200  # a flow of more is not drawn: nobody could read it


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of the run."""

    key: str
    """For programs and styles; letters and hyphens."""
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One task."""

    name: str
    width: str
    states: tuple[tuple[str, int], ...]
    """How many children stand how."""
    iterations: int
    retries: int
    losses: int
    seconds: str
    """Time in user code, in words."""


@dataclass(frozen=True, slots=True)
class RetryLine:
    """A child that was tried again."""

    name: str
    retries: int
    losses: int
    iterations: int
    state: str
    says: str


@dataclass(frozen=True, slots=True)
class Content:
    """A whole page."""

    run: str
    flow: str
    status: str
    message: str
    facts: tuple[Fact, ...]
    counts: tuple[Fact, ...]
    """Facts that are numbers."""
    notes: tuple[str, ...]
    """What a reader has to know about the page itself."""
    parameters: tuple[tuple[str, str], ...]
    tasks: tuple[TaskLine, ...]
    more_tasks: int
    flow_svg: str
    pulse: Pulse
    retries: tuple[RetryLine, ...]
    more_retries: int
    mishaps: Mishaps
    data: Mapping[str, Any]
    """What scripts make the raster and the table of children of."""


def content_of(
    past: Past, secrets: Sequence[str] = (), command: str | None = None, now: float = 0.0
) -> Content:
    """Make the content of a page.

    Parameters
    ----------
    past : Past
        What is known of the run.
    secrets : sequence of str
        Texts that must not appear, the longest first.
    command : str, optional
        What goes on with the run.
    now : float
        When this is, seconds since the epoch.

    Notes
    -----
    Takes whatever a journal may hold: what cannot be understood is left out, and counted.
    """
    past, left_out = sound(past)
    words = Words(secrets)
    summary, header = past.summary, past.summary.header
    chapters = stories(past)
    rows = rows_of(chapters, past.records)
    begun, ended = _time_of(past)
    names = {mark.slug: mark.name for mark in header.tasks}
    drawing, marks = drawing_of(words.line(header.flow, _NAME), chapters, words)
    lines = tuple(_task_lines(chapters, rows, words))
    retried = [row for row in rows if row.retries or row.losses]
    retried.sort(key=lambda row: (-row.retries, -row.losses))
    return Content(
        run=words.line(header.run, _NAME),
        flow=words.line(header.flow, _NAME),
        status=words.line(summary.status, 20),
        message=words.line(summary.message, _TEXT),
        facts=tuple(_facts(summary, begun, ended, command, now, words)),
        counts=tuple(_counts(past, chapters, rows)),
        notes=tuple(_notes(past, secrets, left_out, len(rows))),
        parameters=tuple(_parameters(header.parameters, words)),
        tasks=lines[:_TASKS],
        more_tasks=max(0, len(lines) - _TASKS),
        flow_svg=svg_text(drawing, marks) if 0 < len(drawing.boxes) <= _BOXES else "",
        pulse=pulse_of(past.records, begun, ended),
        retries=tuple(_retry_line(row, words) for row in retried[:_RETRIES]),
        more_retries=max(0, len(retried) - _RETRIES),
        mishaps=mishaps_of(past.records, names, names_by_slug(past.records), words),
        data=_data(summary, chapters, rows, words, begun, ended),
    )


def _time_of(past: Past) -> tuple[float, float]:
    """Say when the run began and when it ended, or was written to last."""
    begun, updated = past.summary.header.begun, past.summary.updated
    if not begun:
        begun = min((one.at for one in past.records if one.at), default=updated)
    return begun, max(begun, updated)


def _facts(
    summary: Summary, begun: float, ended: float, command: str | None, now: float, words: Words
) -> list[Fact]:
    header, owner = summary.header, summary.owner
    facts = [
        Fact("begun", "begun", moment(begun)),
        Fact("took", "took" if summary.status != "running" else "so far", span(ended - begun)),
    ]
    if summary.epoch > 1:
        facts.append(Fact("epoch", "begun or resumed", f"{summary.epoch} times"))
    if owner is not None and isinstance(owner.executor, str) and owner.executor:
        facts.append(Fact("executor", "executor", words.line(owner.executor, 120)))
    if header.origin:
        facts.append(Fact("origin", "written in", words.line(header.origin, 200)))
    if header.versions:
        versions = ", ".join(f"{name} {version}" for name, version in header.versions.items())
        facts.append(Fact("versions", "versions", words.line(versions, 200)))
    if command is not None:
        facts.append(Fact("command", "to go on", words.line(command, 400)))
    if now:
        facts.append(Fact("made", "page made", moment(now)))
    return facts


def _counts(past: Past, chapters: Sequence[Chapter], rows: Sequence[Row]) -> list[Fact]:
    children: Counter[str] = Counter()
    for chapter in chapters:
        children.update(chapter.counts())
    attempts = sum(record.attempted for record in past.records)
    numbers = (
        ("children", "tasks and children", sum(children.values())),
        ("iterations", "iterations", sum(chapter.iterations for chapter in chapters)),
        ("attempts", "attempts", attempts),
        ("retries", "retries", sum(row.retries for row in rows)),
        ("losses", "lost workers", sum(row.losses for row in rows)),
        ("failed", "failed children", sum(row.story.is_failed for row in rows)),
    )
    facts = [Fact(key, name, f"{number:,}") for key, name, number in numbers]
    work = sum(row.seconds for row in rows)
    return [*facts, Fact("work", "time in tasks", span(work))]


def _notes(past: Past, secrets: Sequence[str], left_out: int, rows: int) -> list[str]:
    notes = []
    if past.summary.status == "running":
        notes.append("The run was under way when this page was made.")
    if past.summary.status == "interrupted":
        notes.append("The process that drove the run is gone; what was under way had not ended.")
    if left_out:
        notes.append(f"{left_out:,} records could not be understood and are left out.")
    if rows > MOST_ROWS:
        notes.append(
            f"{MOST_ROWS:,} of {rows:,} children are listed: those that failed, were tried again "
            "or took longest, and some of the others. All counts are of all of them."
        )
    given = past.summary.header.parameters
    if any(one.value is None and not one.digest for one in given) and not secrets:
        notes.append(
            "Values of secret parameters are not recorded, so messages of tasks could not be "
            "searched for them."
        )
    return notes


def _parameters(given: Sequence[Given], words: Words) -> list[tuple[str, str]]:
    found = []
    for one in given[:_PARAMETERS]:
        text = "(secret)" if one.value is None and not one.digest else "(not recorded)"
        if one.value is not None:
            text = one.value.preview
        found.append((words.line(one.name, _NAME), words.line(text, 200)))
    return found


def _task_lines(chapters: Sequence[Chapter], rows: Sequence[Row], words: Words) -> list[TaskLine]:
    of_task: dict[int, list[Row]] = {}
    for row in rows:
        of_task.setdefault(row.task, []).append(row)
    lines = []
    for number, chapter in enumerate(chapters):
        own = of_task.get(number, [])
        states = [(words.line(state, 20), n) for state, n in chapter.counts().items()]
        lines.append(
            TaskLine(
                words.line(chapter.mark.name, _NAME),
                "" if chapter.width is None else f"{chapter.width:,}",
                tuple(states),
                chapter.iterations,
                sum(row.retries for row in own),
                sum(row.losses for row in own),
                span(sum(row.seconds for row in own)),
            )
        )
    return lines


def _retry_line(row: Row, words: Words) -> RetryLine:
    story = row.story
    name = full_name(story.mark.name, story.child if story.label is None else story.label)
    return RetryLine(
        words.line(name, _NAME),
        row.retries,
        row.losses,
        story.iterations,
        words.line(story.state, 20),
        words.line(said(story), 200),
    )


def _data(
    summary: Summary,
    chapters: Sequence[Chapter],
    rows: Sequence[Row],
    words: Words,
    begun: float,
    ended: float,
) -> dict[str, Any]:
    kinds = list(WORDS)
    if summary.status != "running":
        kinds[Kind.UNDER_WAY] = "cut off"
    return {
        "tasks": [words.line(chapter.mark.name, _NAME) for chapter in chapters],
        "kinds": kinds,
        "letters": LETTERS,
        "took": ended - begun,
        "scale": [LEAST, STEP],
        **columns(rows, words, begun),
    }
