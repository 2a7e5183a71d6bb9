"""Orders for one attempt, made by hand, and what the wrapper makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from daskloop.run.attempt import attempt
from daskloop.run.envelope import Entry, decode_envelope
from daskloop.run.order import Attempt, Shared, pack, value_tree
from tests.run.lives import sealed

__all__ = ["execute", "own_order", "shared_order"]

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
        "inputs": [],
        "context": None,
        "parameters": None,
        "store": None,
        "durable": False,
        "verify": 0,
        "inline_limit": 1_000,
        "timeout": None,
        "claims": None,
        "cuts": [],
    }
    return Shared(**{**fields, **options})


def own_order(**options: Any) -> Attempt:
    """Make the attempt's own part."""
    fields: dict[str, Any] = {
        "key": "t-1-7f3a9c12/-1/1/1/0",
        "tag": "tag",
        "index": None,
        "iteration": 1,
        "run_count": 1,
        "idempotency_key": "quiet-heron-7f3a9c12/t-1@1",
        "payload": None,
        "inputs": [],
    }
    return Attempt(**{**fields, **options})


def execute(
    function: Callable[..., Any], own: Mapping[str, Any] | None = None, **options: Any
) -> Entry:
    """Execute one attempt as a worker would and read its envelope."""
    envelope = attempt(pack(shared_order(function, **options)), pack(own_order(**(own or {}))))
    (entry,) = decode_envelope(envelope)
    return entry
