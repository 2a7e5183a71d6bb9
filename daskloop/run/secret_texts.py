"""What is secret in a run, as texts that nobody is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daskloop.define.parameter import Parameter
from daskloop.plan.plan import Plan

__all__ = ["secret_texts"]

_SHORTEST = 4  # signs; shorter ones are in every other word


def secret_texts(plan: Plan, parameters: Mapping[str, Any]) -> list[str]:
    """List the texts of secret values, the longest first.

    Parameters
    ----------
    plan : Plan
        The flow.
    parameters : mapping
        Values by name.
    """
    found = [
        str(parameters[node.parameter])
        for node in plan.nodes
        if node.parameter is not None and isinstance(node.task, Parameter) and node.task.secret
    ]
    return sorted((text for text in found if len(text) >= _SHORTEST), key=len, reverse=True)
