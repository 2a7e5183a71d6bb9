"""How runs, tasks, attempts and Dask keys are named."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = [
    "Address",
    "Key",
    "Place",
    "dask_key",
    "full_name",
    "idempotency_key",
    "is_inside",
    "key_text",
    "run_name",
]


class Place(NamedTuple):
    """One level of an address: which task, which child, which iteration."""

    slug: str
    child: int | None
    iteration: int


Address = tuple[Place, ...]
"""Where an iteration is, from the outside in; of length one for a task in a flow."""


def is_inside(address: Address) -> bool:
    """Tell whether an address is in the body of a loop flow, and not of the flow itself.

    Examples
    --------
    >>> is_inside((Place("fib-1", 3, 9),)), is_inside((Place("f-1", 3, 9), Place("fib-1", None, 1)))
    (False, True)
    """
    return len(address) > 1


_ADJECTIVES = (
    "amber bold brisk calm clear cosy deft eager fair fleet glad grand hardy keen kind late light "
    "lively lucid mellow mild neat noble plain proud quick quiet rapid ready sharp shy silver "
    "sleek snug sober solid spry steady still stout sunny swift tidy true vivid warm wise"
).split()
_ANIMALS = (
    "badger beaver bison bittern crane curlew dipper dunlin egret falcon ferret finch gannet "
    "godwit grebe hare heron hoopoe ibis jackdaw kestrel kite lark linnet lynx marten merlin "
    "osprey otter owl oyster petrel pipit plover puffin raven robin sandpiper seal shrike "
    "siskin snipe stoat stork swallow swift tern thrush vole wigeon wren"
).split()


def run_name() -> str:
    """Make a name for a run: two words for people, eight hex digits to keep it unique.

    Examples
    --------
    >>> run_name()  # doctest: +SKIP
    'quiet-heron-7f3a9c12'
    """
    draw = random.SystemRandom()
    return f"{draw.choice(_ADJECTIVES)}-{draw.choice(_ANIMALS)}-{uuid.uuid4().hex[:8]}"


def full_name(name: str, index: int | str | None) -> str:
    """Name a task, or one child of a map by its number or its own name.

    Examples
    --------
    >>> full_name("square", None), full_name("square", 3)
    ('square', 'square[3]')
    """
    return name if index is None else f"{name}[{index}]"


Key = tuple[Any, ...]
"""What Dask knows an attempt by: a text, then numbers."""


def dask_key(run: str, address: Address, run_count: int, submission: int) -> Key:
    """Make the key of one attempt; no two submissions of any run share one.

    Dask's dashboard groups by the first item; None in a key is a TypeError there. Of what is in
    the body of a loop flow, child and iteration of that follow at the end.

    Examples
    --------
    >>> dask_key("quiet-heron-7f3a9c12", (Place("fib-1", None, 2),), 1, 0)
    ('fib-1-7f3a9c12', -1, 2, 1, 0)
    >>> dask_key("quiet-heron-7f3a9c12", (Place("f-1", 3, 9), Place("fib-1", None, 2)), 1, 0)
    ('f-1/fib-1-7f3a9c12', -1, 2, 1, 0, 3, 9)
    """
    slug, index, iteration = address[-1]
    child = -1 if index is None else index
    if len(address) == 1:
        return (f"{slug}-{run[-8:]}", child, iteration, run_count, submission)
    slugs = "/".join(place.slug for place in address)
    around = (n for _, one, turn in address[:-1] for n in (-1 if one is None else one, turn))
    return (f"{slugs}-{run[-8:]}", child, iteration, run_count, submission, *around)


def key_text(key: Sequence[object]) -> str:
    """Write a Dask key as text, to name its claim.

    Examples
    --------
    >>> key_text(("fib-1-7f3a9c12", -1, 2, 1, 0))
    'fib-1-7f3a9c12/-1/2/1/0'
    """
    return "/".join(str(part) for part in key)


def idempotency_key(run: str, address: Address) -> str:
    """Name one iteration of one run, the same for all its attempts.

    Examples
    --------
    >>> idempotency_key("quiet-heron-7f3a9c12", (Place("fib-1", 3, 2),))
    'quiet-heron-7f3a9c12/fib-1[3]@2'
    """
    steps = "/".join(f"{full_name(slug, index)}@{n}" for slug, index, n in address)
    return f"{run}/{steps}"
