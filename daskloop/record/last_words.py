"""What a worker process leaves behind when it dies at once: its exit code, or its crash.

A process that calls ``os._exit`` or crashes in C has no time to say so. `listen` therefore
prepares a file beforehand: `faulthandler` writes into it on a crash, and a wrapped ``os._exit``
writes the code. A process that leaves nothing was killed from outside.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import hashlib
import os
import threading
from typing import Any, TextIO

__all__ = ["LastWords"]

_LONGEST = 4_096  # bytes that are read back

_lock = threading.Lock()
_listening: tuple[int, str] | None = None  # the process and file that are prepared
_file: TextIO | None = None
_leave = os._exit


class LastWords:
    """The last words of the worker processes of one run.

    Parameters
    ----------
    directory : str
        A folder that exists and that all workers share.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def _path(self, who: str) -> str:
        name = hashlib.blake2b(who.encode("utf-8", "replace"), digest_size=16).hexdigest()
        return f"{self._directory}/last-words-{name}"

    def listen(self, who: str) -> None:
        """Prepare this process to leave its last words; cheap when it is prepared already.

        Notes
        -----
        A process that has `faulthandler` enabled for its own purposes keeps it as it is.
        """
        global _listening, _file
        path = self._path(who)
        if _listening == (os.getpid(), path):
            return
        with _lock, contextlib.suppress(OSError):  # words are a comfort, not a condition
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW
            file = os.fdopen(os.open(path, flags, 0o600), "w")
            if _file is not None or not faulthandler.is_enabled():
                faulthandler.enable(file, all_threads=False)
            if _file is None:
                atexit.register(_fall_silent)
            else:
                _file.close()
            _file = file
            _listening = (os.getpid(), path)
            os._exit = _exit_with_words

    def read(self, who: str) -> str:
        """Say what ended a process, for people."""
        try:
            descriptor = os.open(self._path(who), os.O_RDONLY | os.O_NOFOLLOW)
            with open(descriptor, "rb", buffering=0) as file:
                words = (file.read(_LONGEST) or b"").decode("utf-8", "replace").strip()
        except OSError:
            return ""
        if not words:
            return (
                "it was killed from outside, as by SIGKILL (signal 9), which also ends processes "
                "that use too much memory"
            )
        lines = words.splitlines()
        at = next((line.strip() for line in lines[1:] if line.strip().startswith("File")), "")
        return f"{lines[0]}{f' at {at}' if at else ''}"


def _fall_silent() -> None:
    """Close the file of a process that ends as processes should."""
    if _file is not None:
        faulthandler.disable()
        _file.close()


def _exit_with_words(status: Any) -> Any:
    """Note the exit code, then leave as ``os._exit`` does."""
    # A forked child of the worker leaves this way too, and means nothing by it.
    if _listening is not None and _listening[0] == os.getpid() and _file is not None:
        with contextlib.suppress(OSError):
            os.write(_file.fileno(), f"it exited with code {status} (os._exit)\n".encode())
    _leave(status)
