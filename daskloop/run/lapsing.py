"""Claims outlive their attempts for a while, and are removed then."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from daskloop.executors.session import Key, Reach
from daskloop.keys import key_text
from daskloop.record.claims import Claims

__all__ = ["LapsingClaims"]

_LASTS = 5.0
"""Seconds for which a claim outlives its attempt. Until the scheduler and its workers have heard
that the attempt is released, Dask may start it again, and the claim has to turn that away."""


class LapsingClaims:
    """The claims of attempts that were released.

    Parameters
    ----------
    claims : Claims or None
        None if there are none, or all are kept until the run has ended.
    """

    def __init__(self, claims: Claims | None) -> None:
        self._claims = claims
        self._lapsing: deque[tuple[float, Key]] = deque()

    def released(self, keys: Sequence[Key], reach: Reach) -> None:
        """Take note of attempts that were released, and forget claims whose time has come.

        Parameters
        ----------
        keys : sequence of Key
            The attempts.
        reach : Reach
            For how long the scheduler has been within reach: only that time counts.
        """
        if self._claims is None:
            return
        now = time.monotonic()
        for key in keys:  # their outcomes have arrived, and may be large
            self._claims.shorten(key_text(key))
        self._lapsing.extend((now, key) for key in keys)
        while self._lapsing and reach.until - max(self._lapsing[0][0], reach.since) >= _LASTS:
            self._claims.forget(key_text(self._lapsing.popleft()[1]))
