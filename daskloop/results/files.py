"""Whole files by path or URL: read at once, written whole or not at all.

A local file is filled under a name of its own and then renamed; on object stores an object appears
only once it is complete, elsewhere fsspec renames.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from typing import Any

from daskloop.errors import ResultError

__all__ = ["absolute", "exists", "is_absolute", "is_url", "joined", "read", "shown", "write"]

_WHOLE_WRITES = frozenset(
    ["abfs", "abfss", "adl", "az", "gcs", "gs", "memory", "oci", "oss", "s3", "s3a"]
)


def is_url(path: str) -> bool:
    """Tell whether fsspec is to read it."""
    return "://" in path or "::" in path


def is_absolute(path: str) -> bool:
    """Tell whether it needs no folder to start from.

    Examples
    --------
    >>> is_absolute("s3://bucket/x"), is_absolute("/x"), is_absolute("x")
    (True, True, False)
    """
    return is_url(path) or os.path.isabs(path) or path.startswith("~")


def absolute(path: str) -> str:
    """Make a path that means the same in every process of this machine; a URL stays one."""
    for here in ("file://", "local://"):  # fsspec knows both, and writes with no mode of ours
        path = path.removeprefix(here)
    try:
        return path if is_url(path) else os.path.abspath(os.path.expanduser(path))
    except FileNotFoundError:  # it is asked for where there is none
        raise ResultError(
            f"Cannot tell where {path!r} is: the current folder was removed. Change to another "
            "one, or give the whole path"
        ) from None


def joined(base: str, name: str) -> str:
    """Put a name below a folder, whatever it begins with."""
    path = f"{base.rstrip('/')}/{name.lstrip('/')}"
    return path if is_url(path) else os.path.normpath(path)


def shown(path: str) -> str:
    """Return a path as it may be told: a URL may hold a password."""
    return re.sub(r"://[^/@]*@", "://...@", path)


def read(path: str, private: bool = False) -> bytes | None:
    """Return what is in a file; None if there is none.

    Parameters
    ----------
    path : str
        Absolute path or URL.
    private : bool
        Refuse a local file that other users may write to.

    Raises
    ------
    ResultError
        If it is there and cannot be read.
    """
    try:
        if is_url(path):
            system, inner = _system(path)
            data: bytes = system.cat_file(inner)
            return data
        return _read_local(path, private)
    except FileNotFoundError:
        return None
    except ResultError:
        raise
    # Each fsspec backend raises classes of its own (botocore, aiohttp, paramiko ...).
    except Exception as error:
        raise _told("read", path, error) from error


def exists(path: str) -> bool:
    """Tell whether there is a file; raises ResultError if that cannot be found out."""
    try:
        if is_url(path):
            system, inner = _system(path)
            return bool(system.exists(inner))
        os.stat(path)
    except FileNotFoundError:
        return False
    except Exception as error:  # as above
        raise _told("look for", path, error) from error
    return True


def _read_local(path: str, private: bool) -> bytes:
    # O_NONBLOCK: opening a pipe that somebody put there would wait for its other end.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ResultError(f"Cannot read {path!r}: it is not a plain file")
        if private and (found.st_mode & 0o022 or found.st_uid not in (0, os.geteuid())):
            raise ResultError(
                f"Cannot read {path!r}: it is another user's, or others may write to it, and "
                "reading it may run code. Remove it, or run chmod 600 on it"
            )
        return file.read()


def write(path: str, data: bytes, private: bool = False) -> None:
    """Write a file whole or not at all; folders are made, an older file is replaced.

    Parameters
    ----------
    path : str
        Absolute path or URL.
    data : bytes
        What is to be in it.
    private : bool
        Let only this user read and write it, where that can be said.

    Raises
    ------
    ResultError
        If it cannot be written; what was there before still is.
    """
    try:
        if is_url(path):
            _write_remote(path, data)
        else:
            _write_local(path, data, private)
    # As in `read`.
    except Exception as error:
        raise _told(f"write {len(data)} bytes to", path, error) from error


def _write_local(path: str, data: bytes, private: bool) -> None:
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700 if private else 0o777, exist_ok=True)
    part = os.path.join(folder, f".{secrets.token_hex(8)}.part")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    try:
        with open(os.open(part, flags, 0o600 if private else 0o666), "wb") as file:
            file.write(data)
            file.flush()
            # Else a loss of power may leave the new name with nothing behind it.
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        # Whatever it was, a disk that is full or Ctrl-C: no part stays behind.
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def _write_remote(path: str, data: bytes) -> None:
    system, inner = _system(path)
    folder = inner.rpartition("/")[0]
    protocol = system.protocol
    names = {protocol} if isinstance(protocol, str) else set(protocol)
    if not _WHOLE_WRITES.isdisjoint(names):
        system.pipe_file(inner, data)
        return
    system.makedirs(folder, exist_ok=True)
    part = f"{folder}/.{secrets.token_hex(8)}.part"
    try:
        system.pipe_file(part, data)
        system.mv(part, inner)
    except BaseException:
        # As above; the first error is the one to tell.
        with contextlib.suppress(Exception):
            system.rm_file(part)
        raise


def _system(path: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs  # late: most results are local files

    system, inner = url_to_fs(path)
    return system, str(inner)


def _told(doing: str, path: str, error: Exception) -> ResultError:
    reason = getattr(error, "strerror", None) or str(error)
    kind = type(error).__name__
    return ResultError(f"Cannot {doing} {shown(path)!r}: {reason} ({kind})")
