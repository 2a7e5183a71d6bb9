"""Each test has a folder of its own to be in, and leaves no loaded file behind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import files


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with the files `fib.py`, `typed.py` and `secret.py`."""
    import cloudpickle

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "fib.py").write_text(files.FIB)
    (tmp_path / "typed.py").write_text(files.TYPED)
    (tmp_path / "secret.py").write_text(files.SECRET)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("daskloop_file_")]:
        cloudpickle.unregister_pickle_by_value(sys.modules.pop(name))
