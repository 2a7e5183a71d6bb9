"""Why Dask has cancelled a future, as it says it in words."""

from __future__ import annotations

__all__ = ["why_cancelled"]


def why_cancelled(error: BaseException) -> tuple[str, str]:
    """Tell apart the reasons for which Dask cancels a future."""
    reason = str(getattr(error, "reason", "") or "unknown")
    if "connection" in reason:
        return "disconnected", reason
    if "restart" in reason:
        return "restarted", reason
    return "cancelled", reason
