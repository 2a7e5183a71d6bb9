"""What a journal tells of each child of a run; no value is opened for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from daskloop import states
from daskloop.keys import full_name, is_inside
from daskloop.record.entries import (
    APPROVED,
    FORGOTTEN,
    LOST,
    TAKEN_BACK,
    Mark,
    Past,
    Recorded,
    Submitted,
)
from daskloop.record.names_of_children import names_by_slug
from daskloop.record.standing_row import DONE

__all__ = ["Chapter", "Story", "stories"]

_FAILED = frozenset(
    name for name in states.__all__ if issubclass(getattr(states, name), states.Failed)
)
_LOOPED = states.Looped.__name__
_MAPPED = states.Mapped.__name__
_WAITING = frozenset(
    name for name in states.__all__ if issubclass(getattr(states, name), states.Scheduled)
)


@dataclass(slots=True)
class Story:
    """One child: its records, oldest first, and what was sent of it last."""

    mark: Mark
    child: int | None
    records: list[Recorded] = field(default_factory=list)
    sent: Submitted | None = None
    label: str | None = None
    """Its own name among the children of its map, if it has one."""

    @property
    def name(self) -> str:
        """Its full name."""
        return full_name(self.mark.name, self.child if self.label is None else self.label)

    @property
    def last(self) -> Recorded | None:
        """The last record that stands; None if there is none, or it was taken back."""
        return self.records[-1] if self.records else None

    @property
    def state(self) -> str:
        """How it stands: the name of a state's class."""
        last = self.last
        if last is None or last.state in (APPROVED, LOST, TAKEN_BACK):
            begun = self.sent is not None and not (last and last.state == TAKEN_BACK)
            return "Running" if begun else "Pending"
        return last.state

    @property
    def is_failed(self) -> bool:
        """True if it has failed for good; what only followed from another failure has not."""
        return self.state in _FAILED and self.state != states.TriggerFailed.__name__

    @property
    def is_under_way(self) -> bool:
        """True if it is a loop, or a retry, that goes on."""
        return self.state == _LOOPED or self.state in _WAITING or self.state == "Running"

    @property
    def iteration(self) -> int:
        """The iteration that it has come to; 0 if it has not begun."""
        last = self.last
        if last is None:
            return 0 if self.sent is None else self.sent.address[-1].iteration
        return last.address[-1].iteration + (last.state == _LOOPED)

    @property
    def iterations(self) -> int:
        """How many of its iterations are done and stand."""
        if self.last is None or self.last.address[-1].iteration == FORGOTTEN:
            return 0
        ended_well = self.last.attempted and self.state in DONE and self.state != _LOOPED
        return self.iteration - 1 + ended_well

    def payload_before(self, iteration: int) -> Recorded | None:
        """Return the record whose payload an iteration began with."""
        for record in reversed(self.records):
            given = record.state == APPROVED and record.value is not None
            if given and record.address[-1].iteration == iteration:
                return record
            if record.state == _LOOPED and record.address[-1].iteration == iteration - 1:
                return record
        return None

    def message(self) -> str:
        """Return the newest message."""
        return self.last.message if self.last else ""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One task: itself, or the children of the map that it is."""

    mark: Mark
    children: tuple[Story, ...]
    """Those of which something is known; of a task that is not mapped, itself."""
    width: int | None
    """How many children there are; None if it is not mapped, or not known."""

    def counts(self) -> Mapping[str, int]:
        """Count the children by state, those that nothing is known of as pending."""
        counts = Counter(story.state for story in self.children)
        if self.width is not None and self.width > len(self.children):
            counts["Pending"] += self.width - len(self.children)
        elif not self.children:
            counts["Pending"] += 1
        return counts

    @property
    def iterations(self) -> int:
        """How many iterations are done, in all children."""
        return sum(story.iterations for story in self.children)


def stories(past: Past) -> tuple[Chapter, ...]:
    """Sort what was written down by task and child, in the order of the flow."""
    found: dict[tuple[str, int | None], Story] = {}
    marks = {mark.slug: mark for mark in past.summary.header.tasks}
    for record in past.records:
        place = record.address[-1]
        if place.slug in marks and not is_inside(record.address):
            story = found.get((place.slug, place.child))
            if story is None:
                story = Story(marks[place.slug], place.child)
                found[place.slug, place.child] = story
            story.records.append(record)
    for sent in past.submitted:
        place = sent.address[-1]
        if place.slug in marks and not is_inside(sent.address):
            name = (place.slug, place.child)
            found.setdefault(name, Story(marks[place.slug], place.child)).sent = sent
    names = names_by_slug(past.records)
    for (slug, child), story in found.items():
        own = names.get(slug, ())
        story.label = own[child] if child is not None and child < len(own) else None
    return tuple(_chapters(marks, found))


def _chapters(
    marks: Mapping[str, Mark], found: Mapping[tuple[str, int | None], Story]
) -> Iterator[Chapter]:
    of_task: dict[str, list[Story]] = {}
    for (slug, _), story in found.items():
        of_task.setdefault(slug, []).append(story)
    for slug, mark in marks.items():
        known = sorted(of_task.get(slug, ()), key=lambda story: story.child or 0)
        whole = next((story for story in known if story.child is None), None)
        last = whole.last if whole is not None else None
        if last is not None and last.state == _MAPPED:
            children = tuple(story for story in known if story.child is not None)
            # A map that grows with a loop is recorded when it opens.
            grown = max(
                (story.child + 1 for story in children if story.child is not None), default=0
            )
            yield Chapter(mark, children, max(last.width or 0, grown))
        else:
            yield Chapter(mark, tuple(known), None)
