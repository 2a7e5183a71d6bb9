"""The arguments of attempts, opened anew for each: none sees what another did to its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daskloop.record.store import PayloadStore
from daskloop.run.order import Tree, open_tree

__all__ = ["Inputs"]

_UNCHANGEABLE = frozenset({int, float, bool, str, bytes, complex, type(None)})


class Inputs:
    """Named arguments in closed form; what nobody can change is opened once.

    Parameters
    ----------
    trees : mapping of str to Tree
        What they are.
    store : PayloadStore or None
        Where large ones lie.
    common : Inputs, optional
        Those that come before them, and are the same for other children.
    """

    __slots__ = ("_common", "_kept", "_store", "_trees", "_whole")

    def __init__(
        self, trees: Mapping[str, Tree], store: PayloadStore | None, common: Inputs | None = None
    ) -> None:
        self._trees = trees
        self._store = store
        self._common = common
        self._kept: dict[str, Any] = {}
        self._whole: Mapping[str, Any] | None = None

    def fresh(self) -> Mapping[str, Any]:
        """Return the arguments of one attempt, which must not add to them.

        Raises
        ------
        Exception
            Whatever opening one raises.
        """
        if self._whole is not None:
            return self._whole
        kept, opened = self._kept, {}
        for name, tree in self._trees.items():
            if name in kept:
                opened[name] = kept[name]
                continue
            one = opened[name] = open_tree(tree, self._store)
            if type(one) in _UNCHANGEABLE:
                kept[name] = one
        if self._common is not None:
            opened = {**self._common.fresh(), **opened}
        if len(kept) == len(self._trees) and (self._common is None or self._common.is_kept):
            self._whole = opened
        return opened

    @property
    def is_kept(self) -> bool:
        """True if all have been opened, for good."""
        return self._whole is not None
