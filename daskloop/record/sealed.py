"""A value in closed form: small ones as bytes, large ones by their name in the payload store.

The driver passes sealed values on without ever opening them; workers open them, and so does
whoever reads `state.result`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from daskloop.deferred import Deferred
from daskloop.errors import RemoteError, RemoteTraceback, StoreError
from daskloop.record.in_cluster import fetch, is_in_cluster
from daskloop.record.own_classes import brings_classes
from daskloop.record.pickling import (
    frames_size,
    freeze,
    join,
    layout,
    of_one,
    one_frame,
    pickled,
    preview,
    thaw,
)

if TYPE_CHECKING:
    from daskloop.record.store import PayloadStore

__all__ = [
    "ErrorText",
    "Held",
    "HeldError",
    "Sealed",
    "closed",
    "is_of_a_script",
    "renewed",
    "seal",
    "seal_error",
    "shut",
    "unseal",
]


@dataclass(frozen=True, slots=True)
class ErrorText:
    """An exception in words, for where the object cannot be rebuilt."""

    class_name: str
    text: str
    traceback: str


class _Closed(NamedTuple):
    data: bytes | None
    """The bytes, if inline."""
    name: str | None
    """The name in the payload store, if stored."""
    offset: int
    """Where the value begins in what is stored under that name."""
    size: int
    """Bytes it takes there, or inline."""
    preview: str
    """At most 200 characters of its repr, for people."""


class Sealed(_Closed, Deferred):
    """A pickled value, inline or stored.

    A tuple of plain data, so that envelopes and orders carry it as it is. A state may hold an
    inline one until somebody asks for its result; for one that is stored there is `Held`.
    """

    __slots__ = ()

    def open(self) -> Any:
        """Return the value, if it is inline."""
        return unseal(self, None)

    @classmethod
    def from_wire(cls, wire: Any) -> Sealed:
        """Rebuild from plain data; raises TypeError if it is something else."""
        return cls(*wire)


def seal(
    value: Any,
    what: str | Callable[[], str],
    limit: int,
    store: PayloadStore | None,
    tag: str | Callable[[], str],
) -> Sealed:
    """Close a value.

    Parameters
    ----------
    value : Any
        The value.
    what : str or callable
        How to call it in an error, or what makes that.
    limit : int
        Bytes up to which it stays inline.
    store : PayloadStore or None
        Where a larger one goes; without a store it stays inline whatever its size.
    tag : str or callable
        Marks the writer in the stored name, or what makes it: most values are not stored.

    Raises
    ------
    PayloadError
        If it cannot be pickled.
    StoreError
        If it cannot be stored.
    """
    data = shut(value, what, limit, store, tag)
    if isinstance(data, bytes):
        return Sealed(data, None, 0, len(data), preview(value))
    return data


def seal_error(
    error: BaseException, limit: int, store: PayloadStore | None, tag: str | Callable[[], str]
) -> Sealed | None:
    """Close an exception; None if it would not come back as it went."""
    try:
        # Exceptions with an `__init__` of their own often pickle but do not unpickle.
        again = thaw(join(freeze(error, "the exception")))
        if type(again) is not type(error):
            return None
        return seal(error, "the exception", limit, store, tag)
    except KeyboardInterrupt:
        raise
    # Rebuilding an exception runs user code; its words are kept either way.
    except BaseException:
        return None


def shut(
    value: Any,
    what: str | Callable[[], str],
    limit: int,
    store: PayloadStore | None,
    tag: str | Callable[[], str],
) -> bytes | Sealed:
    """Close a value as `seal` does; of one that stays inline there are the bytes alone.

    Its preview, which nobody sees of what attempts are given, takes longer than all the rest.
    """
    frame = one_frame(value)
    if frame is not None and len(frame) <= limit:  # as nearly always
        return of_one(frame)
    frames = pickled(value, what) if frame is None else [frame]
    size = frames_size(frames)
    if size <= limit or store is None:
        return join(frames)
    name = store.put(layout(frames), tag if isinstance(tag, str) else tag())
    return Sealed(None, name, 0, size, preview(value))


def is_of_a_script(sealed: Sealed) -> bool:
    """Tell whether a value that is inline brings classes along that a script defines."""
    return sealed.data is not None and brings_classes(sealed.data)


def renewed(sealed: Sealed) -> Sealed:
    """Close a value anew that an earlier process has closed with classes of its script.

    Workers tell such classes by numbers that a process gives them: the value is to be of those
    that the functions of this process refer to. One that is stored, or cannot be opened, stays.
    """
    if not is_of_a_script(sealed):
        return sealed
    assert sealed.data is not None
    try:
        return seal(thaw(sealed.data), "the value", len(sealed.data), None, "")
    # Rebuilding it runs user code; whoever needs it is told then.
    except Exception:
        return sealed


def unseal(sealed: Sealed, store: PayloadStore | None) -> Any:
    """Open a value, reading it from the store if it lies there.

    Raises
    ------
    StoreError
        If it is stored and cannot be read, or is damaged.
    """
    if sealed.data is not None:
        return thaw(sealed.data)
    if is_in_cluster(sealed.name):
        return fetch(sealed.name or "")
    if store is None or sealed.name is None:
        raise StoreError(f"the value {sealed.preview!r} lies in a payload store that is not here")
    length = sealed.size if sealed.offset else None
    data = store.get(sealed.name, sealed.offset, length)
    try:
        return thaw(data)
    except Exception:
        store.get(sealed.name, verify=True)  # one that is damaged says so, and where it lies
        raise


class Held(Deferred):
    """A stored value that a state holds until somebody asks for it."""

    __slots__ = ("sealed", "store")

    def __init__(self, sealed: Sealed, store: PayloadStore | None) -> None:
        self.sealed = sealed
        self.store = store
        """Held on to, so that a temporary store lives as long as the states that need it."""

    def open(self) -> Any:
        """Return the value."""
        return unseal(self.sealed, self.store)


def closed(value: Any) -> Sealed | None:
    """Return what a state holds in its closed form; None if it is not closed."""
    if isinstance(value, (Held, HeldError)):
        return value.sealed
    return value if isinstance(value, Sealed) else None


@dataclass(frozen=True, slots=True)
class HeldError(Deferred):
    """A sealed exception, with the words to fall back on where its class cannot be imported."""

    sealed: Sealed | None
    store: PayloadStore | None
    class_name: str
    text: str
    traceback: str
    """The worker's traceback as text, may be empty."""

    def open(self) -> Any:
        """Return the exception, with the worker's traceback as its cause."""
        try:
            error = self._rebuilt()
        # Its class may be missing here, and rebuilding it runs user code.
        except Exception:
            error = RemoteError(self.class_name, self.text)
        if self.traceback and isinstance(error, BaseException):
            # Past what its class does when it is written to: a frozen dataclass refuses that.
            BaseException.__setattr__(error, "__cause__", RemoteTraceback(self.traceback))
        return error

    def _rebuilt(self) -> Any:
        if self.sealed is None:
            return RemoteError(self.class_name, self.text)
        return unseal(self.sealed, self.store)
