"""What ``daskloop show RUN TASK`` prints: the children of a map, or each attempt of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daskloop.cli.exit_codes import Usage
from daskloop.cli.targets import Target
from daskloop.cli.wording import iso, line, plural, table, width
from daskloop.record.entries import Recorded
from daskloop.record.pickling import as_json
from daskloop.record.story import Chapter, Story

__all__ = ["task_data", "task_lines"]

_HEADINGS = ("ITERATION", "TRY", "STATE", "SECONDS", "MESSAGE", "VALUE")
_CHILDREN = 200  # that have a line
_MESSAGE = 60
_VALUE = 40


def task_lines(chapter: Chapter, target: Target) -> list[str]:
    """Write a task for people.

    Parameters
    ----------
    chapter : Chapter
        What is recorded of the task.
    target : Target
        Which child and iteration is meant, if one is.
    """
    if chapter.width is not None and target.child is None:
        _refuse_iteration(target)
        return _children(chapter)
    story = _story(chapter, target)
    records = _records(story, target)
    lines = [f"{line(story.name)}: {story.state}, {plural(story.iterations, 'iteration')} done"]
    rows = [_HEADINGS, *(_row(record) for record in records)]
    most = max(width(), 60)
    lines += table(rows, flexible=4, right=(0, 1, 3), most=most)
    workers = list(dict.fromkeys(record.worker for record in records if record.worker))
    if workers:
        lines.append(f"on {line(', '.join(workers), 400)}")
    broken = next((one for one in reversed(records) if one.error and one.error.traceback), None)
    if broken is not None and broken.error is not None:
        place = f"iteration {broken.address[-1].iteration}, try {broken.run_count}"
        lines += ["", f"last traceback ({place}):"]
        lines += [_as_set(text) for text in broken.error.traceback.rstrip().splitlines()]
    return lines


def _as_set(text: str) -> str:
    """Make one line with its spaces: below a line of source stand marks that are set by them."""
    whole = " ".join(line(word, 500) for word in text.split(" "))
    return whole if len(whole) <= 500 else whole[:499] + "…"


def _children(chapter: Chapter) -> list[str]:
    rows = [("CHILD", "STATE", "ITERATION", "MESSAGE")]
    for one in chapter.children[:_CHILDREN]:
        rows.append((line(one.name), one.state, str(one.iteration), line(one.message(), 200)))
    lines = table(rows, flexible=3, right=(2,), most=width())
    if len(chapter.children) > _CHILDREN:
        lines.append(f"… {len(chapter.children) - _CHILDREN} more")
    return lines


def _refuse_iteration(target: Target) -> None:
    if target.iteration is not None:
        example = f"{target.mark.name}[0]@{target.iteration}"
        raise Usage(f"'{target.mark.name}' is mapped: say which child, like '{example}'")


def _story(chapter: Chapter, target: Target) -> Story:
    for story in chapter.children:
        if story.child == target.child:
            return story
    width_of_map = chapter.width
    if target.child is not None and width_of_map is not None and target.child >= width_of_map:
        raise Usage(
            f"'{target.mark.name}' has {width_of_map} children, counted from 0: "
            f"there is no {target.name}"
        )
    return Story(target.mark, target.child)


def _records(story: Story, target: Target) -> Sequence[Recorded]:
    if target.iteration is None:
        return story.records
    found = [r for r in story.records if r.address[-1].iteration == target.iteration]
    if not found:
        raise Usage(
            f"{story.name} has no record of iteration {target.iteration}; it has come to "
            f"iteration {story.iteration}"
        )
    return found


def _row(record: Recorded) -> tuple[str, ...]:
    value = record.value
    took = f"{record.ended - record.started:.3f}" if record.started else ""
    return (
        str(record.address[-1].iteration),
        str(record.run_count),
        record.state,
        took,
        line(record.message, _MESSAGE),
        "" if value is None or record.error is not None else line(value.preview, _VALUE),
    )


def task_data(chapter: Chapter, target: Target) -> dict[str, Any]:
    """Describe a task for programs; these names are kept as they are."""
    if chapter.width is not None and target.child is None:
        _refuse_iteration(target)
        stories: Sequence[Story] = chapter.children
    else:
        stories = [_story(chapter, target)]
    return {
        "slug": chapter.mark.slug,
        "name": chapter.mark.name,
        "width": chapter.width,
        "children": [
            {
                "name": story.name,
                "child": story.child,
                "state": story.state,
                "iteration": story.iteration,
                "attempts": [_record_data(one) for one in _records(story, target)],
            }
            for story in stories
        ],
    }


def _record_data(record: Recorded) -> dict[str, Any]:
    value, error = record.value, record.error
    return {
        "iteration": record.address[-1].iteration,
        "try": record.run_count,
        "state": record.state,
        "message": record.message,
        "attempted": record.attempted,
        "worker": record.worker,
        "started": iso(record.started) if record.started else None,
        "ended": iso(record.ended) if record.ended else None,
        "recorded": iso(record.at),
        "preview": None if value is None else value.preview,
        "json": None if value is None or value.data is None else as_json(value.data),
        "error": None
        if error is None
        else {"class": error.class_name, "text": error.text, "traceback": error.traceback},
    }
