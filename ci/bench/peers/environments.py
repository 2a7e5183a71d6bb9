"""Make a virtual environment for each peer, outside the repository, the first time it is asked for.

They lie in ${XDG_CACHE_HOME:-~/.cache}/daskloop-bench.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PEERS", "PeerSpec", "Way", "python_of"]

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "daskloop-bench"


@dataclass(frozen=True)
class Way:
    """One row of the table: a peer, and one way to run it."""

    on: str
    """As its script is told."""
    label: str


@dataclass(frozen=True)
class PeerSpec:
    """One system."""

    script: str
    requirements: tuple[str, ...]
    """For an environment of its own; none: the project's."""
    ways: tuple[Way, ...]


def _ours() -> tuple[Way, ...]:
    ways = []
    for batch, said in (("auto", 'batch="auto"'), ("1", "batch=1")):
        for where in ("threads", "processes"):
            for whose, on in (("client", "on a client"), ("own", "own cluster")):
                ways.append(Way(f"{where}-{whose}-{batch}", f"daskloop {said}, {where}, {on}"))
        label = f"daskloop {said}, threads, on a client, journal"
        ways.append(Way(f"threads-client-{batch}-journal", label))
    return tuple(ways)


PEERS: dict[str, PeerSpec] = {
    "ours": PeerSpec("ours.py", (), _ours()),
    "dask": PeerSpec(
        "on_dask.py",
        (),
        (Way("threads", "Dask by hand, threads"), Way("processes", "Dask by hand, processes")),
    ),
    "futures": PeerSpec(
        "on_futures.py",
        (),
        (
            Way("threads", "concurrent.futures, threads"),
            Way("processes", "concurrent.futures, processes"),
        ),
    ),
    "joblib": PeerSpec(
        "on_joblib.py",
        ("joblib>=1.4,<2", "loky>=3.4,<4", "numpy"),
        (Way("parallel", "joblib, Parallel"), Way("loky", "joblib, loky's executor")),
    ),
    "prefect": PeerSpec(
        "on_prefect.py",
        ("prefect>=3,<4", "prefect-dask", "numpy"),
        (Way("threads", "Prefect 3, threads"), Way("Dask", "Prefect 3, Dask")),
    ),
    "ray": PeerSpec("on_ray.py", ("ray>=2.40,<3", "numpy"), (Way("processes", "Ray"),)),
    "parsl": PeerSpec(
        "on_parsl.py",
        ("parsl>=2026.1", "numpy"),
        (Way("threads", "Parsl, threads"), Way("HTEX", "Parsl, HTEX")),
    ),
    "dbos": PeerSpec("on_dbos.py", ("dbos>=3,<4", "numpy"), (Way("SQLite", "DBOS, SQLite"),)),
    "redun": PeerSpec("on_redun.py", ("redun>=0.40", "numpy"), (Way("SQLite", "redun, SQLite"),)),
}


def python_of(name: str, requirements: tuple[str, ...], version: str = "") -> str:
    """Return the interpreter of an environment, which is made if it is not there.

    Parameters
    ----------
    name : str
        Of the environment.
    requirements : tuple of str
        What is installed there; none: the project's environment is returned.
    version : str
        Of Python, like "3.9", where it cannot be the one that runs this.

    Raises
    ------
    RuntimeError
        With the last line of what pip said, if it could not be made, or if there is no such Python.
    """
    if not requirements:
        return sys.executable
    folder = _CACHE / name
    python, stamp = folder / "bin" / "python", folder / ".installed"
    wanted = "\n".join((version or sys.version, *requirements))
    if stamp.exists() and stamp.read_text() == wanted:
        return str(python)
    print(f"making the environment of {name} (once)", flush=True)
    made_by = _interpreter(version) if version else sys.executable
    _run([made_by, "-m", "venv", "--clear", str(folder)], name)
    _run([str(python), "-m", "pip", "install", "--quiet", "--no-input", *requirements], name)
    stamp.write_text(wanted)
    return str(python)


def _interpreter(version: str) -> str:
    """Find a Python of a version, where pyenv keeps them or on the path."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept = [path for path in pyenv.glob(f"{version}.*/bin/python") if path.exists()]
    found = str(kept[0]) if kept else shutil.which(f"python{version}")
    if found is None:
        raise RuntimeError(f"there is no Python {version} on this machine")
    return found


def _run(command: list[str], name: str) -> None:
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    if ended.returncode:
        last = (ended.stdout.strip().splitlines() or ["nothing was said"])[-1]
        raise RuntimeError(f"{name} could not be installed: {last}")


if __name__ == "__main__":
    # Makes one environment and prints its interpreter: environments.py NAME REQUIREMENT...
    print(python_of(sys.argv[1], tuple(sys.argv[2:])))
