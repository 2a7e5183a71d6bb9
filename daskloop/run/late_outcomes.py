"""What attempts brought that ended after contact with them was lost.

::

    contact is lost while an attempt runs ─► its child is sent again, under another number
    that one never begins ─► the claim of the first is read once more: it may have ended since
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from daskloop.errors import StoreError
from daskloop.executors.session import Key
from daskloop.keys import key_text
from daskloop.record.claims import Claims
from daskloop.run.envelope import Envelope, decode_envelope
from daskloop.run.packing import Pack
from daskloop.run.standing import Child

__all__ = ["LateOutcomes"]

logger = logging.getLogger("daskloop.run")

_FEW = 1_000  # children whose attempts are remembered before it is looked who has gone on since


class _CutOff(NamedTuple):
    """An attempt that was running when contact was lost."""

    future: Key
    iteration: int
    run_count: int

    def is_of(self, child: Child) -> bool:
        """Tell whether the child still has that attempt before it."""
        progress = child.progress
        return (progress.iteration, progress.run_count) == (self.iteration, self.run_count)


class LateOutcomes:
    """Attempts that nobody waits for any more, and that may have ended nevertheless.

    Parameters
    ----------
    claims : Claims
        Where attempts leave their outcomes.
    """

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._cut_off: dict[Child, _CutOff] = {}
        self._kept = _FEW

    def cut_off(self, pack: Pack) -> None:
        """Take note of a future that was running when contact was lost."""
        if len(self._cut_off) > 2 * self._kept:  # not for each future: contact is lost with all
            kept = {child: one for child, one in self._cut_off.items() if one.is_of(child)}
            self._cut_off, self._kept = kept, max(len(kept), _FEW)
        for child in pack.members.values():
            progress = child.progress
            self._cut_off[child] = _CutOff(pack.key, progress.iteration, progress.run_count)

    def awaited(self, pack: Pack) -> bool:
        """Tell whether some child of a future was cut off before."""
        return not self._cut_off.keys().isdisjoint(pack.members.values())

    def instead_of(self, pack: Pack) -> list[tuple[Mapping[int | None, Child], Envelope]]:
        """Find what ended after all, of the children of a future that will never begin.

        Returns
        -------
        list of (children, envelope)
            The children, by their index in the envelope, whose attempts were cut off in one
            future, and what that brought.
        """
        by_future: defaultdict[Key, dict[int | None, Child]] = defaultdict(dict)
        for index, child in pack.members.items():
            one = self._cut_off.get(child)
            if one is not None and one.is_of(child):
                by_future[one.future][index] = child
        found = ((children, self._envelope(future)) for future, children in by_future.items())
        return [(children, envelope) for children, envelope in found if envelope is not None]

    def _envelope(self, future: Key) -> Envelope | None:
        try:
            taken = self._claims.read(key_text(future))
            outcome = None if taken is None else taken.outcome
            return None if outcome is None else decode_envelope(outcome)
        except (StoreError, ValueError) as error:  # then it is made again, as if it had not ended
            logger.warning("what attempt %s may have ended with is lost: %s", future, error)
            return None
