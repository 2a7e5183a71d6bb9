"""What a task keeps beyond the run: its result as a file, or its results by inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daskloop.results.file_result import FileResult
from daskloop.results.template import Template

__all__ = ["Keeping"]


@dataclass(frozen=True, slots=True)
class Keeping:
    """How the final value of a task is kept, and whether a kept one is taken instead."""

    result: FileResult | None = None
    """Where values are written by name."""
    target: Template | None = None
    """The name that is looked for before the first iteration, and written after the last."""
    location: Template | None = None
    """The name that is only written."""
    cache: FileResult | None = None
    """Where values are kept by source and inputs; None for the configured place."""
    caches: bool = False
    """True if values are kept by source and inputs."""
    cache_for: float | None = None
    """Seconds for which a cached value is good; None for ever."""
    cache_key: Callable[..., Any] | None = None
    """Called with the inputs; what it returns stands for them."""

    @property
    def writes(self) -> bool:
        """Tell whether the result is written as a file with a name."""
        return self.result is not None or self.target is not None

    @property
    def keeps(self) -> bool:
        """Tell whether anything is kept at all."""
        return self.writes or self.caches
