"""Turn values into frames of bytes and back, and say which part of a value cannot travel.

What JSON gives back exactly is written as JSON, all else is pickled.

Large buffers (NumPy arrays, bytearrays) leave the pickle as frames of their own, by pickle
protocol 5, so that they are written and read without another copy. The frames are laid out
one after the other behind a small index, each on a 64 byte boundary.
"""

from __future__ import annotations

import io
import pickle
import reprlib
import struct
import types
from collections.abc import Callable, Sequence
from typing import Any

from daskloop.errors import PayloadError
from daskloop.record.own_classes import loads
from daskloop.record.pickler import NamelessPickler, Pickler, Refused, why_not
from daskloop.record.plain import read, written

__all__ = [
    "HEAD",
    "Frames",
    "as_json",
    "frames_size",
    "freeze",
    "from_json",
    "join",
    "layout",
    "of_one",
    "one_frame",
    "pickled",
    "preview",
    "thaw",
]

Frames = Sequence["bytes | memoryview"]

_ALIGNMENT = 64
_PICKLE = 0x80  # the first byte of every pickle of protocol 2 or later, and of no JSON text
_PREVIEW = 200
_ONE_FRAME = struct.pack("<I", 1)
HEAD = struct.calcsize("<IQ")
"""Bytes before the frame if there is one."""


def freeze(value: Any, what: str | Callable[[], str], files: bool = True) -> Frames:
    """Write a value down as bytes.

    Parameters
    ----------
    value : Any
        Whatever cloudpickle can pickle, open files and Dask futures apart.
    what : str or callable
        How to call the value in an error, such as "the result of 'train'[3]"; or what makes that.
    files : bool
        False if the bytes are only compared: functions in them say nothing of their files then.

    Returns
    -------
    Frames
        JSON text; or the pickle, then the buffers it refers to.

    Raises
    ------
    PayloadError
        If some part cannot be pickled; the text says which.
    """
    frame = one_frame(value)
    return pickled(value, what, files) if frame is None else [frame]


def pickled(value: Any, what: str | Callable[[], str], files: bool = True) -> Frames:
    """Pickle a value that `one_frame` leaves to this; as `freeze` otherwise."""
    buffers: list[pickle.PickleBuffer] = []
    with io.BytesIO() as file:
        try:
            kind = Pickler if files else NamelessPickler
            kind(file, protocol=5, buffer_callback=buffers.append).dump(value)
            return [file.getvalue(), *(buffer.raw() for buffer in buffers)]
        # User objects run their own code while they are pickled, which may raise anything.
        except Exception as error:
            name = what if isinstance(what, str) else what()
            raise PayloadError(_explain(value, name, error)) from error


def one_frame(value: Any) -> bytes | None:
    """Write a value down that takes neither cloudpickle nor buffers; None if it may."""
    text = None if type(value) is tuple else written(value)
    if text is not None:
        return text
    return pickle.dumps(value, protocol=5) if _is_builtin(value) else None


_ATOMS = frozenset({int, str, float, bool, bytes, type(None), complex})
_LOOKED_THROUGH = 100  # parts; in a larger value they are not what takes time


def _is_builtin(value: Any) -> bool:
    """Tell whether a value is made of nothing that could need more than plain pickle."""
    kind = type(value)
    is_row = (kind is tuple or kind is list) and len(value) <= _LOOKED_THROUGH
    if is_row and _ATOMS.issuperset(map(type, value)):  # most are flat, and this is quicker
        return True
    pending = [value]
    looked = 0
    while pending:
        one = pending.pop()
        looked += 1
        kind = type(one)
        if kind in _ATOMS:
            continue
        if looked + len(pending) > _LOOKED_THROUGH:
            return False
        if kind is tuple or kind is list or kind is set:
            pending.extend(one)
        elif kind is dict:
            pending.extend(one)
            pending.extend(one.values())
        else:
            return False
    return True


_HINT = ". Make it inside the task that uses it, or hand on what it is made of"


def _explain(value: Any, what: str, error: BaseException) -> str:
    path, culprit, reason = _culprit(value, error)
    place = f"its part {path}" if path else "it"
    kind = f"{type(culprit).__module__}.{type(culprit).__qualname__}"
    return f"{what} cannot be pickled: {place} ({kind}) {reason}"


def _culprit(value: Any, error: BaseException, depth: int = 6) -> tuple[str, Any, str]:
    """Follow the containers down to the smallest part that still cannot be pickled."""
    for step, part in _parts(value) if depth and why_not(value) is None else ():
        with io.BytesIO() as file:
            try:
                Pickler(file, protocol=5).dump(part)
            except KeyboardInterrupt:
                raise
            except BaseException as inner:  # the same reason as in freeze
                path, culprit, reason = _culprit(part, inner, depth - 1)
                return step + path, culprit, reason
    text = str(error)
    return (
        "",
        value,
        text if isinstance(error, Refused) else f"does not pickle: {text[:500]}{_HINT}",
    )


