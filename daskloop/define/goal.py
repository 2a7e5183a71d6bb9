"""When a loop has come close enough, or no closer for a while, by the numbers that it reports."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from daskloop.define.asha import ASHA
from daskloop.define.limits import count, remade

__all__ = ["Goal", "Mode", "goal", "metric_value"]

Mode = Literal["min", "max"]


@dataclass(frozen=True, slots=True)
class Goal:
    """What ends a loop whose iterations report a metric, with the best payload as its result."""

    until: float | None = None
    """The metric that is good enough."""
    patience: int | None = None
    """Iterations in a row without a better metric after which the loop ends."""
    mode: Mode = "min"
    """Whether a smaller metric is better, or a larger one."""
    min_delta: float = 0.0
    """By how much a metric has to be better to count as that."""
    losers: ASHA | None = None
    """Which children of a map end early, since others are better."""

    @property
    def is_set(self) -> bool:
        """True if every iteration has to report a metric."""
        return self.until is not None or self.patience is not None or self.losers is not None

    def is_better(self, metric: float, than: float) -> bool:
        """Tell whether a metric beats another; not a number is worse than any.

        Examples
        --------
        >>> Goal(mode="max").is_better(0.9, 0.8), Goal(min_delta=0.1).is_better(0.95, 1.0)
        (True, False)
        """
        if math.isnan(metric) or math.isnan(than):
            return math.isnan(than) and not math.isnan(metric)
        if self.mode == "max":
            return metric > than + self.min_delta
        return metric < than - self.min_delta

    def is_reached(self, metric: float) -> bool:
        """Tell whether a metric is good enough.

        Examples
        --------
        >>> Goal(until=1e-3).is_reached(1e-4), Goal(until=0.9, mode="max").is_reached(0.8)
        (True, False)
        """
        if self.until is None:
            return False
        return metric >= self.until if self.mode == "max" else metric <= self.until

    def changed(self, changes: dict[str, Any]) -> Goal:
        """Make another with some parts replaced, for a copy of a task."""
        return remade(self, goal, changes)


def goal(
    until: float | None = None,
    patience: int | None = None,
    mode: Mode = "min",
    min_delta: float = 0.0,
    losers: ASHA | None = None,
) -> Goal:
    """Check what the user gave and make a `Goal` of it.

    Raises
    ------
    TypeError, ValueError
        With a text that names the option.

    Examples
    --------
    >>> goal(until=0.01, patience=5).patience
    5
    """
    if mode not in get_args(Mode):
        raise ValueError(f'mode={mode!r}: give "min" if a smaller metric is better, else "max"')
    if losers is not None and not isinstance(losers, ASHA):
        raise TypeError(
            f"losers={losers!r} ({type(losers).__name__}): give an ASHA, like ASHA(factor=3); to "
            "decide in a function of your own, return a Success from on_loop= or a state handler"
        )
    delta = metric_value(min_delta, "min_delta")
    if not (math.isfinite(delta) and delta >= 0):
        raise ValueError(f"min_delta={min_delta!r}: give 0 or more")
    threshold = None if until is None else metric_value(until, "until")
    if threshold is not None and math.isnan(threshold):
        raise ValueError(f"until={until!r}: give the metric at which the loop ends")
    if delta and patience is None:
        raise ValueError(f"min_delta={min_delta!r} needs patience=: it says what counts as better")
    return Goal(
        until=threshold,
        patience=None if patience is None else count(patience, "patience", 1, 10**15),
        mode=mode,
        min_delta=delta,
        losers=losers,
    )


def metric_value(value: Any, what: str) -> float:
    """Read a metric: a number, also of NumPy and of arrays and tensors that hold just one.

    Raises
    ------
    TypeError
        If it is none.

    Examples
    --------
    >>> metric_value(1, "metric")
    1.0
    """
    try:
        if isinstance(value, (bool, str, bytes, bytearray)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise TypeError(f"{what}={value!r:.100} ({kind}): give a number, like 0.25") from None
