"""A file system for fsspec, `slow://`, that does not write whole files at once."""

from __future__ import annotations

from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem


class Slow(LocalFileSystem):
    """Writes piece by piece, as SFTP does: what breaks off leaves half a file."""

    protocol = "slow"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        """Write a file; one whose content says so breaks off in the middle."""
        super().pipe_file(path, value[: len(value) // 2], **options)
        if b"breaks" in value:
            raise OSError(28, "No space left on device")
        super().pipe_file(path, value, **options)

    def mv(self, path1: str, path2: str, **options: Any) -> None:
        """Rename a file, unless somebody uses that of the new name."""
        if path2.endswith("in use"):
            raise PermissionError("it is in use")
        super().mv(path1, path2, **options)


fsspec.register_implementation("slow", Slow, clobber=True)
