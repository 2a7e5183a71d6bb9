"""A place for values: a folder or URL, and how values are written there."""

from __future__ import annotations

import os
from typing import Any

from daskloop.errors import ResultError
from daskloop.results import files
from daskloop.results.serializers import PickleSerializer, Serializer, checked_serializer

__all__ = ["FileResult", "LocalResult", "as_result"]

_HOME = "~/.daskloop/results"


class FileResult:
    """A folder, or any URL that fsspec knows, to keep values in.

    Parameters
    ----------
    url : str or path
        The folder. A relative one is taken from where the flow is run.
    location : str, optional
        Template of the name that a value is written under, and never looked for; a task's
        ``target=`` is looked for too. If neither is given, a name made of run, task and child.
    serializer : Serializer, optional
        How values are written; `PickleSerializer` if not given.

    Notes
    -----
    Immutable, and equal to others with the same fields. S3 is ``FileResult("s3://bucket/folder")``
    where s3fs is installed; Google's is ``gs://`` with gcsfs, Azure's ``abfs://`` with adlfs.

    Examples
    --------
    >>> FileResult("memory://results").write("numbers/one", 1)
    'memory://results/numbers/one'
    >>> FileResult("memory://results").read("numbers/one")
    1
    """

    __slots__ = ("location", "serializer", "url")

    def __init__(
        self,
        url: str | os.PathLike[str],
        location: str | None = None,
        serializer: Serializer | None = None,
    ) -> None:
        if not isinstance(url, (str, os.PathLike)) or not os.fspath(url):
            raise TypeError(f"{type(self).__name__}({url!r}): give a folder or a URL as text")
        if location is not None and not isinstance(location, str):
            raise TypeError(f"location={location!r}: give a text, or target= of the task")
        self._set("url", os.fspath(url))
        self._set("location", location)
        chosen = PickleSerializer() if serializer is None else checked_serializer(serializer)
        self._set("serializer", chosen)

    url: str
    location: str | None
    serializer: Serializer

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed: make another one")

    def __reduce__(self) -> tuple[object, ...]:
        return FileResult, (self.url, self.location, self.serializer)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileResult) and self.__reduce__() == other.__reduce__()

    def __hash__(self) -> int:
        return hash((self.url, self.location))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({files.shown(self.url)!r})"

    def path(self, name: str) -> str:
        """Return where the value of a name lies."""
        return files.joined(files.absolute(self.url), name)

    def exists(self, name: str) -> bool:
        """Tell whether there is a value of that name."""
        return files.exists(self.path(name))

    def read(self, name: str) -> Any:
        """Return the value of a name.

        Raises
        ------
        ResultError
            If there is none, or it cannot be read.
        """
        path = self.path(name)
        data = files.read(path)
        if data is None:
            raise ResultError(f"There is no result at {files.shown(path)!r}")
        return self.opened(data, path)

    def write(self, name: str, value: Any) -> str:
        """Write a value, whole or not at all; return its path.

        Raises
        ------
        ResultError
            If it cannot be written.
        """
        path = self.path(name)
        files.write(path, self.closed(value, path))
        return path

    def closed(self, value: Any, path: str) -> bytes:
        """Turn a value into bytes, for a path that is told if it cannot be done."""
        try:
            data = self.serializer.serialize(value)
        # Serializing runs code of the value's class and of the user's serializer.
        except Exception as error:
            raise self._failed("write", path, error) from error
        if not isinstance(data, (bytes, bytearray, memoryview)):
            kind = type(data).__name__
            raise ResultError(
                f"Cannot write the result {files.shown(path)!r}: {self.serializer!r} made a {kind} "
                "of it, not bytes"
            )
        return bytes(data)

    def opened(self, data: bytes, path: str) -> Any:
        """Turn bytes back into the value, for a path that is told if it cannot be done."""
        try:
            return self.serializer.deserialize(data)
        except KeyboardInterrupt:
            raise
        # A file that is damaged, or was written by another serializer, may raise anything.
        except BaseException as error:
            raise self._failed("read", path, error) from error

    def _failed(self, doing: str, path: str, error: BaseException) -> ResultError:
        told = f"{type(error).__name__}: {error}"[:1000]
        return ResultError(
            f"Cannot {doing} the result {files.shown(path)!r} with {self.serializer!r}: {told}"
        )


class LocalResult(FileResult):
    """A folder on a disk that all workers see.

    Parameters
    ----------
    dir : str or path, optional
        The folder; ``~/.daskloop/results`` if not given.
    location, serializer
        As in `FileResult`.
    """

    __slots__ = ()

    def __init__(
        self,
        dir: str | os.PathLike[str] | None = None,
        location: str | None = None,
        serializer: Serializer | None = None,
    ) -> None:
        super().__init__(_HOME if dir is None else dir, location, serializer)
        if files.is_url(self.url):
            raise ValueError(f"LocalResult(dir={dir!r}) is a URL: write FileResult({dir!r})")


def as_result(value: object, what: str) -> FileResult:
    """Take a `FileResult`, or make one of a folder or URL.

    Examples
    --------
    >>> as_result("s3://bucket/folder", "result")
    FileResult('s3://bucket/folder')
    """
    if isinstance(value, FileResult):
        return value
    if isinstance(value, (str, os.PathLike)):
        return FileResult(value)
    raise TypeError(
        f"{what}={value!r}: give a folder or URL as text, or LocalResult(dir=...), FileResult(...)"
    )
