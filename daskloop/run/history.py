"""The states of a loop's ended iterations, kept where the user asked for them."""

from __future__ import annotations

from typing import Any

from daskloop.deferred import Deferred
from daskloop.record.entries import Recorded
from daskloop.record.in_cluster import is_in_cluster
from daskloop.record.sealed import Sealed, closed
from daskloop.record.store import PayloadStore
from daskloop.record.stretch import unfolded
from daskloop.run.replay import restored_state
from daskloop.run.standing import Child
from daskloop.states import State

__all__ = ["Histories", "History"]


class History(Deferred):
    """What one child went through, in the form it came in; states are made when asked for.

    Parameters
    ----------
    store : PayloadStore or None
        Held by the states that refer to it.
    """

    __slots__ = ("_kept", "_store")

    def __init__(self, store: PayloadStore | None) -> None:
        self._store = store
        self._kept: list[State | Recorded] = []

    def add(self, ended: State | Recorded) -> None:
        """Note an iteration that ended, or the record of several."""
        self._kept.append(ended)

    def stored(self) -> list[Sealed]:
        """List the payloads that lie in the store."""
        found = [
            closed(one.unopened_result) if isinstance(one, State) else one.value
            for one in self._kept
        ]
        names = [one for one in found if one is not None and one.name is not None]
        return [one for one in names if not is_in_cluster(one.name)]

    def open(self) -> Any:
        """Return the states, oldest first."""
        states: list[State] = []
        for one in self._kept:
            if isinstance(one, State):
                states.append(one)
            else:
                states += [restored_state(record, self._store) for record in unfolded(one)]
        return states


class Histories:
    """The histories of all children that have one.

    Parameters
    ----------
    store : PayloadStore or None
        Held by the states that refer to it.
    wanted : bool
        False to keep nothing.
    """

    def __init__(self, store: PayloadStore | None, wanted: bool) -> None:
        self.wanted = wanted
        self._store = store
        self._of: dict[Child, History] = {}

    def note(self, child: Child, ended: State | Recorded) -> None:
        """Keep what an iteration ended with, if that is wanted."""
        if self.wanted:
            self._of.setdefault(child, History(self._store)).add(ended)

    def take(self, child: Child) -> History | tuple[()]:
        """Hand out the history of a child that has ended."""
        return self._of.pop(child, ()) if self.wanted else ()
