"""With what, where and how early the attempts of a task run: what Dask is asked for with each."""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from typing import Any, SupportsFloat, cast

from daskloop.define.limits import count
from daskloop.define.names import checked_name

__all__ = ["Placement", "Resources", "Workers", "around", "placement"]

Resources = Mapping[str, float]
"""How much of what an attempt takes of its worker: ``{"GPU": 1}``."""

Workers = str | Sequence[str | int] | Set[str | int]
"""Names, addresses or hosts of workers; those that a local cluster makes are named 0, 1, 2."""

_TAG = "dask-resource:"
_HIGHEST = 1_000_000_000
_LEFT_OUT = 'leave it out, or give a dict like {"GPU": 1}'


@dataclass(frozen=True, slots=True)
class Placement:
    """What Dask is asked for with every attempt of a task; None where nobody said anything."""

    priority: int | None = None
    """Higher goes first; that of what says nothing is 0."""
    resources: tuple[tuple[str, float], ...] | None = None
    """What an attempt takes of its worker while it runs, by name."""
    workers: tuple[str | int, ...] | None = None
    """Names, addresses or hosts of the workers that may run it."""
    allow_other_workers: bool | None = None
    """True if `workers` are only where it would run best."""

    def changed(self, changes: Mapping[str, Any]) -> Placement:
        """Make a placement with some of it replaced, for a copy of a task.

        Examples
        --------
        >>> Placement(priority=3).changed({"resources": {"GPU": 1}})
        Placement(priority=3, resources=(('GPU', 1.0),), workers=None, allow_other_workers=None)
        """
        new = placement(**changes)
        return Placement(*(getattr(new if one in changes else self, one) for one in _FIELDS))

    def within(self, outer: Placement, tags: Collection[str] = ()) -> Placement:
        """Fill what is not said with what an enclosing block says; tags say something, too."""
        if outer is _NOTHING:
            return self
        resources = self.resources
        if resources is None and outer.resources is not None:
            own = _of_tags(tags)
            resources = tuple((name, n) for name, n in outer.resources if name not in own)
        # Where to run is one thing to say, of two words.
        where = outer if self.workers is None and self.allow_other_workers is None else self
        priority = outer.priority if self.priority is None else self.priority
        return Placement(priority, resources, where.workers, where.allow_other_workers)

    def with_tags(self, tags: Collection[str]) -> Placement:
        """Add the resources that tags like ``"dask-resource:GPU=1"`` ask for.

        Parameters
        ----------
        tags : collection of str
            All tags of the task.

        Raises
        ------
        ValueError
            If a tag cannot be read, two of them disagree, or the whole cannot mean anything.

        Examples
        --------
        >>> Placement().with_tags({"nightly", "dask-resource:GPU=2"}).resources
        (('GPU', 2.0),)
        """
        tagged = _of_tags(tags)
        resources = self.resources
        if tagged:
            resources = tuple(sorted({**tagged, **dict(self.resources or ())}.items()))
        if self.allow_other_workers and self.workers is None:
            raise ValueError(
                "allow_other_workers=True says something about workers=, which is not given. "
                "Give workers= as well, or leave it out"
            )
        if self.allow_other_workers and resources:
            # Dask takes any worker then, also one without the resource, where an attempt hangs.
            raise ValueError(
                f"allow_other_workers=True and resources ({_text(resources)}) exclude each other: "
                "Dask would allow workers without these resources, too. Leave one of them out"
            )
        return Placement(self.priority, resources, self.workers, self.allow_other_workers)


_FIELDS = tuple(field.name for field in fields(Placement))
_NOTHING = Placement()


def placement(
    priority: int | None = None,
    resources: Resources | None = None,
    workers: Workers | None = None,
    allow_other_workers: bool | None = None,
    *,
    said_by: str = "",
) -> Placement:
    """Check what the user gave and make a `Placement` of it.

    Parameters
    ----------
    priority : int, optional
        Higher goes first.
    resources : mapping of str to float, optional
        What an attempt takes of its worker.
    workers : str or collection of str and int, optional
        Names, addresses or hosts of the workers that may run it.
    allow_other_workers : bool, optional
        True if other workers may run it as well.
    said_by : str
        Where it was said, for the errors, like ``"dask.annotate: "``.

    Raises
    ------
    TypeError, ValueError
        With a text that names the option.

    Examples
    --------
    >>> placement(priority=10, resources={"GPU": 1}).resources
    (('GPU', 1.0),)
    """
    if allow_other_workers is not None and not isinstance(allow_other_workers, bool):
        raise TypeError(f"{said_by}allow_other_workers={allow_other_workers!r}: give True or False")
    return Placement(
        None if priority is None else count(priority, f"{said_by}priority", -_HIGHEST, _HIGHEST),
        None if resources is None else _resources(resources, f"{said_by}resources"),
        None if workers is None else _workers(workers, f"{said_by}workers"),
        allow_other_workers,
    )


