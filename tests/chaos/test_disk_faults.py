"""A write, a sync or a rename of a driver fails: what it was told is written is there."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.chaos.swept import swept

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("cc") is None,
    reason="a library that is loaded before the others is made by cc, for Linux",
)


def test_some_calls_that_fail_lose_nothing_and_the_run_is_resumed(folder):
    found = swept("disk_faults", folder, "--every", "61")
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_each_call_that_fails_loses_nothing_and_the_run_is_resumed(folder, capsys):
    found = swept("disk_faults", folder)
    with capsys.disabled():
        print("\n" + found.stdout.strip())
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.slow
def test_a_driver_that_takes_a_failed_commit_for_written_is_found(folder):
    found = swept("disk_faults", folder, "--every", "37", "--mutant")
    assert found.returncode == 1
    assert "acknowledged records, these are there" in found.stdout
