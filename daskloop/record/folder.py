"""Payload files in one local or mounted directory: each is there whole or not at all.

A writer fills a file of its own under a name that no reader looks for, then renames it::

    .<tag>-<random>.part  ── os.replace ──►  <digest>-<tag>

Nothing is ever written to a file that has its final name, so a mapping of one stays valid.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import mmap
import os
import secrets
import shutil
import stat
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence

from daskloop.errors import StoreError

__all__ = ["Folder", "digest_of", "is_local", "open_regular", "prepare", "store_error"]

_HASH_BESIDE = 1 << 20
"""Bytes from which the digest is computed on a second thread while the first one writes."""
_MAP_FROM = 1 << 20
"""Bytes from which a file is mapped rather than read."""
_MAPS_AT_ONCE = 64
"""Before Python 3.13 each mapping keeps a file descriptor: so many at most, then files are read."""
_LOCAL_KINDS = frozenset(
    ["bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"]
)
_live_maps: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()

_HINTS = {
    errno.EIO: "The disk failed: see what the system says of it, or choose another with store=.",
    errno.ENOSPC: "Free some space there, or choose another place with store=.",
    errno.EDQUOT: "Free some of the quota, or choose another place with store=.",
    errno.EFBIG: "Raise the limit on file sizes (ulimit -f), or choose another place with store=.",
    errno.EACCES: "Give this user access to it, or choose another place with store=.",
    errno.EPERM: "Give this user access to it, or choose another place with store=.",
    errno.EROFS: "Choose a place that can be written to with store=.",
    errno.ENOENT: "It was removed, or this machine does not share the folder.",
    errno.ENOTDIR: "It was removed, or this machine does not share the folder.",
    errno.ELOOP: "It is a symbolic link, which is never followed there: remove it.",
    errno.EMFILE: "Raise the limit on open files (ulimit -n).",
}


def store_error(error: OSError, doing: str, path: str) -> StoreError:
    """Make the error that says what was tried, where, why it failed and what to do."""
    number, reason = error.errno, error.strerror or type(error).__name__
    if number is None:  # fsspec raises many without one
        kinds = {FileNotFoundError: errno.ENOENT, PermissionError: errno.EACCES}
        number = kinds.get(type(error))
        reason = os.strerror(number) if number else str(error) or reason
    if number in (errno.ENOSPC, errno.EDQUOT):
        with contextlib.suppress(OSError):  # the text is as useful without the figure
            reason += f" ({shutil.disk_usage(os.path.dirname(path)).free} bytes are free)"
    hint = _HINTS.get(number or 0, "")
    return StoreError(number, f"Cannot {doing}: {reason}. {hint}".rstrip(), path)


def prepare(path: str, create: bool) -> None:
    """Make the directory `path` (mode 0700) if asked to, and refuse one that is not safe.

    What lies in it is unpickled later on, so whoever can write there can run code here.

    Parameters
    ----------
    path : str
        Absolute path; its parent must be there.
    create : bool
        Make it if it is missing; one that was there must then belong to this user. Where the
        folder is only opened, its maker may be another user (a container's root, say).
    """
    try:
        if create:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)
        found = os.lstat(path)
    except OSError as error:
        raise store_error(error, "open the folder", path) from error
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "not a directory"
        text = f"Cannot use the folder: it is {kind}. Remove it, or choose another with store=."
        raise StoreError(errno.ENOTDIR, text, path)
    if found.st_mode & stat.S_IWOTH:
        text = "Cannot use the folder: every user may write to it. Run chmod 700 on it."
        raise StoreError(errno.EPERM, text, path)
    if create and found.st_uid != os.geteuid():
        text = (
            f"Cannot use the folder: it belongs to user {found.st_uid}, not to {os.geteuid()}. "
            "Choose another with store=."
        )
        raise StoreError(errno.EPERM, text, path)


def open_regular(path: str, flags: int = os.O_RDONLY) -> tuple[int, int]:
    """Open a plain file, never a link, a pipe or a device; return descriptor and size."""
    # O_NONBLOCK: opening a pipe that somebody put there would wait for its other end.
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a plain file", path)
    except BaseException:  # the file is closed, whatever came between; raised again
        os.close(descriptor)
        raise
    return descriptor, found.st_size


def digest_of(pieces: Sequence[memoryview]) -> str:
    """Compute the 32 hex digits by which these bytes are named."""
    sha = hashlib.sha256()
    for piece in pieces:
        sha.update(piece)
    return sha.hexdigest()[:32]


@contextlib.contextmanager
def _digest_beside(pieces: Sequence[memoryview]) -> Iterator[list[str]]:
    """Compute the digest while the body of the ``with`` runs; it is in the list afterwards."""
    found: list[str] = []
    if sum(piece.nbytes for piece in pieces) < _HASH_BESIDE:
        found.append(digest_of(pieces))
        yield found
        return
    # hashlib and write both leave the interpreter lock: the digest hides the write.
    beside = threading.Thread(
        target=lambda: found.append(digest_of(pieces)), name="daskloop-digest", daemon=True
    )
    beside.start()
    try:
        yield found
    finally:
        beside.join()


def is_local(path: str) -> bool:
    """Tell whether `path` surely lies on a disk, or in the memory, of this machine."""
    real = os.path.realpath(path)
    if not sys.platform.startswith("linux"):
        return real.startswith(os.path.join(os.path.realpath(tempfile.gettempdir()), ""))
    longest, kind = -1, ""
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8") as lines:
        for line in lines:
            fields = line.split()
            mount = fields[4].replace("\\040", " ").rstrip("/")
            if len(mount) >= longest and f"{real}/".startswith(f"{mount}/"):
                longest, kind = len(mount), fields[fields.index("-") + 1]
    return kind in _LOCAL_KINDS


class Folder:
    """The payload files of one directory.

    Parameters
    ----------
    path : str
        Absolute path of the directory.
    create : bool
        Make the directory if it is missing.

    Notes
    -----
    Safe to use from many threads, processes and machines at once. Names are taken as they come:
    `PayloadStore` checks them.
    """

    def __init__(self, path: str, create: bool) -> None:
        self.path = self.shown = path
        self._checked = False
        if create:
            prepare(path, create=True)
            self._checked = True
        self._maps = is_local(path)

    def _path(self, name: str) -> str:
        if not self._checked:
            prepare(self.path, create=False)
            # Only now: before the folder appeared, the question meant its parent.
            self._maps = is_local(self.path)
            self._checked = True
        return os.path.join(self.path, name)

    def write(self, pieces: Sequence[memoryview], tag: str, durable: bool) -> str:
        """Write one file, whole or not at all, and return its name."""
        part = self._path(f".{tag}-{secrets.token_hex(8)}.part")
        size = sum(piece.nbytes for piece in pieces)
        try:
            flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY
            descriptor = os.open(part, flags, 0o600)
            try:
                with (
                    open(descriptor, "wb", buffering=_HASH_BESIDE) as file,
                    _digest_beside(pieces) as digest,
                ):
                    for piece in pieces:
                        file.write(piece)
                    if durable:
                        file.flush()
                        os.fsync(descriptor)
                name = f"{digest[0]}-{tag}"
                os.replace(part, self._path(name))
            except BaseException:
                # Whatever it was, a disk that is full or Ctrl-C: no part stays behind.
                with contextlib.suppress(OSError):
                    os.unlink(part)
                raise
            if durable:
                self._sync()
        except StoreError:
            raise
        except OSError as error:
            raise store_error(error, f"write a payload of {size} bytes", part) from error
        return name

    def _sync(self) -> None:
        """Make the new name survive a loss of power, as its bytes already do."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, name: str, offset: int, size: int | None) -> tuple[memoryview, int]:
        """Return a private, writable view of a part of the file, and the size of the whole."""
        path = self._path(name)
        try:
            descriptor, whole = open_regular(path)
            try:
                wanted = max(whole - offset, 0) if size is None else size
                # A range that is not there is told from the sizes; nothing is read for it.
                if wanted == 0 or offset + wanted > whole:
                    return memoryview(bytearray()), whole
                return self._view(descriptor, offset, wanted), whole
            finally:
                os.close(descriptor)
        except OSError as error:
            raise store_error(error, "read the payload", path) from error

    def _view(self, descriptor: int, offset: int, size: int) -> memoryview:
        # On a network file system, removing the file elsewhere turns each later access to its
        # mapping into SIGBUS, which would end the worker: there the bytes are read.
        room = sys.version_info >= (3, 13) or len(_live_maps) < _MAPS_AT_ONCE
        if self._maps and size >= _MAP_FROM and room:
            start = offset - offset % mmap.ALLOCATIONGRANULARITY
            view = _map(descriptor, start, offset - start + size)
            _live_maps.add(view)
            return memoryview(view)[offset - start :]
        held = memoryview(bytearray(size))
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            file.seek(offset)
            done = 0
            while done < size:
                count = file.readinto(held[done:])
                if not count:
                    raise OSError(errno.EIO, f"the file ends {size - done} bytes too early")
                done += count
        return held

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        path = self._path(name)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise store_error(error, "remove the payload", path) from error

    def names(self) -> list[str]:
        """List every file, also the parts that a killed writer left."""
        path = self._path("")
        try:
            return os.listdir(path)
        except OSError as error:
            raise store_error(error, "list the payloads", path) from error


def _map(descriptor: int, start: int, length: int) -> mmap.mmap:
    if sys.version_info >= (3, 13):
        return mmap.mmap(descriptor, length, access=mmap.ACCESS_COPY, offset=start, trackfd=False)
    return mmap.mmap(descriptor, length, access=mmap.ACCESS_COPY, offset=start)