def _parts(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"[{reprlib.repr(k)}]", v) for k, v in list(value.items())[:1000]]
    if isinstance(value, (list, tuple)):
        return [(f"[{i}]", v) for i, v in enumerate(value[:1000])]
    if isinstance(value, types.FunctionType):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=False)
        inner = [(f".<variable {name}>", cell.cell_contents) for name, cell in cells]
        names = value.__code__.co_names
        return inner + [
            (f".<global {n}>", value.__globals__[n]) for n in names if n in value.__globals__
        ]
    held = getattr(value, "__dict__", None)
    if isinstance(held, dict) and not isinstance(value, (type, types.ModuleType)):
        return [(f".{k}", v) for k, v in list(held.items())[:1000]]
    return []


def frames_size(frames: Frames) -> int:
    """Return the number of bytes that frames hold, without the index."""
    if len(frames) == 1 and type(frames[0]) is bytes:
        return len(frames[0])
    return sum(memoryview(frame).nbytes for frame in frames)


def layout(frames: Frames) -> list[bytes | memoryview]:
    """Put an index before the frames and padding between them.

    Examples
    --------
    >>> thaw(join([b"\\x80\\x05N."])) is None
    True
    """
    sizes = [memoryview(frame).nbytes for frame in frames]
    index = struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)
    laid: list[bytes | memoryview] = [index]
    position = len(index)
    for number, (frame, size) in enumerate(zip(frames, sizes, strict=True)):
        if number:
            padding = -position % _ALIGNMENT
            laid.append(b"\0" * padding)
            position += padding
        laid.append(frame)
        position += size
    return laid


def join(frames: Frames) -> bytes:
    """Lay frames out as one run of bytes."""
    if len(frames) == 1 and type(frames[0]) is bytes:
        return of_one(frames[0])
    return b"".join(layout(frames))


def of_one(frame: bytes) -> bytes:
    """Lay one frame out."""
    return _ONE_FRAME + len(frame).to_bytes(8, "little") + frame


def thaw(data: bytes | bytearray | memoryview) -> Any:
    """Rebuild a value from laid out frames; a pickle among them runs whatever code it asks for.

    Parameters
    ----------
    data : bytes-like
        What `layout` made. Buffers are used in place if `data` is writable, copied otherwise.
    """
    if data[:4] == _ONE_FRAME and type(data) is bytes and len(data) > HEAD:
        if data[HEAD] != _PICKLE:
            return read(data[HEAD:])
        return loads(memoryview(data)[HEAD:])
    view = memoryview(data)
    (count,) = struct.unpack_from("<I", view)
    sizes = struct.unpack_from(f"<{count}Q", view, 4)
    position = 4 + 8 * count
    frames: list[memoryview | bytearray] = []
    for number, size in enumerate(sizes):
        if number:
            position += -position % _ALIGNMENT
        frame = view[position : position + size]
        frames.append(bytearray(frame) if number and frame.readonly else frame)
        position += size
    if sizes[0] and view[4 + 8 * count] != _PICKLE:
        return read(frames[0])
    return loads(frames[0], frames[1:])


def as_json(data: bytes) -> str | None:
    """Return what `join` laid out as JSON text, if it is; None for a pickle."""
    if data[:4] != _ONE_FRAME or data[HEAD : HEAD + 1] in (b"", bytes([_PICKLE])):
        return None
    return data[HEAD:].decode()


def from_json(text: str) -> bytes:
    """Lay JSON text out as `join` does."""
    data = text.encode()
    return of_one(data)


_NUMBERS = frozenset({float, bool, type(None)})
_NUMBERS_TOO = _NUMBERS | {int}
_LARGE = 10**18
_KEY = 40  # characters
_FEW = 4  # parts that `reprlib` shows of a dict; of others it shows more


def _is_short(value: Any, kind: type) -> bool:
    """Tell whether a value has few parts and all of them are numbers, which is quick to show."""
    if kind is tuple or kind is list:
        return len(value) <= _FEW and _NUMBERS_TOO.issuperset(map(type, value))
    if kind is dict:
        return len(value) <= _FEW and all(
            type(k) is str and len(k) < _KEY and type(v) in _NUMBERS_TOO for k, v in value.items()
        )
    return False


_short = reprlib.Repr()
_short.maxstring = _short.maxother = _PREVIEW
_short.maxlong = 60


def preview(value: Any) -> str:
    """Show a value in at most 200 characters, whatever its size and whatever its repr does."""
    kind = type(value)
    if (kind is int and -_LARGE < value < _LARGE) or kind in _NUMBERS:
        return repr(value)
    try:
        text = repr(value) if _is_short(value, kind) else _short.repr(value)
    except KeyboardInterrupt:
        raise
    # A repr of user code may raise anything; a label is not worth a failure.
    except BaseException as error:
        text = f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    return text if len(text) <= _PREVIEW else text[: _PREVIEW - 1] + "…"
