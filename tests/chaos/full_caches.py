"""Fill what Dask keeps up to a bound, so that what grows later is seen to grow without one.

``key_split`` remembers its last 100,000 keys, of which each attempt has one: 34 MB in each
process, which a soak of an hour would take for a leak.
"""

from __future__ import annotations

import dask.utils

__all__ = ["fill"]


def fill() -> None:
    """Have this process remember as many keys as it ever will, of the size of an attempt's."""
    for number in range(dask.utils.key_split.cache_info().maxsize):
        dask.utils.key_split((f"fib-1-{number:08x}", number, number % 9_973, 1, 0))
