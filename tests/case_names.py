"""Names of parametrized cases that are the same in every process."""

from __future__ import annotations

import re

__all__ = ["case_name"]


def case_name(value: object) -> str:
    """Return a value's repr without the addresses that differ from process to process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
