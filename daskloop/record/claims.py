"""One small file per attempt, made before user code runs: the gate to it and its beacon.

Whoever makes the file (O_CREAT and O_EXCL: one wins) may run; everybody else learns who did,
and how it ended if it did::

    DLC2 | token 8 | child 8 | iteration 8 | length 4 | who ...  |  length 8 | checksum 16 | outcome
    └──────────────────────── start ──────────────────────────┘     └───────── finish ────────────┘

A process may be killed at any byte: a part that is not complete reads as not there.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from daskloop.record.folder import open_regular, prepare, store_error

__all__ = ["GIVEN_UP", "Claim", "Claims", "Taken", "open_claims"]

GIVEN_UP = "the driver, which gave it up before it began"
"""Who holds the claim of an attempt that must not begin any more."""

_HEAD = struct.Struct(">4s8sqqI")
_WHERE = struct.Struct(">qq")
_WHERE_IT_LIES = 12  # bytes from the beginning
_TAIL = struct.Struct(">Q16s")
_MAGIC = b"DLC2"
_SHORT = 4096  # bytes that a file of one byte takes, in memory and on most disks
_ROUNDS = 20  # tries to remove a directory in which attempts that were given up still claim


@dataclass(frozen=True, slots=True)
class Taken:
    """What is known of an attempt that has been started before."""

    who: str
    """Who started it; ``"unknown"`` if it was killed before it could say so."""
    outcome: bytes | None
    """What it ended with; None if it has not ended, or was killed before it could say so."""
    where: tuple[int, int] = (0, 0)
    """Index of the child that it came to, -1 for none, and that one's iteration; zeros if it said
    nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one attempt, held by whoever started it."""

    path: str
    _token: bytes = field(repr=False)
    _end: int = field(repr=False)

    @contextlib.contextmanager
    def beacon(self) -> Iterator[Callable[[int, int], None]]:
        """Open the claim to say in it, again and again, where the attempt has come to.

        Yields
        ------
        callable
            Takes the index of a child, -1 for none, and its iteration that begins now.
        """
        try:
            descriptor, _ = open_regular(self.path, os.O_RDWR)
        except FileNotFoundError:  # forgotten: nobody will ask
            yield lambda child, iteration: None
            return
        except OSError as error:
            raise store_error(error, "write to the claim", self.path) from error

        def say(child: int, iteration: int) -> None:
            os.pwrite(descriptor, _WHERE.pack(child, iteration), _WHERE_IT_LIES)

        try:
            yield say
        finally:
            os.close(descriptor)

    def finish(self, outcome: bytes) -> None:
        """Leave the outcome for whoever starts the same attempt again.

        Notes
        -----
        Nothing is written if the claim was forgotten meanwhile, or forgotten and taken by
        somebody else: nobody waits for this outcome any more.
        """
        try:
            descriptor, _ = open_regular(self.path, os.O_RDWR)
        except FileNotFoundError:
            return
        except OSError as error:
            raise store_error(error, "finish the claim", self.path) from error
        try:
            if os.pread(descriptor, _HEAD.size, 0)[4:12] != self._token:
                return
            # At a fixed place, not at the end: a second try overwrites what a first one left.
            _write(descriptor, _TAIL.pack(len(outcome), _checksum(outcome)) + outcome, self._end)
        except OSError as error:
            raise store_error(error, "finish the claim", self.path) from error
        finally:
            os.close(descriptor)


class Claims:
    """The claims of one run, in one directory that all its workers share.

    Parameters
    ----------
    directory : str
        Absolute path; made with mode 0700 if missing and `create` is true.
    create : bool, default True
        Workers open a folder and never make one: a folder that is missing is one not shared.

    Notes
    -----
    Safe to use from many threads, processes and machines at once. Nothing is synced to disk:
    claims outlive the death of processes, not a loss of power, which ends the run as well.
    """

    def __init__(self, directory: str, create: bool = True) -> None:
        self.directory = os.path.abspath(directory)
        self._checked = False
        if create:
            prepare(self.directory, create=True)
            self._checked = True

    def __repr__(self) -> str:
        return f"Claims({self.directory!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.directory, False)

    def _path(self, key_text: str) -> str:
        if not self._checked:
            prepare(self.directory, create=False)
            self._checked = True
        key = key_text.encode("utf-8", "surrogatepass")
        return f"{self.directory}/{hashlib.blake2b(key, digest_size=20).hexdigest()}"

    def start(self, key_text: str, who: str) -> Claim | Taken:
        """Claim the start of an attempt.

        Parameters
        ----------
        key_text : str
            Names the attempt: its Dask key, as text.
        who : str
            Names the claimant: process, host and worker.

        Returns
        -------
        Claim or Taken
            `Claim` for the first who asks, `Taken` for all others.

        Raises
        ------
        StoreError
            If the claim could not be written; then it is not held by anybody.
        """
        path = self._path(key_text)
        flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY
        while True:
            try:
                descriptor = os.open(path, flags, 0o600)
                break
            except FileExistsError:
                taken = self.read(key_text)
                if taken is not None:
                    return taken
                # It was forgotten between the two looks: ask again.
            except OSError as error:
                raise store_error(error, "claim the start of an attempt", path) from error
        token, name = os.urandom(8), who.encode("utf-8", "backslashreplace")
        head = _HEAD.pack(_MAGIC, token, 0, 0, len(name)) + name
        try:
            try:
                _write(descriptor, head, 0)
            finally:
                # Closed at once: network file systems show a file's bytes when it is closed.
                os.close(descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):  # the error to tell is the first one
                os.unlink(path)
            raise store_error(error, "claim the start of an attempt", path) from error
        return Claim(path, token, len(head))

    def give_up(self, key_text: str) -> Taken | None:
        """Keep an attempt from beginning, wherever it may still wait.

        Returns
        -------
        Taken or None
            What is known of it if it has begun; None if it has not, and never will.

        Raises
        ------
        StoreError
            If the claim could not be written; the attempt may then begin.
        """
        found = self.start(key_text, GIVEN_UP)
        return None if isinstance(found, Claim) or found.who == GIVEN_UP else found

    def read(self, key_text: str) -> Taken | None:
        """Return what is known of an attempt; None if nobody has started it."""
        path = self._path(key_text)
        try:
            descriptor, size = open_regular(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_error(error, "read the claim", path) from error
        try:
            with open(descriptor, "rb", buffering=0) as file:
                return _parse(file.read(size) or b"")
        except OSError as error:
            raise store_error(error, "read the claim", path) from error

    def shorten(self, key_text: str) -> None:
        """Let go of a large outcome that nobody needs any more; the claim stands.

        Notes
        -----
        Whoever starts the attempt again learns that it has been started, and not how it ended.
        """
        path = self._path(key_text)
        try:
            if os.stat(path, follow_symlinks=False).st_size > _SHORT:
                os.truncate(path, _SHORT)
        except FileNotFoundError:
            return
        except OSError as error:
            raise store_error(error, "shorten the claim", path) from error

    def forget(self, key_text: str) -> None:
        """Remove a claim; one that is not there is fine."""
        path = self._path(key_text)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise store_error(error, "forget the claim", path) from error

    def remove_all(self) -> None:
        """Remove every claim, and the directory; attempts that were given up may still claim."""
        for rounds_left in reversed(range(_ROUNDS)):
            try:
                shutil.rmtree(self.directory)
            except FileNotFoundError:
                return
            except OSError as error:
                # Not empty: one was made after the others had been listed.
                if error.errno != errno.ENOTEMPTY or not rounds_left:
                    raise store_error(error, "remove the claims", self.directory) from error


@functools.lru_cache(maxsize=32)
def open_claims(directory: str) -> Claims:
    """Open claims that another process made, once per process; nothing is created."""
    return Claims(directory, create=False)


def _checksum(outcome: bytes) -> bytes:
    return hashlib.sha256(outcome).digest()[:16]


def _write(descriptor: int, content: bytes, offset: int) -> None:
    rest = memoryview(content)
    while rest:
        count = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[count:], offset + count


def _parse(content: bytes) -> Taken:
    if len(content) < _HEAD.size:
        return Taken("unknown", None)
    magic, _, *where, length = _HEAD.unpack_from(content)
    end = _HEAD.size + length
    if magic != _MAGIC or len(content) < end:
        return Taken("unknown", None)
    who = content[_HEAD.size : end].decode("utf-8", "replace")
    if len(content) < end + _TAIL.size:
        return Taken(who, None, (where[0], where[1]))
    size, checksum = _TAIL.unpack_from(content, end)
    outcome = content[end + _TAIL.size :][:size]
    whole = len(outcome) == size and _checksum(outcome) == checksum
    return Taken(who, outcome if whole else None, (where[0], where[1]))
