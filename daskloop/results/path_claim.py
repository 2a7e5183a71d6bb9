"""Find out, while a flow runs, that two of its children name their files alike.

The first to come makes a small file whose name is the digest of the path, and in it its own name;
the next one reads there that it is not alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets

from daskloop.errors import ResultError
from daskloop.results.files import shown

__all__ = ["claim_path"]


def claim_path(directory: str, run: str, path: str, who: str) -> None:
    """Claim a path for a child of a run; the same child may do so again.

    Parameters
    ----------
    directory : str
        A folder that all workers of the run share.
    run, path, who : str
        Name of the run, what is claimed, and by which child.

    Raises
    ------
    ResultError
        If another child of the run has it, or the claim cannot be written.
    """
    name = hashlib.blake2b(f"{run}\0{path}".encode("utf-8", "surrogatepass"), digest_size=16)
    claim = os.path.join(directory, f"path-{name.hexdigest()}")
    part = f"{claim}.{secrets.token_hex(8)}"
    try:
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(who.encode("utf-8", "surrogatepass"))
        try:
            # Unlike a file that is opened and then written, a link is there with its content.
            os.link(part, claim)
        except FileExistsError:
            with open(claim, "rb") as file:
                other = file.read().decode("utf-8", "surrogatepass")
        else:
            other = who
        finally:
            with contextlib.suppress(OSError):
                os.unlink(part)
    except OSError as error:
        raise ResultError(f"Cannot claim {shown(path)!r} in {directory!r}: {error}") from error
    if other != who:
        raise ResultError(
            f"'{who}' and '{other}' keep their results at one path, {shown(path)!r}: put what "
            "tells them apart into the template, like {map_index} or another input"
        )
