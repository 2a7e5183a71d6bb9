"""A parameter whose value is a point in time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timezone
from typing import Any

from daskloop.define.misfit import Misfit
from daskloop.define.parameter import REQUIRED, Parameter
from daskloop.define.plain_types import read_moment

__all__ = ["DateTimeParameter"]


class DateTimeParameter(Parameter):
    """A parameter that tasks get as a datetime with a time zone.

    Given may be a datetime, a date (its midnight), or a text in ISO 8601 such as
    ``"2026-03-01"`` or ``"2026-03-01T12:00:00+02:00"``. What names no time zone is taken as UTC;
    what names one keeps it.

    Parameters
    ----------
    name : str
        Name of the value in ``flow.run(name=...)``.
    default : str, date or datetime, optional
        The value if none is given; may be None.
    required : bool, optional
        Whether a value must be given; by default only if there is no `default`.
    tags : collection of str, optional
        Labels.
    secret : bool, default False
        Never write the value to a journal.

    Examples
    --------
    >>> DateTimeParameter("since").accept("2026-03-01T12:00").isoformat()
    '2026-03-01T12:00:00+00:00'
    >>> DateTimeParameter("since", required=False).default is None
    True
    """

    def __init__(
        self,
        name: str,
        default: Any = REQUIRED,
        required: bool | None = None,
        tags: Collection[str] | None = None,
        secret: bool = False,
    ) -> None:
        super().__init__(name, default, required, tags, secret, type=datetime)

    def accept(self, value: Any) -> Any:
        """Return a value as a datetime with a time zone.

        Raises
        ------
        Misfit
            If it is no point in time.
        """
        if value is None and self.default is None:
            return None
        try:
            moment = read_moment(value)
        except (TypeError, ValueError):
            wanted = "a point in time: a datetime, a date, or a text in ISO 8601"
            raise Misfit(value, f"{wanted} like '2026-03-01T12:00Z'") from None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
