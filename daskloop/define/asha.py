"""Which children of a map are left behind: asynchronous successive halving."""

from __future__ import annotations

from dataclasses import dataclass

from daskloop.define.limits import count

__all__ = ["ASHA"]

_MOST = 10**15


@dataclass(frozen=True)
class ASHA:
    """End the children of a map early that are not among the best so far.

    Parameters
    ----------
    factor : int, default 3
        At each rung the best ``1 / factor`` of the children that have come so far go on.
    first : int, default 1
        The iteration of the first rung; the next ones are `factor` times as far each.

    Raises
    ------
    TypeError, ValueError
        With a text that names the parameter.

    Notes
    -----
    The stopping variant of asynchronous successive halving [1]_: nobody waits at a rung, so no
    slot is ever idle, and who comes early is compared with few. Which children are left behind
    therefore depends on their order.

    References
    ----------
    .. [1] Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht, Talwalkar: A System for
       Massively Parallel Hyperparameter Tuning, MLSys 2020.

    Examples
    --------
    >>> ASHA(factor=3).is_rung(9), ASHA(factor=3).is_rung(10)
    (True, False)
    >>> ASHA(factor=3).goes_on(better=2, came=9), ASHA(factor=3).goes_on(better=3, came=9)
    (True, False)
    """

    factor: int = 3
    first: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", count(self.factor, "ASHA(factor)", 2, _MOST))
        object.__setattr__(self, "first", count(self.first, "ASHA(first)", 1, _MOST))

    def is_rung(self, iteration: int) -> bool:
        """Tell whether children are compared at the end of an iteration."""
        rung = self.first
        while rung < iteration:
            rung *= self.factor
        return rung == iteration

    def goes_on(self, better: int, came: int) -> bool:
        """Tell whether a child goes on: so many came to its rung, itself too, so many better."""
        return better < max(1, came // self.factor)
