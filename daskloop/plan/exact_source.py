"""A digest of all that decides what a task computes, as far as Python lets it be seen.

Unlike a fingerprint, which lets a recorded run go on, this one lets a value be taken for another:
it reads the code that is executed, not the file that it came from, and what that code holds on to.
"""

from __future__ import annotations

import hashlib
import sys
import types
from collections.abc import Iterator
from typing import Any

from daskloop.define.task import Task
from daskloop.results.functions import PLAIN, Reader

__all__ = ["exact_source"]


def exact_source(task: Task, exact: bool = True) -> str:
    """Digest what a task computes.

    Parameters
    ----------
    task : Task
        The task.
    exact : bool
        True if what cannot be told by its content is an error; else only its class counts.

    Raises
    ------
    ResultError
        Naming the kind of thing that the function holds and that cannot be told from others.

    Examples
    --------
    >>> from daskloop.define.decorator import FunctionTask
    >>> one, same, other = (FunctionTask(f) for f in (lambda x: x, lambda x: x, lambda x: -x))
    >>> exact_source(one) == exact_source(same), exact_source(one) == exact_source(other)
    (True, False)
    """
    reader = Reader(exact)
    if "run" in vars(task):
        parts = [reader.value(vars(task)["run"])]
    else:
        ours = set(vars(Task(name="any")))
        own = {key: value for key, value in vars(task).items() if key not in ours}
        parts = [name.encode() + reader.value(one) for name, one in _added(type(task))]
        parts += [key.encode() + reader.value(own[key]) for key in sorted(own)]
    version = f"{sys.implementation.cache_tag}".encode()
    return hashlib.blake2b(b"\0".join([version, *parts]), digest_size=20).hexdigest()


def _added(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the functions and plain values that a user's classes add to `Task`."""
    for one in kind.__mro__:
        if one in Task.__mro__:
            continue
        for name, found in sorted(vars(one).items()):
            found = getattr(found, "fget", getattr(found, "__func__", found))
            is_own = not name.startswith("__") and type(found) in PLAIN
            if is_own or isinstance(found, types.FunctionType):
                yield name, found
