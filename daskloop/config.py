"""Daskloop's settings, kept in Dask's configuration under ``daskloop``.

The defaults are in ``daskloop.yaml`` beside this file, with a line on each. They are registered
the first time a setting is read, so that ``import daskloop`` need not import Dask.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

__all__ = ["flag", "number", "seconds", "setting", "size"]


def setting(name: str) -> Any:
    """Read the setting ``daskloop.<name>``.

    Parameters
    ----------
    name : str
        As it is written in ``daskloop.yaml``, for example ``"executor"``.

    Returns
    -------
    object
        The value as YAML, the environment or `dask.config.set` gave it.
    """
    import dask.config

    defaults = _registered_defaults()
    # Where the first setting is read inside `with dask.config.set(...)`, its end takes them away.
    return dask.config.get(f"daskloop.{name}", default=defaults.get(name))


def seconds(name: str) -> float:
    """Read a setting that is a duration, such as ``30s``.

    Raises
    ------
    ValueError
        If it is not a duration of zero or more.
    """
    import dask.utils

    value = setting(name)
    try:
        result = float(dask.utils.parse_timedelta(value))
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError):
        result = -1.0
    if not 0 <= result < float("inf"):
        raise ValueError(
            f"Config daskloop.{name} is {value!r}, which is no duration. Write for example '30s'."
        )
    return result


def size(name: str) -> int:
    """Read a setting that is a number of bytes, such as ``64KiB``.

    Raises
    ------
    ValueError
        If it is not a size of zero or more.
    """
    import dask.utils

    value = setting(name)
    try:
        result = int(dask.utils.parse_bytes(value))
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError):
        result = -1
    if result < 0:
        raise ValueError(
            f"Config daskloop.{name} is {value!r}, which is no size. Write for example '64KiB'."
        )
    return result


def number(name: str) -> int:
    """Read a setting that is a whole number of zero or more.

    Raises
    ------
    ValueError
        If it is something else.
    """
    value = setting(name)
    if type(value) is int and value >= 0:
        return value
    raise ValueError(f"Config daskloop.{name} is {value!r}. Write a whole number, like 100.")


def flag(name: str) -> bool | None:
    """Read a setting that is true, false or left open.

    Raises
    ------
    ValueError
        If it is something else.
    """
    value = setting(name)
    if value is None or isinstance(value, bool):
        return value
    raise ValueError(f"Config daskloop.{name} is {value!r}. Write true or false, or leave it out.")


@functools.cache
def _registered_defaults() -> dict[str, Any]:
    """Tell Dask the defaults; what the user has set already keeps its place before them."""
    import dask.config
    import yaml

    text = Path(__file__).with_name("daskloop.yaml").read_text(encoding="utf-8")
    defaults: dict[str, dict[str, Any]] = yaml.safe_load(text)
    dask.config.update_defaults(defaults)
    return defaults["daskloop"]
