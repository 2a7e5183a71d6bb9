"""A driver that dies at any of its steps is resumed, and nothing is lost or made again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.site import ROOT


def swept(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the program: it forks, and so has to be alone in its process."""
    command = [sys.executable, "-m", "tests.chaos.sweep", str(folder), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_driver_that_dies_at_some_of_its_steps_loses_nothing(folder):
    found = swept(folder, "--every", "40")
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_driver_that_dies_at_each_of_its_steps_each_time_loses_nothing(folder, capsys):
    found = swept(folder)
    with capsys.disabled():
        print("\n" + found.stdout.strip())
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
def test_the_sweep_finds_a_driver_that_does_not_look_at_claims(folder):
    found = swept(folder, "--only", "record", "--mutant")
    assert found.returncode == 1
    assert "something was wrong" in found.stdout and ", 0 times" not in found.stdout
