"""How a kept value becomes bytes, and comes back as the very value it was.

A serializer refuses what it would not give back: a kept value is read in the place of a computed
one, and must not differ from it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import math
import pickle
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

__all__ = [
    "CompressedSerializer",
    "JSONSerializer",
    "PandasSerializer",
    "PickleSerializer",
    "Serializer",
    "checked_serializer",
]


@runtime_checkable
class Serializer(Protocol):
    """What can be given as ``serializer=``: anything with these two methods that pickles."""

    def serialize(self, value: Any) -> bytes:
        """Turn a value into bytes."""
        ...

    def deserialize(self, data: bytes) -> Any:
        """Turn the bytes back into the value."""
        ...


def checked_serializer(value: object) -> Serializer:
    """Return a serializer; raises TypeError if it is none."""
    if isinstance(value, type) or not isinstance(value, Serializer):
        raise TypeError(
            f"serializer={value!r}: give an object with the methods serialize(value) and "
            "deserialize(data), like PickleSerializer()"
        )
    return value


@dataclass(frozen=True, slots=True)
class PickleSerializer:
    """Pickles, by cloudpickle; whatever travels between tasks can be kept by it.

    Reading a pickle runs whatever code it asks for: read only files that you would execute.

    Examples
    --------
    >>> one = PickleSerializer()
    >>> one.deserialize(one.serialize((1, 2)))
    (1, 2)
    """

    def serialize(self, value: Any) -> bytes:
        """Pickle a value; any `pickle.load` reads it."""
        import cloudpickle  # late: tasks are defined without it

        data: bytes = cloudpickle.dumps(value, protocol=5)
        return data

    def deserialize(self, data: bytes) -> Any:
        """Read a pickle."""
        return pickle.loads(data)


@dataclass(frozen=True, slots=True)
class JSONSerializer:
    """JSON in UTF-8, of values that JSON gives back as they are.

    Raises
    ------
    TypeError
        By `serialize`, for a tuple, a key that is no text, a number that is not finite, or any
        other part that would come back as something else; the text says which.

    Examples
    --------
    >>> JSONSerializer().serialize({"n": [1, None]})
    b'{"n": [1, null]}'
    >>> JSONSerializer().serialize({"pair": (1, 2)})
    Traceback (most recent call last):
    ...
    TypeError: JSON would not give back ['pair'], a tuple, as it is; use a list, or PickleSerializer
    """

    def serialize(self, value: Any) -> bytes:
        """Write a value as JSON."""
        _check_exact(value, "")
        return json.dumps(value, ensure_ascii=False).encode()

    def deserialize(self, data: bytes) -> Any:
        """Read JSON."""
        return json.loads(data)


def _check_exact(value: Any, where: str) -> None:
    kind = type(value)
    if kind is list:
        for index, one in enumerate(value):
            _check_exact(one, f"{where}[{index}]")
    elif kind is dict:
        for key, one in value.items():
            if type(key) is not str:
                raise _inexact(f"{where} the key {key!r:.80}".strip(), type(key), "a text")
            _check_exact(one, f"{where}[{key!r:.80}]")
    elif kind is float and not math.isfinite(value):
        raise _inexact(where or "it", kind, "a finite number")
    elif value is not None and kind not in (str, int, float, bool):
        raise _inexact(where or "it", kind, "a list" if isinstance(value, tuple) else "plain data")


def _inexact(what: str, kind: type, instead: str) -> TypeError:
    return TypeError(
        f"JSON would not give back {what}, a {kind.__name__}, as it is; "
        f"use {instead}, or PickleSerializer"
    )


_TABLES = ("csv", "feather", "json", "orc", "parquet", "pickle")


@dataclass(frozen=True, slots=True)
class PandasSerializer:
    """Tables of pandas, in a format that pandas reads and writes.

    Parameters
    ----------
    file_type : str
        "csv", "feather", "json", "orc", "parquet" or "pickle". Parquet, feather and orc need
        pyarrow, where the task runs.
    serialize_kwargs, deserialize_kwargs : mapping, optional
        Passed on to ``to_<file_type>`` and ``read_<file_type>``.

    Notes
    -----
    What was written is read back at once and compared: CSV forgets types and adds an index column,
    and a table that would come back otherwise is refused, saying what differs.

    Examples
    --------
    >>> PandasSerializer("excel")
    Traceback (most recent call last):
    ...
    ValueError: file_type='excel': give one of csv, feather, json, orc, parquet, pickle
    """

    file_type: str
    serialize_kwargs: Mapping[str, Any] = field(default_factory=dict)
    deserialize_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file_type not in _TABLES:
            raise ValueError(f"file_type={self.file_type!r}: give one of {', '.join(_TABLES)}")
        for name in ("serialize_kwargs", "deserialize_kwargs"):
            # A copy of our own; None is what Prefect's users give for nothing.
            object.__setattr__(self, name, dict(getattr(self, name) or {}))

    def serialize(self, value: Any) -> bytes:
        """Write a table."""
        pandas = _pandas()
        if not isinstance(value, (pandas.DataFrame, pandas.Series)):
            raise TypeError(
                f"PandasSerializer takes a DataFrame or a Series, not a {type(value).__name__}"
            )
        write = getattr(value, f"to_{self.file_type}", None)
        if write is None:
            raise TypeError(f"a Series cannot be written as {self.file_type}; use .to_frame()")
        with io.BytesIO() as file:
            write(file, **self.serialize_kwargs)
            data = file.getvalue()
        _check_same(value, self.deserialize(data), self.file_type)
        return data

    def deserialize(self, data: bytes) -> Any:
        """Read a table."""
        read = getattr(_pandas(), f"read_{self.file_type}")
        return read(io.BytesIO(data), **self.deserialize_kwargs)


def _pandas() -> Any:
    try:
        import pandas  # not everybody has it
    except ImportError:
        raise ImportError("PandasSerializer needs pandas: pip install pandas") from None
    return pandas


def _check_same(value: Any, again: Any, file_type: str) -> None:
    from pandas import testing

    same = testing.assert_frame_equal
    if type(value).__name__ == "Series":
        same = testing.assert_series_equal
    try:
        same(value, again, check_exact=True, check_freq=False)
    except AssertionError as error:
        told = " ".join(str(error).split())
        raise TypeError(
            f"{file_type} would not give back the table as it is: {told:.300}; set "
            "serialize_kwargs (such as index=False) and deserialize_kwargs, or use another format"
        ) from None


_FORMATS: Mapping[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "bz2": (bz2.compress, bz2.decompress),
    # The time in its head would make equal values differ.
    "gzip": (lambda data: gzip.compress(data, mtime=0), gzip.decompress),
    "lzma": (lzma.compress, lzma.decompress),
    "zlib": (zlib.compress, zlib.decompress),
}


@dataclass(frozen=True, slots=True)
class CompressedSerializer:
    """Compresses what another serializer writes.

    Parameters
    ----------
    serializer : Serializer
        The other.
    format : str
        "zlib", "gzip", "bz2" or "lzma".

    Examples
    --------
    >>> one = CompressedSerializer(JSONSerializer(), format="gzip")
    >>> one.deserialize(one.serialize([0] * 1000)) == [0] * 1000
    True
    """

    serializer: Serializer
    format: str = "zlib"

    def __post_init__(self) -> None:
        checked_serializer(self.serializer)
        if self.format not in _FORMATS:
            raise ValueError(f"format={self.format!r}: give one of {', '.join(sorted(_FORMATS))}")

    def serialize(self, value: Any) -> bytes:
        """Write a value and compress it."""
        return _FORMATS[self.format][0](self.serializer.serialize(value))

    def deserialize(self, data: bytes) -> Any:
        """Decompress and read a value."""
        return self.serializer.deserialize(_FORMATS[self.format][1](data))