def around(warn: bool = False) -> Placement:
    """Read what an enclosing ``dask.annotate(...)`` says.

    Parameters
    ----------
    warn : bool
        Whether to warn of what it says in vain.

    Raises
    ------
    TypeError, ValueError
        If it says something that does not apply to a task.

    Notes
    -----
    Nobody can be inside such a block without having imported Dask, so it is not imported here.
    """
    dask: Any = sys.modules.get("dask")
    read: Callable[[], Mapping[str, Any]] | None = getattr(dask, "get_annotations", None)
    said = read() if read is not None else None
    if not said:
        return _NOTHING
    if warn and "retries" in said:
        warnings.warn(
            f"dask.annotate(retries={said['retries']!r}) does not apply to the tasks of a flow: "
            "say max_retries= where the task is defined or called",
            UserWarning,
            stacklevel=3,
        )
    own = {name: said[name] for name in _FIELDS if name in said}
    for name, value in own.items():
        if callable(value):
            raise TypeError(
                f"dask.annotate: {name}={value!r} is a callable of Dask's keys, which says nothing "
                "about the tasks of a flow. Give the value itself"
            )
    return placement(**own, said_by="dask.annotate: ") if own else _NOTHING


def _resources(value: object, what: str) -> tuple[tuple[str, float], ...]:
    if not isinstance(value, Mapping):
        raise TypeError(f"{what}={value!r} ({type(value).__name__}): {_LEFT_OUT}")
    pairs = [
        (checked_name(name, f"The name of a resource in {what}"), _amount(n, f"{what}: {name}"))
        for name, n in value.items()
    ]
    return tuple(sorted(pairs))


def _amount(value: object, what: str) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{what}={value!r} ({type(value).__name__}): give a number above 0")
    amount = float(cast(SupportsFloat, value))
    if not (math.isfinite(amount) and amount > 0):
        raise ValueError(f"{what}={value!r}: give a number above 0")
    return amount


def _workers(value: object, what: str) -> tuple[str | int, ...]:
    if isinstance(value, str):
        return (checked_name(value, f"A worker in {what}"),)
    if not isinstance(value, (Sequence, Set)) or isinstance(value, (bytes, bytearray)):
        raise TypeError(
            f"{what}={value!r} ({type(value).__name__}): give names or addresses of workers, like "
            f'["alice", "tcp://10.0.0.5:40331"]. How many there are is said by flow.run(workers=N)'
        )
    if not value:
        raise ValueError(f"{what}={value!r}: give at least one worker, or None for all")
    found = {one if _is_number(one) else checked_name(one, f"A worker in {what}") for one in value}
    return tuple(sorted(found, key=lambda one: (isinstance(one, str), one)))


def _is_number(value: object) -> bool:
    """Tell whether it is the name that a local cluster gives to a worker."""
    return isinstance(value, int) and not isinstance(value, bool)


def _of_tags(tags: Collection[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for tag in sorted(tags):
        if not tag.lower().startswith(_TAG):
            continue
        name, equals, text = tag[len(_TAG) :].partition("=")
        name = name.strip()
        try:
            amount = float(text)
        except ValueError:
            amount = math.nan
        if not (name and equals and math.isfinite(amount) and amount > 0):
            raise ValueError(
                f"The tag {tag!r} cannot be read. Write {_TAG}NAME=NUMBER with a number above 0, "
                f"like {_TAG}GPU=1"
            )
        if found.setdefault(name, amount) != amount:
            raise ValueError(
                f"Two tags ask for the resource {name!r}: {_TAG}{name}={found[name]:g} and {tag}. "
                "Leave one of them out"
            )
    return found


def _text(resources: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name}={amount:g}" for name, amount in resources)
