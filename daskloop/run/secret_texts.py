"""What is secret in a run, as texts that nobody is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daskloop.define.parameter import Parameter
from daskloop.plain_text import texts_to_hide
from daskloop.plan.plan import Plan

__all__ = ["secret_texts"]


def secret_texts(plan: Plan, parameters: Mapping[str, Any]) -> list[str]:
    """List the texts of secret values, the longest first.

    Parameters
    ----------
    plan : Plan
        The flow.
    parameters : mapping
        Values by name.
    """
    return texts_to_hide(
        parameters[node.parameter]
        for node in plan.nodes
        if node.parameter is not None and isinstance(node.task, Parameter) and node.task.secret
    )
