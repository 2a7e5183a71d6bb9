"""What ci/audit.py makes of a report: weaknesses fail, and what was not audited is said."""

from __future__ import annotations

import runpy
from pathlib import Path

AUDIT = runpy.run_path(str(Path(__file__).resolve().parents[2] / "ci" / "audit.py"))
verdict = AUDIT["verdict"]

SOUND = {"name": "zict", "version": "3.0.0", "vulns": []}
WEAK = {
    "name": "dask",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}],
}
SKIPPED = {"name": "zipp", "skip_reason": "Dependency not found on PyPI"}


def test_a_weakness_fails_and_names_package_advisory_and_remedy():
    well, text = verdict({"dependencies": [SOUND, WEAK]})
    assert not well
    assert "dask 1.0: PYSEC-1, mended in 1.1" in text


def test_sound_packages_pass_and_are_counted():
    assert verdict({"dependencies": [SOUND]}) == (True, "1 packages audited")


def test_what_was_not_audited_passes_and_is_said():
    assert verdict({"dependencies": [SKIPPED, SKIPPED]})[0]
    assert "NOT AUDITED: of 2 packages none" in verdict({"dependencies": [SKIPPED, SKIPPED]})[1]
    assert "1 of 2 packages audited" in verdict({"dependencies": [SOUND, SKIPPED]})[1]
