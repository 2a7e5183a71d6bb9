"""Write a page to its file: whole or not at all, for its owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat

__all__ = ["check_target", "write_page"]


def check_target(given: object, asked: str) -> str:
    """Refuse a place where no file can be written, before there is anything to write.

    Parameters
    ----------
    given : str or path
        The file.
    asked : str
        How it was asked for, for errors.

    Raises
    ------
    TypeError, ValueError
        If it is no path, something else than a file is there, or there is no such folder.
    """
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
        raise TypeError(f"{asked}: give the name of a file, like 'run.html'")
    path = os.path.abspath(os.path.expanduser(os.fsdecode(given)))
    folder = os.path.dirname(path)
    if "\0" in path:
        raise ValueError(f"{asked}: it holds a zero character, which no path may. Leave it out")
    if os.path.isdir(path):
        raise ValueError(f"{asked}: that is a folder. Name a file in it, like 'run.html'")
    if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
        raise ValueError(f"{asked}: that is a link or a device. Name another file")
    if not os.path.isdir(folder):
        raise ValueError(f"{asked}: there is no folder {folder!r}. Make it, or name another file")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{asked}: the folder {folder!r} may not be written to")
    return path


def write_page(path: str, text: str) -> None:
    """Write a page, in the place of one that is there; raises OSError if that cannot be."""
    folder, name = os.path.split(path)
    part = os.path.join(folder, f".{name}-{secrets.token_hex(4)}.part")
    flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY
    descriptor = os.open(part, flags, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(part, path)
    except BaseException:  # a half-written file goes, whatever came between; raised again
        with contextlib.suppress(OSError):
            os.remove(part)
        raise
