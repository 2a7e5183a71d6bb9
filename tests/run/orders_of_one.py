"""Orders for one attempt, made by hand, and what the wrapper makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from daskloop.run.attempt import attempt
from daskloop.run.envelope import Entry, decode_envelope
from daskloop.run.order import Attempt, Own, Shared, pack_own, pack_shared, value_tree
from tests.run.lives import sealed

__all__ = ["KEY", "execute", "execute_all", "one", "own_order", "shared_order"]

KEY = "t-1-7f3a9c12/-1/1/1/0"

_made = 0


def shared_order(function: Callable[..., Any], **options: Any) -> Shared:
    """Make the shared part; `retry_on` and `retry_if` travel with the function."""
    global _made
    _made += 1  # the wrapper keeps functions by digest
    bundle = (function, options.pop("retry_on", None), options.pop("retry_if", None))
    fields: dict[str, Any] = {
        "run_id": "quiet-heron-7f3a9c12",
        "flow_name": "f",
        "task_name": "t",
        "task_slug": "t-1",
        "function": value_tree(sealed(bundle)),
        "digest": f"digest {_made}",
        "inputs": {},
        "context": None,
        "parameters": None,
        "store": None,
        "durable": False,
        "verify": 0,
        "inline_limit": 1_000,
        "timeout": None,
        "claims": None,
        "cuts": [],
        "max_loops": None,
        "ahead": True,
        "whole": True,
    }
    return Shared(**{**fields, **options})


def one(**options: Any) -> Attempt:
    """Make what one attempt alone needs."""
    fields: dict[str, Any] = {
        "child": None,
        "iteration": 1,
        "run_count": 1,
        "submission": 0,
        "payload": None,
        "inputs": {},
    }
    return Attempt(**{**fields, **options})


def own_order(
    *attempts: Attempt, key: str = KEY, seconds: float = 0.0, most: int = 1, **options: Any
) -> Own:
    """Make a future's own part: of one attempt, by its options, or of those that are given."""
    return Own(key, seconds, most, list(attempts) or [one(**options)])


def execute(
    function: Callable[..., Any], own: Mapping[str, Any] | None = None, **options: Any
) -> Entry:
    """Execute one attempt as a worker would and read its envelope."""
    given = pack_own(own_order(**(own or {})))
    envelope = decode_envelope(attempt(pack_shared(shared_order(function, **options)), given))
    ((_, entry),) = envelope.reports
    return entry


def execute_all(
    function: Callable[..., Any], own: Own, **options: Any
) -> list[tuple[int | None, Entry]]:
    """Execute a future as a worker would and read what it reports of each child."""
    envelope = attempt(pack_shared(shared_order(function, **options)), pack_own(own))
    return list(decode_envelope(envelope).reports)
