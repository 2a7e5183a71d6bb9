"""Whose run file it is: what others could have written is not resumed, its pickles would run."""

from __future__ import annotations

import os
import stat

from daskloop.config import flag
from daskloop.errors import JournalError
from daskloop.record.run_file import NAME

__all__ = ["check_owner"]


def check_owner(folder: str, doing: str) -> None:
    """Refuse a run that others than this user could have written: its pickles are opened."""
    if flag("journal-trust"):
        return
    for name in ("", NAME, f"{NAME}-wal", f"{NAME}-journal"):
        path = os.path.join(folder, name) if name else folder
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            continue
        why = ""
        if found.st_uid != os.geteuid():
            why = f"it belongs to user {found.st_uid}, not to {os.geteuid()}"
        elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            why = "others may write to it"
        if why:
            raise JournalError(
                f"Cannot {doing}: {why}: {path!r}. Its pickles would run code of theirs here. If "
                "you know who wrote it, chmod or chown it, or set config daskloop.journal-trust."
            )
