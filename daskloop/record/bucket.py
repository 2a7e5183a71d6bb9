"""Payload files behind an fsspec URL: each is there whole or not at all."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from daskloop.errors import StoreError
from daskloop.record.folder import digest_of, store_error

__all__ = ["Bucket", "protocols_of"]

_WHOLE_WRITES = frozenset(
    ["abfs", "abfss", "adl", "az", "gcs", "gs", "memory", "oci", "oss", "s3", "s3a"]
)
"""Protocols whose objects appear only once they are complete, and where renaming is a copy."""


def protocols_of(system: Any) -> tuple[str, ...]:
    """Return the names of the protocols that a file system of fsspec speaks."""
    protocol = system.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


_KINDS = (
    ". Give store= a folder that all workers share, or a URL of a kind that fsspec knows, "
    "whose package is installed"
)


class Bucket:
    """The payload files under one path of an fsspec file system.

    Parameters
    ----------
    system : AbstractFileSystem
        The file system.
    path : str
        The folder in it, without the protocol.
    create : bool
        Make the folder if it is missing.
    """

    def __init__(self, system: Any, path: str, create: bool) -> None:
        self.path = path
        self._system = system
        protocols = protocols_of(system)
        self._writes_whole = not _WHOLE_WRITES.isdisjoint(protocols)
        self.shown = f"{protocols[0]}://{path.lstrip('/')}"
        if create:
            with _told("open the folder", self.shown):
                system.makedirs(path, exist_ok=True)

    @staticmethod
    def at(url: str) -> tuple[Any, str]:
        """Return the file system and the path that `url` names."""
        with _told("open the store", url.split("://")[0] + "://...", _KINDS):
            from fsspec.core import url_to_fs  # late: most runs keep a local folder

            system, path = url_to_fs(url)
            return system, str(path)

    def write(self, pieces: Sequence[memoryview], tag: str, durable: bool) -> str:
        """Write one object, whole or not at all, and return its name."""
        del durable  # such a store promises it, or has no way to be asked
        name = f"{digest_of(pieces)}-{tag}"
        path = f"{self.path}/{name}"
        value = b"".join(pieces)
        with _told(f"write a payload of {len(value)} bytes", f"{self.shown}/{name}"):
            if self._writes_whole:
                self._system.pipe_file(path, value)
                return name
            part = f"{self.path}/.{tag}-{secrets.token_hex(8)}.part"
            try:
                self._system.pipe_file(part, value)
                self._system.mv(part, path)
            except BaseException:
                # Whatever it was: no part stays behind, and the first error is the one to tell.
                with contextlib.suppress(Exception):
                    self._system.rm_file(part)
                raise
        return name

    def read(self, name: str, offset: int, size: int | None) -> tuple[memoryview, int]:
        """Return a private, writable view of a part of the object, and the size of the whole."""
        path = f"{self.path}/{name}"
        with _told("read the payload", f"{self.shown}/{name}"):
            if offset == 0 and size is None:
                value = bytearray(self._system.cat_file(path))
                return memoryview(value), len(value)
            whole = int(self._system.size(path))
            end = whole if size is None else offset + size
            if end > whole or end <= offset:
                return memoryview(bytearray()), whole
            return memoryview(bytearray(self._system.cat_file(path, start=offset, end=end))), whole

    def remove(self, name: str) -> None:
        """Remove an object; one that is not there is fine."""
        path = f"{self.path}/{name}"
        missing = contextlib.suppress(FileNotFoundError)
        with _told("remove the payload", f"{self.shown}/{name}"), missing:
            self._system.rm_file(path)

    def names(self) -> list[str]:
        """List every object, also the parts that a killed writer left."""
        with _told("list the payloads", self.shown):
            self._system.invalidate_cache()
            listed = self._system.ls(self.path, detail=False)
            return [str(path).rstrip("/").rsplit("/", 1)[-1] for path in listed]

    def remove_all(self) -> None:
        """Remove the folder and all that is in it."""
        with _told("remove the folder", self.shown), contextlib.suppress(FileNotFoundError):
            self._system.rm(self.path, recursive=True)


@contextlib.contextmanager
def _told(doing: str, path: str, hint: str = "") -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise store_error(error, doing, path) from error
    except Exception as error:
        # Each fsspec backend raises classes of its own (botocore, aiohttp, paramiko ...).
        text = f"Cannot {doing}: {type(error).__name__}: {error}{hint}"
        raise StoreError(None, text, path) from error
