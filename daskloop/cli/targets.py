"""What ``task[3]@9`` means in a recorded run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from daskloop.cli.exit_codes import Usage
from daskloop.keys import full_name
from daskloop.record.entries import Mark
from daskloop.record.names_of_children import index_of

__all__ = ["Target", "find_target"]

_FORM = re.compile(r"(?P<word>.+?)(\[(?P<child>.+)\])?(@(?P<iteration>\d{1,18}))?", re.DOTALL)
_NEAREST = 5
_NO_NAMES: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Target:
    """A task, a child of a map, or one iteration of either."""

    mark: Mark
    child: int | None
    iteration: int | None

    @property
    def name(self) -> str:
        """The full name of the child."""
        return full_name(self.mark.name, self.child)


def find_target(
    text: str, marks: Sequence[Mark], run: str, names: Mapping[str, Sequence[str]] = _NO_NAMES
) -> Target:
    """Find what a text names.

    Parameters
    ----------
    text : str
        ``NAME`` or ``SLUG``, then ``[CHILD]``, its own name or its number, then ``@ITERATION``;
        the last two may be left out.
    marks : sequence of Mark
        The tasks of the run.
    run : str
        Its name, for errors.
    names : mapping
        The names of the children of each map that has some, by its slug.

    Raises
    ------
    Usage
        If no task has that name (the nearest are listed), or several have (their slugs are).
    """
    form = _FORM.fullmatch(text)
    word, label = (form["word"], form["child"]) if form else (text, None)
    if label is not None and not any(word in (mark.slug, mark.name) for mark in marks):
        word, label = (f"{word}[{label}]", None) if not label.isdigit() else (word, label)
    found = [mark for mark in marks if mark.slug == word]
    found = found or [mark for mark in marks if mark.name == word]
    if len(found) > 1:
        slugs = ", ".join(mark.slug for mark in found)
        raise Usage(f"Run '{run}' has several tasks {word!r}. Say which: {slugs}")
    if not found or form is None:
        known = list(dict.fromkeys(name for mark in marks for name in (mark.name, mark.slug)))
        near = difflib.get_close_matches(word, known, _NEAREST, 0.3) or known[:_NEAREST]
        raise Usage(f"Run '{run}' has no task {word!r}. The nearest are: {', '.join(near)}")
    child = None if label is None else index_of(label, names.get(found[0].slug, ()))
    if label is not None and child is None:
        raise Usage(f"Task '{word}' of run '{run}' has no child of the name {label!r}")
    iteration = None if form["iteration"] is None else int(form["iteration"])
    if child is not None and not found[0].mapped:
        raise Usage(f"Task '{word}' of run '{run}' is not mapped: write {word!r} without [{child}]")
    if iteration == 0:
        raise Usage(f"{text!r}: iterations are counted from 1")
    return Target(found[0], child, iteration)
