"""What users write to keep results: ``result=``, ``target=``, ``cache=`` and what goes with it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from typing import Any

from daskloop.define.limits import Duration, duration
from daskloop.results import files
from daskloop.results.file_result import FileResult, as_result
from daskloop.results.keeping import Keeping
from daskloop.results.template import Template, parse_template

__all__ = ["Cache", "CacheFor", "Place", "changed_keeping", "keeping"]

Place = FileResult | str | os.PathLike[str]
"""Where values are kept: a folder, a URL that fsspec knows, or one of these with a serializer."""

Cache = Place | bool
"""The same, or True for the configured place."""

CacheFor = Duration | bool
"""A length of time, or True for ever."""

_LONGEST = 100 * 365.25 * 86_400


def keeping(
    has_input: Callable[[str], bool],
    result: Place | None = None,
    target: str | None = None,
    cache: Cache | None = None,
    cache_for: CacheFor | None = None,
    cache_key: Callable[..., Any] | None = None,
) -> Keeping:
    """Check what the user gave and make `Keeping` of it.

    Parameters
    ----------
    has_input : callable
        Tells whether the task has an input of a name.
    result, target, cache, cache_for, cache_key
        As given to the task.

    Raises
    ------
    TypeError, ValueError
        With a text that names the option.

    Examples
    --------
    >>> keeping(lambda name: name == "x", target="{task_name}-{x}.pkl").target.fields
    frozenset(...)
    >>> keeping(lambda name: False, cache_for="1h").cache_for
    3600.0
    """
    place = None if result is None else as_result(result, "result")
    name = _target(target, place, has_input)
    caches = _wants_cache(cache, cache_for)
    if caches and name is not None:
        raise ValueError(
            f"target={target!r} and a cache: both say which earlier value to take. Give one; "
            "result=FileResult(..., location=...) beside a cache writes a file with a name"
        )
    if cache_key is not None:
        if not caches:
            raise ValueError("cache_key without a cache does nothing: give cache_for= or cache=")
        if not callable(cache_key):
            raise TypeError(
                f"cache_key={cache_key!r}: give a callable that takes the task's inputs"
            )
    return Keeping(
        result=place,
        target=name,
        location=_location(place, name, has_input),
        cache=as_result(cache, "cache") if caches and not isinstance(cache, bool | None) else None,
        caches=caches,
        cache_for=_seconds(cache_for),
        cache_key=cache_key,
    )


def changed_keeping(
    before: Keeping, has_input: Callable[[str], bool], changes: Mapping[str, Any]
) -> Keeping:
    """Make it with some options replaced, for a copy of a task."""
    given: dict[str, Any] = {
        "result": before.result,
        "target": None if before.target is None else before.target.text,
        "cache": (before.cache or True) if before.caches else None,
        "cache_for": before.cache_for,
        "cache_key": before.cache_key,
    }
    return keeping(has_input, **{**given, **changes})


def _target(
    target: str | None, place: FileResult | None, has_input: Callable[[str], bool]
) -> Template | None:
    if target is None:
        return None
    template = parse_template(target, "target", has_input, at_the_end=False)
    if place is None:
        return template
    if files.is_absolute(target):
        raise ValueError(
            f"target={target!r} says itself in which folder, and result= names another; leave "
            "result= out, or make target a name within it"
        )
    if place.location is not None:
        raise ValueError(
            f"target={target!r} and location={place.location!r}: give one name. A target is looked "
            "for before the task runs, a location is only written"
        )
    return template


def _location(
    place: FileResult | None, target: Template | None, has_input: Callable[[str], bool]
) -> Template | None:
    if place is None or place.location is None or target is not None:
        return None
    if files.is_absolute(place.location):
        raise ValueError(f"location={place.location!r}: give a name within the folder")
    return parse_template(place.location, "location", has_input, at_the_end=True)


def _wants_cache(cache: object, cache_for: object) -> bool:
    timed = cache_for is not None and not isinstance(cache_for, bool)
    if timed and duration(cache_for, "cache_for", longest=_LONGEST) == 0:
        raise ValueError(f"cache_for={cache_for!r}: give more than 0 seconds, or True for ever")
    wanted = cache not in (None, False) or cache_for not in (None, False)
    if wanted and (cache is False or cache_for is False):
        raise ValueError(
            f"cache={cache!r} with cache_for={cache_for!r}: is it to be cached? Leave one out"
        )
    return wanted


def _seconds(cache_for: CacheFor | None) -> float | None:
    if cache_for is None or isinstance(cache_for, bool):
        return None
    seconds = duration(cache_for, "cache_for", longest=_LONGEST)
    return seconds if math.isfinite(seconds) else None
