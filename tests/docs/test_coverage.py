"""The check of coverage: it sees what is below the floor, and files without a reason."""

from __future__ import annotations

import runpy

import pytest

from tests.docs.blocks import ROOT

COVERED = runpy.run_path(str(ROOT / "ci" / "covered.py"))
wrong, said_in, page_path = COVERED["wrong"], COVERED["said_in"], COVERED["PAGE"]

PAGE = """
Floor: 90 %

| `daskloop/keys.py` | needs another system |
"""


def report(percent: float, **missed: int):
    """Make what `coverage json` writes."""
    files = {
        f"daskloop/{name}.py": {"summary": {"missing_lines": count, "missing_branches": 0}}
        for name, count in missed.items()
    }
    return {"totals": {"percent_covered": percent}, "files": files}


@pytest.mark.parametrize("missed", [{"keys": 3}, {"keys": 3, "blame": 0}, {"keys": 0}])
def test_what_is_above_the_floor_and_has_its_reasons_passes(missed):
    assert list(wrong(report(90.0, **missed), PAGE)) == []


def test_what_is_below_the_floor_is_told():
    (text,) = wrong(report(89.9, keys=3), PAGE)
    assert text == "89.90 % is covered, less than the floor of 90 %"


def test_a_file_that_misses_something_without_a_reason_is_told():
    (text,) = wrong(report(95.0, keys=3, blame=2), PAGE)
    assert text.startswith("daskloop/blame.py misses 2 lines and branches")


def test_a_reason_of_a_file_that_is_gone_is_told():
    (text,) = wrong(report(95.0, blame=0), PAGE)
    assert text.startswith("daskloop/keys.py, of which ")


def test_a_page_without_a_floor_is_refused():
    with pytest.raises(ValueError, match="no line 'Floor: NUMBER %'"):
        said_in("nothing")


def test_the_page_has_a_floor_and_speaks_of_files_that_are_there():
    floor, reasons = said_in(page_path.read_text(encoding="utf-8"))
    assert 80 < floor < 100 and reasons
    assert [name for name in reasons if not (ROOT / name).is_file()] == []
