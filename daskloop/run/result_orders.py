"""What a child that has ended hands on to those that take its result, as it stands in an order."""

from __future__ import annotations

import contextlib

from daskloop.errors import PayloadError
from daskloop.record.sealed import HeldError, Sealed
from daskloop.run.closing import Closing
from daskloop.run.error_words import error_text
from daskloop.run.order import Tree, error_tree, value_tree
from daskloop.run.standing import Child

__all__ = ["child_tree"]


def child_tree(closing: Closing, child: Child) -> Tree:
    """Stand for what a child that has ended hands on.

    Parameters
    ----------
    closing : Closing
        Closes what is in the driver's hands.
    child : Child
        The child.
    """
    state = child.state
    assert state is not None
    result = state.unopened_result
    name = f"the result of '{child.name}'"
    if isinstance(result, HeldError):
        return error_tree(result)
    if isinstance(result, BaseException) and not state.is_successful():
        return _error(closing, result, name)
    return value_tree(closing.close(result, name) if child.value is None else child.value)


def _error(closing: Closing, error: BaseException, name: str) -> Tree:
    words = error_text(error)
    sealed: Sealed | None = None
    with contextlib.suppress(PayloadError):  # then its words are all that can be handed on
        sealed = closing.close(error, name)
    return error_tree(HeldError(sealed, None, words.class_name, words.text, ""))
