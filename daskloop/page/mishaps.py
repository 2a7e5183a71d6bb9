"""What went wrong in a run: failed attempts and lost workers, the same text once with a count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from daskloop.keys import full_name
from daskloop.page.kinds import FAILED_STATES
from daskloop.page.words import Words
from daskloop.record.entries import LOST, Recorded

__all__ = ["MOST_GROUPS", "Group", "Mishaps", "mishaps_of"]

MOST_GROUPS = 100
"""Texts of each sort that are shown: those that occurred most."""

_TEXT = 500  # columns of a text
_NAMES, _NAME = 5, 60  # children that are named for each text, and the columns of each name
_LINES, _LINE = 30, 200  # of a traceback
_FEW = 20  # texts of which each is shown by itself
_NUMBER = re.compile(r"\d+")


_Key = tuple[tuple[str, ...], str]
"""Slugs of a task and of the loop flows around it, and what was said."""


@dataclass(slots=True)
class Group:
    """Attempts of one task that ended in the same words."""

    task: str
    text: str
    count: int = 0
    final: int = 0
    """How many of them were the last try of their child."""
    places: dict[str, None] = field(default_factory=dict)
    """The first few children and iterations where that was."""
    differs: bool = False
    """True if it stands for others too, in which numbers differ."""
    traceback: str = ""
    """Of the first one."""


@dataclass(frozen=True, slots=True)
class Mishaps:
    """What went wrong."""

    failures: tuple[Group, ...]
    """The most frequent first."""
    more_failures: int
    """Groups that are not among them."""
    losses: tuple[Group, ...]
    more_losses: int


def mishaps_of(
    records: Iterable[Recorded],
    names: Mapping[str, str],
    labels: Mapping[str, Sequence[str]],
    words: Words,
) -> Mishaps:
    """Sort what went wrong by what was said of it.

    Parameters
    ----------
    records : iterable of Recorded
        Of all children, those in the bodies of loop flows too.
    names : mapping
        Name of each task by its slug.
    labels : mapping
        The names of the children of each map that has some, by its slug.
    words : Words
        For texts.
    """
    failures: dict[_Key, _Raw] = {}
    losses: dict[_Key, _Raw] = {}
    for record in records:
        if record.state in FAILED_STATES:
            raw = failures.setdefault((_task(record), _why(record)), _Raw(record))
        elif record.state == LOST:
            raw = losses.setdefault((_task(record), record.message), _Raw(record))
        else:
            continue
        raw.add(record)
    speaker = _Speaker(names, labels, words)
    shown, more = speaker.groups(failures)
    lost, more_lost = speaker.groups(losses)
    return Mishaps(shown, more, lost, more_lost)


class _Raw:
    """Records with the same text, as it is."""

    def __init__(self, first: Recorded) -> None:
        self.first = first
        self.some: list[Recorded] = []
        self.count = 0
        self.final = 0

    def add(self, record: Recorded) -> None:
        self.count += 1
        self.final += record.final
        if len(self.some) < _NAMES:
            self.some.append(record)


class _Speaker:
    """Puts groups into words."""

    def __init__(
        self, names: Mapping[str, str], labels: Mapping[str, Sequence[str]], words: Words
    ) -> None:
        self._names = names
        self._labels = labels
        self._words = words

    def groups(self, found: Mapping[_Key, _Raw]) -> tuple[tuple[Group, ...], int]:
        """Join those that look alike once they are cut; the most frequent first.

        Of very many texts those are alike that differ in numbers only.
        """
        joined: dict[tuple[str, str], Group] = {}
        most = sorted(found.items(), key=lambda one: -one[1].count)
        for (task, text), raw in most[: 100 * MOST_GROUPS]:
            title = "/".join(self._names.get(slug, slug) for slug in task)
            name, shown = self._words.line(title, _NAME), self._text(text)
            alike = _NUMBER.sub("#", shown) if len(found) > _FEW else shown
            group = joined.setdefault((name, alike), Group(name, shown))
            group.differs = group.differs or group.text != shown
            group.count += raw.count
            group.final += raw.final
            for record in raw.some:
                if len(group.places) < _NAMES:
                    group.places[self._name(record)] = None
            if not group.traceback and raw.first.error is not None:
                group.traceback = self._words.block(raw.first.error.traceback, _LINES, _LINE)
        groups = sorted(joined.values(), key=lambda group: -group.count)
        left = len(groups) - MOST_GROUPS + max(0, len(most) - 100 * MOST_GROUPS)
        return tuple(groups[:MOST_GROUPS]), max(0, left)

    def _text(self, text: str) -> str:
        return self._words.line(text, _TEXT) or "(no message)"

    def _name(self, record: Recorded) -> str:
        parts = []
        for place in record.address:
            labels, child = self._labels.get(place.slug, ()), place.child
            own = labels[child] if child is not None and child < len(labels) else child
            name = full_name(self._names.get(place.slug, place.slug), own)
            parts.append(f"{name}@{place.iteration}")
        return self._words.line("/".join(parts), _NAME)


def _task(record: Recorded) -> tuple[str, ...]:
    return tuple(place.slug for place in record.address)


def _why(record: Recorded) -> str:
    error = record.error
    if error is not None and error.text:
        return f"{error.class_name.rpartition('.')[2]}: {error.text}"
    return record.message
