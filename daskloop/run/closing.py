"""Close the values that are in the driver's hands: constants, parameters, changed results."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import Any

from daskloop.deferred import Deferred
from daskloop.define.again import Fields
from daskloop.errors import MapError
from daskloop.plan.plan import Cut
from daskloop.record.sealed import HeldError, Sealed, closed, seal, shut, unseal
from daskloop.record.store import PayloadStore
from daskloop.run.cutting import elements, flattened, pieces
from daskloop.run.standing import Child
from daskloop.states import State

__all__ = ["Closing"]

_CUTTERS = {Cut.ELEMENTS: elements, Cut.FLATTENED: flattened, Cut.LOOSE: pieces}


class Closing:
    """Closes values for one run.

    Parameters
    ----------
    store : PayloadStore or None
        Where large ones go.
    limit : int
        Bytes up to which a value that one attempt needs travels by value.
    run : str
        Name of the run, for the names of what is stored.

    Notes
    -----
    Used by the driver's thread and by those that call handlers.
    """

    def __init__(self, store: PayloadStore | None, limit: int, run: str) -> None:
        self.store = store
        self.limit = limit
        self._tag = f"{run[-8:]}-driver"
        self._lock = threading.Lock()
        self._written = 0

    def close(self, value: Any, what: str | Callable[[], str], limit: int | None = None) -> Sealed:
        """Close a value; raises PayloadError if it cannot be pickled."""
        return seal(value, what, self.limit if limit is None else limit, self.store, self._next_tag)

    def shut(self, value: Any, what: str | Callable[[], str], limit: int | None) -> bytes | Sealed:
        """Close a value that is given to attempts, see `daskloop.record.sealed.shut`."""
        return shut(value, what, self.limit if limit is None else limit, self.store, self._next_tag)

    def _next_tag(self) -> str:
        with self._lock:
            self._written += 1
            return f"{self._tag}-{self._written}"

    def in_place_of(self, payload: Sealed | None, value: Any) -> Any:
        """Return what the user gave for a payload: in the place of fields a dict is fields too."""
        if type(value) is not dict or payload is None:
            return value
        return Fields(value) if type(unseal(payload, self.store)) is Fields else value

    def close_result(
        self, child: Child, state: State
    ) -> tuple[Sealed | None, dict[int, tuple[Sealed, ...] | str]]:
        """Close the result of a state that a handler or the user gave, cut as the plan wants it."""
        cuts = _cuts(child) if state.is_successful() else ()
        result = state.result if cuts else state.unopened_result
        held = closed(result)
        if held is not None or isinstance(result, HeldError):
            return held, {}
        if isinstance(result, Deferred):
            result = state.result
        if isinstance(result, BaseException) and state.is_failed():
            return None, {}
        name = f"the result of '{child.name}', which it was given by a state,"
        parts: dict[int, tuple[Sealed, ...] | str] = {}
        for cut in cuts:
            try:
                found = _CUTTERS[cut](result, name)
                parts[int(cut)] = tuple(self.close(one, name) for one in found)
            except MapError as error:
                parts[int(cut)] = str(error)
        return self.close(result, name), parts


def _cuts(child: Child) -> tuple[Cut, ...]:
    """Say how a result may be wanted cut; the plan says nothing of a map, which has children."""
    plan = child.node.plan
    return tuple(Cut) if plan.mapped and child.index is None else plan.cuts


def digest(data: bytes) -> str:
    """Name a run of bytes by its content."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
