"""The wrappers that say how an argument meets a map: `mapped`, `unmapped`, `flatten`, `emitted`."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = [
    "Annotated",
    "Annotation",
    "emitted",
    "flatten",
    "mapped",
    "read_annotations",
    "unmapped",
]


class Annotation:
    """Wraps an argument of a task and says how it meets a map.

    Parameters
    ----------
    value : Any
        The argument itself: a task, a constant, a collection of them, another annotation.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class unmapped(Annotation):
    """Give the whole value to every child of a map.

    Examples
    --------
    >>> unmapped([1, 2])
    unmapped([1, 2])
    """


class mapped(Annotation):
    """Map over this argument, also where the task is called and not mapped.

    Examples
    --------
    >>> mapped([1, 2])
    mapped([1, 2])
    """


class flatten(Annotation):
    """Un-nest one level before the value is mapped over or handed on.

    Elements that cannot be iterated pass as they are.

    Examples
    --------
    >>> flatten([[1, 2], [3]])
    flatten([[1, 2], [3]])
    """


class emitted(Annotation):
    """Map over what a loop emits while it goes on, with ``again(emit=...)``.

    The map grows with the loop: a child begins as soon as its item is there, and the map has
    ended when the loop has, and every child.

    Examples
    --------
    >>> from daskloop import Flow, again, task
    >>> @task
    ... def pages(cursor=0):
    ...     return again(cursor=cursor + 1, emit=f"page {cursor}") if cursor < 3 else "all"
    >>> @task
    ... def save(page):
    ...     return len(page)
    >>> with Flow("streamed") as flow:
    ...     saved = save.map(emitted(pages()))
    >>> flow.run(executor="inline").result[saved].result
    [6, 6, 6]
    """


class Annotated(NamedTuple):
    """An argument and what its annotations said."""

    value: Any
    mapped: bool
    flattened: bool
    emitted: bool = False


def read_annotations(value: Any, default: bool) -> Annotated:
    """Take the annotations off an argument, in whatever order they were put on.

    Parameters
    ----------
    value : Any
        The argument as the user gave it.
    default : bool
        Whether it is mapped when no annotation says so.

    Raises
    ------
    ValueError
        If it is both mapped and unmapped, or what is emitted is not mapped over one by one.

    Examples
    --------
    >>> read_annotations(flatten(unmapped([[1], [2]])), default=True)
    Annotated(value=[[1], [2]], mapped=False, flattened=True, emitted=False)
    >>> read_annotations([1, 2], default=True)
    Annotated(value=[1, 2], mapped=True, flattened=False, emitted=False)
    """
    said: set[type[Annotation]] = set()
    while isinstance(value, Annotation):
        said.add(type(value))
        value = value.value
    if {mapped, unmapped} <= said:
        raise ValueError(f"mapped and unmapped were both put around {value!r}; keep one of them")
    is_mapped = mapped in said or (default and unmapped not in said)
    if emitted in said and (flatten in said or not is_mapped):
        raise ValueError(
            f"emitted({value!r}) can be mapped over, item by item, and in no other way: write "
            "task.map(emitted(loop)), and emit_all= in the loop to emit several items at once"
        )
    return Annotated(value, is_mapped, flatten in said, emitted in said)
