"""The wrong uses, read from the files in ``cases``.

::

    Options of a task                         title of the section

    Found when the task is defined.           what to know of all of them

    ## a number of retries below zero         what is wrong, as a reader looks for it
    @task(max_retries=-1)                     code that raises, or that leaves in `end` a state
    def train(rate):                          that failed; or lines that begin with "$":
        return rate                           commands, of which the last is wrong
    >> ValueError | max_retries | -1 | give   class, and parts of the text that show what was
                                              asked, the value, what to do
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["Case", "Section", "sections"]

_ORDER = (
    "options tasks flows mapping parameters loops branches kept running executors configuration "
    "inside records commands"
)


class Case(NamedTuple):
    """One wrong use, and what its text has to say."""

    title: str
    code: str
    error: str
    """The class of the error; of a command its exit code, as ``exit 2``."""
    asked: str
    value: str
    todo: str

    @property
    def commands(self) -> list[str]:
        """What is typed into a shell, if it is that."""
        if not self.code.startswith("$ "):
            return []
        return [line.removeprefix("$ ") for line in self.code.splitlines()]


class Section(NamedTuple):
    """The wrong uses of one part of daskloop."""

    title: str
    words: str
    cases: tuple[Case, ...]


def sections() -> list[Section]:
    """Read all of them, in the order in which a flow comes to be."""
    folder = Path(__file__).with_name("cases")
    return [_section((folder / f"{name}.txt").read_text("utf-8")) for name in _ORDER.split()]


def _section(text: str) -> Section:
    head, *cases = text.split("\n## ")
    title, words = head.strip().split("\n\n")
    return Section(title, words, tuple(_case(one) for one in cases))


def _case(text: str) -> Case:
    above, last = text.rstrip().rsplit("\n>> ", 1)
    title, _, code = above.partition("\n")
    error, asked, value, todo = last.split(" | ")
    return Case(title, code, error, asked, value, todo)
