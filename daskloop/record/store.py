"""The payload store of a run: a folder or URL that driver and workers share.

::

    <url>/payloads/<digest>-<tag>      large payloads, results and functions
    <url>/claims/<digest>              who has started which attempt (local folders only)
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import pickle
import re
import secrets
import shutil
import tempfile
import weakref
from collections.abc import Sequence

from daskloop.errors import StoreError
from daskloop.record.bucket import Bucket, protocols_of
from daskloop.record.claims import Claims
from daskloop.record.folder import Folder, digest_of, store_error

__all__ = ["PayloadStore", "open_store", "temporary_store"]

_NAME = re.compile(r"[0-9a-f]{32}-[0-9a-z-]{1,64}")
_TAG = re.compile(r"[0-9a-z-]{1,64}")


class PayloadStore:
    """Bytes too large to travel in messages, by name.

    Parameters
    ----------
    url : str
        A directory, or any URL that fsspec knows. A relative path is taken from here.
    create : bool, default True
        Make the folders (mode 0700). Workers open a store and never make one, see `open_store`.
    durable : bool, default False
        Every `put` returns only when the bytes are on the disk: a journal refers to them.
    verify : int, default 0
        If not zero: compare each file with its name before it is read for the first time. Each
        driver of a run takes another number, so that every process compares anew for it.

    Notes
    -----
    Safe to use from many threads, processes and machines at once. Pickling carries the URL alone;
    what comes out is this process's `open_store` of it. Files survive the death of any process;
    they survive a loss of power if they were put with ``durable=True``.
    """

    def __init__(
        self,
        url: str | os.PathLike[str],
        *,
        create: bool = True,
        durable: bool = False,
        verify: int = 0,
    ) -> None:
        text = os.fspath(url)
        self.durable = durable
        self.verify = verify
        self._verified_names: set[str] = set()
        self._claims: Claims | None = None
        self._finalizer: weakref.finalize[[str, int], PayloadStore] | None = None
        self._root: str | None = None
        if "://" in text or "::" in text:
            system, path = Bucket.at(text)
            if "file" not in protocols_of(system):
                self._place: Folder | Bucket = Bucket(
                    system, f"{path.rstrip('/')}/payloads", create
                )
                self.url = text
                return
            text = path
        root = os.path.abspath(os.path.expanduser(text))
        if create:
            _make_root(root)
        self.url = self._root = root
        self._place = Folder(os.path.join(root, "payloads"), create)
        self._claims = Claims(os.path.join(root, "claims"), create)

    def __repr__(self) -> str:
        # A URL may hold a password.
        shown = re.sub(r"://[^/@]*@", "://...@", self.url)
        return f"PayloadStore({shown!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return open_store, (self.url, self.durable, self.verify)

    def claims(self) -> Claims | None:
        """Return the claims beside the payloads; None where files cannot be made exclusively."""
        return self._claims

    def put(
        self, frames: Sequence[bytes | bytearray | memoryview], tag: str, *, durable: bool = False
    ) -> str:
        """Write the frames one after the other, as one file, whole or not at all.

        Parameters
        ----------
        frames : sequence of bytes-like
            Contiguous buffers of any shape. They must not change until this returns.
        tag : str
            1 to 64 of ``0-9 a-z -``. It makes every writer's file its own, so that removing one
            never touches another's of equal content.
        durable : bool, default False
            Return only when the bytes are on the disk, and would survive a loss of power.

        Returns
        -------
        str
            The name: 32 hex digits of the content's SHA-256, ``-`` and the tag.

        Raises
        ------
        StoreError
            With path, reason and `errno`, if it cannot be written; nothing is left behind.
        """
        if not _TAG.fullmatch(tag):
            raise ValueError(f"The tag of a payload must be 1 to 64 of 0-9, a-z and -, not {tag!r}")
        return self._place.write(
            [pickle.PickleBuffer(f).raw() for f in frames], tag, durable or self.durable
        )

    def get(
        self, name: str, offset: int = 0, size: int | None = None, verify: bool = False
    ) -> memoryview:
        """Return bytes of a file, as a view that is the caller's alone and can be written to.

        Parameters
        ----------
        name : str
            What `put` returned.
        offset, size : int
            Which bytes; by default all.
        verify : bool, default False
            Compare the content of the whole file with its name first.

        Returns
        -------
        memoryview
            In a folder on this machine a private copy-on-write mapping, which costs nothing until
            it is touched and stays valid when the file is removed; elsewhere bytes in memory.

        Raises
        ------
        StoreError
            If the file is missing, too short for what is asked, or not what its name says.
        """
        _check_name(name)
        if offset < 0 or (size is not None and size < 0):
            raise ValueError(f"offset and size must not be negative, not {offset} and {size}")
        if verify or (self.verify and name not in self._verified_names):
            content = self._verified(name)
            self._verified_names.add(name)
            view, whole = content[offset:][:size], content.nbytes
        else:
            view, whole = self._place.read(name, offset, size)
        end = max(offset, whole) if size is None else offset + size
        if max(offset, end) > whole:
            text = f"Cannot read bytes {offset} to {end} of a payload of {whole} bytes"
            raise StoreError(errno.EINVAL, text, f"{self._place.shown}/{name}")
        return view

    def _verified(self, name: str) -> memoryview:
        content, _ = self._place.read(name, 0, None)
        if digest_of([content]) != name[:32]:
            text = "The payload is not what was written: its content does not fit its name"
            raise StoreError(errno.EIO, text, f"{self._place.shown}/{name}")
        return content

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        _check_name(name)
        self._place.remove(name)

    def names(self) -> list[str]:
        """List the complete files, sorted."""
        return sorted(name for name in self._place.names() if _NAME.fullmatch(name))

    def shares(self, marker: str) -> bool:
        """Tell whether this process sees, and can write to, the store that another one made.

        Parameters
        ----------
        marker : str
            Name of a file that the other process put.

        Raises
        ------
        StoreError
            If the marker is there and yet the store cannot be used, saying why.
        """
        _check_name(marker)
        try:
            self._verified(marker)
        except StoreError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return False
            raise
        self.remove(self.put([b"probe"], f"probe-{secrets.token_hex(8)}"))
        return True

    def remove_all(self) -> None:
        """Remove payloads and claims; of a temporary store, the folder that holds them too."""
        if isinstance(self._place, Bucket):
            self._place.remove_all()
            return
        assert self._root is not None
        folders = [os.path.join(self._root, part) for part in ("payloads", "claims")]
        if self._finalizer is not None:
            self._finalizer.detach()
            folders = [self._root]
        for folder in folders:
            _remove_tree(folder)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"Not the name of a payload: {name!r}. Give what put() returned.")


def _make_root(root: str) -> None:
    try:
        os.makedirs(os.path.dirname(root), exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(root, 0o700)
        mode = os.stat(root).st_mode
    except OSError as error:
        raise store_error(error, "open the store", root) from error
    # In a directory such as /tmp (sticky) others cannot swap our folders for theirs.
    if mode & 0o002 and not mode & 0o1000:
        text = "Cannot use the folder as store: every user may write to it. Run chmod o-w on it."
        raise StoreError(errno.EPERM, text, root)


def _remove_tree(folder: str) -> None:
    for last in (False, False, True):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            if not os.path.lexists(folder):
                return
        except OSError as error:
            # ENOTEMPTY: somebody wrote while the folder was emptied.
            if last or error.errno != errno.ENOTEMPTY:
                raise store_error(error, "remove the folder", folder) from error


def open_store(url: str, durable: bool = False, verify: int = 0) -> PayloadStore:
    """Open a store that another process made, once per process; nothing is created.

    A folder that is not there is no error yet: `PayloadStore.shares` tells.
    """
    return _opened(url, durable, verify)


@functools.lru_cache(maxsize=32)
def _opened(url: str, durable: bool, verify: int) -> PayloadStore:
    return PayloadStore(url, create=False, durable=durable, verify=verify)


def temporary_store(directory: str | None = None) -> PayloadStore:
    """Make a store in a fresh folder that goes when the object, or the process, ends.

    Parameters
    ----------
    directory : str, optional
        Where to make the folder; by default where the system puts temporary files.

    Notes
    -----
    Only the object returned here keeps the folder; one unpickled from it does not. Views that
    were read from it stay valid.
    """
    try:
        if directory is not None:
            os.makedirs(directory, exist_ok=True)
        root = os.path.abspath(tempfile.mkdtemp(prefix="daskloop-", dir=directory))
    except OSError as error:
        where = directory or tempfile.gettempdir()
        raise store_error(error, "make a temporary store", where) from error
    store = PayloadStore(root)
    store._finalizer = weakref.finalize(store, _remove_when_garbage, root, os.getpid())
    return store


def _remove_when_garbage(root: str, owner: int) -> None:
    # A forked child inherits the finalizer, and must not remove what its parent uses. Errors go
    # unsaid: this runs in the middle of anything, or when the process ends.
    if os.getpid() == owner:
        shutil.rmtree(root, ignore_errors=True)
