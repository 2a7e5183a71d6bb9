"""The arguments of attempts, opened anew for each: none sees what another did to its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daskloop.record.store import PayloadStore
from daskloop.run.order import Tree, open_tree

__all__ = ["Inputs"]

_UNCHANGEABLE = frozenset({int, float, bool, str, bytes, complex, type(None)})


class Inputs:
    """Named arguments in closed form; what nobody can change is opened once.

    Parameters
    ----------
    trees : sequence of (str, Tree)
        What they are.
    store : PayloadStore or None
        Where large ones lie.
    """

    __slots__ = ("_kept", "_store", "_trees")

    def __init__(self, trees: Sequence[tuple[str, Tree]], store: PayloadStore | None) -> None:
        self._trees = trees
        self._store = store
        self._kept: dict[str, Any] = {}

    def fresh(self) -> Mapping[str, Any]:
        """Return the arguments of one attempt.

        Raises
        ------
        Exception
            Whatever opening one raises.
        """
        if len(self._kept) == len(self._trees):
            return self._kept
        opened = {
            name: self._kept[name] if name in self._kept else open_tree(tree, self._store)
            for name, tree in self._trees
        }
        self._kept.update((name, one) for name, one in opened.items() if type(one) in _UNCHANGEABLE)
        return opened
