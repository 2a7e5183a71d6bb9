"""Claims in memory: made for a run, found again by its next driver, swept when nobody comes."""

from __future__ import annotations

import os
import stat

import pytest

from daskloop.record import memory_claims as module
from daskloop.record.claims import Claim, Taken
from daskloop.record.memory_claims import forget_memory_claims, memory_claims

RUN = "quiet-heron-7f3a9c12"


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PLACE", str(tmp_path))
    monkeypatch.setattr(os.path, "ismount", lambda path: path == str(tmp_path))
    return tmp_path


def test_a_later_driver_of_the_run_finds_the_claims(place):
    claims = memory_claims(RUN)
    assert isinstance(claims.start("t-1/0/1/1/0", "worker one"), Claim)
    found = memory_claims(RUN).start("t-1/0/1/1/0", "worker two")
    assert isinstance(found, Taken) and found.who == "worker one"
    assert stat.S_IMODE(os.stat(claims.directory).st_mode) == 0o700


def test_they_are_gone_when_they_are_forgotten(place):
    memory_claims(RUN).start("t-1/0/1/1/0", "worker one")
    forget_memory_claims(RUN)
    assert list(place.iterdir()) == []
    forget_memory_claims(RUN)


def test_what_a_killed_driver_left_long_ago_is_swept(place):
    old, other = memory_claims("old-heron-00000000"), place / "of-another-program"
    other.mkdir()
    old.start("t-1/0/1/1/0", "worker one")
    for path in (old.directory, other):
        os.utime(path, (1_000_000, 1_000_000))
    memory_claims(RUN)
    assert sorted(os.listdir(place)) == [f"daskloop-{RUN}", "of-another-program"]


def test_a_machine_without_such_a_place_has_none(place, monkeypatch):
    monkeypatch.setattr(os.path, "ismount", lambda path: False)
    assert memory_claims(RUN) is None


def test_a_folder_that_is_not_ours_is_not_used(place):
    (place / "elsewhere").mkdir()
    (place / f"daskloop-{RUN}").symlink_to(place / "elsewhere")
    assert memory_claims(RUN) is None
