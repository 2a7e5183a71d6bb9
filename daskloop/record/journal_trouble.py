"""The errors of the embedded journal: what was asked, where, what is wrong, what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator

from daskloop.errors import JournalError, StoreError

__all__ = ["Damaged", "damaged", "translated"]

_FULL = "Free some space there (or quota, or ulimit -f); the run can then be resumed."
_FAILED = "See what the system says of it; once it is sound, the run can be resumed."
_HINTS = {
    errno.EIO: f"The disk failed. {_FAILED}",
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: "Give this user access to it, or choose another place with journal=.",
    errno.EPERM: "Give this user access to it, or choose another place with journal=.",
    errno.EROFS: "Choose a place that can be written to with journal=.",
    errno.ENOENT: "It was removed meanwhile, or this machine does not share the folder.",
    errno.ENOTDIR: "A part of the path is no folder: choose another with journal=.",
    errno.EEXIST: "A part of the path is no folder: choose another with journal=.",
    errno.ELOOP: "It is a symbolic link, which is never followed there: remove it.",
    errno.EMFILE: "Raise the limit on open files (ulimit -n).",
}
_WORDS = {
    "full": (errno.ENOSPC, _FULL),
    "disk i/o error": (
        0,
        f"The disk failed, or a limit on file sizes (ulimit -f) was met. {_FAILED}",
    ),
    "readonly": (errno.EROFS, _HINTS[errno.EACCES]),
    "unable to open": (0, _HINTS[errno.EACCES]),
    "locked": (0, "Another program has the file open for writing: close it there."),
}


class Damaged(JournalError):
    """A run file that is not what was written."""


def damaged(path: str, what: str) -> Damaged:
    """Say in what way a run file is not what was written."""
    return Damaged(
        f"The journal of a run is damaged: {what}. It was left as it is: {path!r}. "
        "Put back a copy of it, or remove the run and start it again."
    )


@contextlib.contextmanager
def translated(doing: str, path: str) -> Iterator[None]:
    """Turn errors of SQLite, the system and the store into a `JournalError` that says it all.

    Parameters
    ----------
    doing : str
        What was tried, such as ``"resume run 'quiet-heron-7f3a9c12'"``.
    path : str
        The file or folder it was tried on.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _of_sqlite(error, doing, path) from error
    except UnicodeDecodeError as error:
        # Python could not even read what SQLite said, which quotes what it found in the file.
        raise damaged(path, f"it holds texts that are none, {error.object[:80]!r}") from error
    except StoreError as error:
        # The rules for folders are those of the store, which is chosen by another word.
        text = str(error.strerror or error).replace("store=", "journal=")
        raise JournalError(f"Cannot {doing}: {text} Path: {path!r}.") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hint = _HINTS.get(error.errno or 0, "")
        free = _free(path) if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        where = os.fspath(error.filename or path)
        raise JournalError(f"Cannot {doing}: {reason}{free}: {where!r}. {hint}".rstrip()) from error


def _of_sqlite(error: sqlite3.Error, doing: str, path: str) -> JournalError:
    text = str(error)
    for word, (number, hint) in _WORDS.items():
        if isinstance(error, sqlite3.OperationalError) and word in text.lower():
            free = _free(path) if number == errno.ENOSPC else ""
            return JournalError(f"Cannot {doing}: {text}{free}: {path!r}. {hint}")
    return damaged(path, f"SQLite says {text!r} when asked to {doing}")


def _free(path: str) -> str:
    with contextlib.suppress(OSError):  # the text is as useful without the figure
        return f" ({shutil.disk_usage(os.path.dirname(path)).free} bytes are free)"
    return ""
