"""What is said of a task and of a child, in a few words each, the most telling first."""

from __future__ import annotations

from typing import NamedTuple

from daskloop.dashboard.standings import Standing
from daskloop.terminal.glance import ChildGlance, TaskGlance

__all__ = ["Fact", "child_words", "duration", "task_facts"]


class Fact(NamedTuple):
    """Some words, and what they are about."""

    text: str
    kind: str
    """Of ``bad``, ``wait``, ``way``, ``done`` and ``dim``."""


def duration(seconds: float) -> str:
    """Write how long something takes.

    Examples
    --------
    >>> duration(4.13), duration(41.2), duration(185), duration(7384)
    ('4.1 s', '41 s', '3:05', '2:03:04')
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def task_facts(task: TaskGlance) -> list[Fact]:
    """Say how a task stands; nothing is said of what there is none of."""
    facts = _standings(task)
    if task.iterations > task.ended:
        facts.append(Fact(_count(task.iterations, "iteration"), "dim"))
        if task.rate and not task.is_over:
            facts.append(Fact(f"{task.rate:,.1f}/s", "dim"))
    if task.retries:
        facts.append(Fact(_count(task.retries, "retry", "retries"), "dim"))
    if task.losses:
        facts.append(Fact(f"{_count(task.losses, 'worker')} lost", "bad"))
    if task.mapped and task.farthest[1] > 1:
        facts.append(Fact(f"most {task.farthest[1]:,}: {task.farthest[0]}", "dim"))
    if task.mapped and task.slowest[1] >= 1:
        facts.append(Fact(f"longest {duration(task.slowest[1])}: {task.slowest[0]}", "dim"))
    return facts


def _standings(task: TaskGlance) -> list[Fact]:
    def count(standing: Standing) -> int:
        return task.counts[standing]

    found = [
        Fact(_how_many(task, count(standing), word), kind)
        for standing, word, kind in (
            (Standing.FAILED, "failed", "bad"),
            (Standing.PAUSED, "paused", "wait"),
            (Standing.RETRYING, "retrying", "wait"),
            (Standing.UNDER_WAY, "under way", "way"),
            (Standing.CANCELLED, "cancelled", "dim"),
            (Standing.SKIPPED, "skipped", "dim"),
        )
        if count(standing)
    ]
    if not found:
        word = "done" if task.is_over else "waiting"
        found.append(Fact(word, "done" if task.is_over else "dim"))
    return found


def _how_many(task: TaskGlance, number: int, word: str) -> str:
    return f"{number:,} {word}" if task.mapped else word


def _count(number: int, noun: str, nouns: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def child_words(child: ChildGlance, loops: bool) -> Fact:
    """Say how far a child has come.

    Parameters
    ----------
    child : ChildGlance
        The child.
    loops : bool
        True if its task goes round.
    """
    where = f"iteration {child.iteration:,}" if loops or child.iteration > 1 else ""
    until = "" if child.due_in is None else f"in {duration(child.due_in)}"
    if child.standing is Standing.RETRYING:
        of = f" of {child.attempts}" if child.attempts else ""
        parts = (where, f"try {child.run_count}{of} {until}".rstrip())
        return Fact(", ".join(part for part in parts if part), "wait")
    if child.standing is Standing.PAUSED:
        most = f", goes on {until}" if until else ""
        return Fact(
            ", ".join(part for part in (where, f"waits for approval{most}") if part), "wait"
        )
    if until:
        return Fact(f"{where} {until}", "way")
    return Fact(", ".join(part for part in (where, duration(child.seconds)) if part), "way")
