"""A driver that dies at any of its steps is resumed, and nothing is lost or made again."""

from __future__ import annotations

import pytest

from tests.chaos.swept import swept


def test_a_driver_that_dies_at_some_of_its_steps_loses_nothing(folder):
    found = swept("sweep", folder, "--every", "40")
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_driver_that_dies_at_each_of_its_steps_each_time_loses_nothing(folder, capsys):
    found = swept("sweep", folder)
    with capsys.disabled():
        print("\n" + found.stdout.strip())
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
def test_the_sweep_finds_a_driver_that_does_not_look_at_claims(folder):
    found = swept("sweep", folder, "--only", "record", "--mutant")
    assert found.returncode == 1
    assert "something was wrong" in found.stdout and ", 0 times" not in found.stdout
