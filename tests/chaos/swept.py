"""Run a program that lets a driver fail again and again, and see what it found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.chaos.site import ROOT

__all__ = ["swept"]


def swept(program: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the program: it forks, and so has to be alone in its process."""
    command = [sys.executable, "-m", f"tests.chaos.{program}", str(folder), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
