"""Each test has a folder with a flow in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal.flows import HELD


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the file `held.py`."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    (tmp_path / "held.py").write_text(HELD)
    return tmp_path
