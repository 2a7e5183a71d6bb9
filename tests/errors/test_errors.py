"""Every wrong use of the catalogue fails as docs/errors.md says, and says what is needed."""

from __future__ import annotations

import pytest

from tests.errors.case import Case, Section, sections
from tests.errors.page import PAGE, key, page
from tests.errors.running import Shown, show

SECTIONS = sections()
CASES = [
    pytest.param(section, case, id=key(section, case))
    for section in SECTIONS
    for case in section.cases
]


@pytest.fixture(scope="module")
def shown() -> dict[str, Shown]:
    """What each case has shown, gathered for the page."""
    return {}


@pytest.mark.parametrize(("section", "case"), CASES)
def test_it_names_what_was_asked_the_value_and_what_to_do(
    section: Section, case: Case, shown: dict[str, Shown]
) -> None:
    found = show(case)
    assert found is not None, "nothing is wrong with it"
    shown[key(section, case)] = found
    assert found.error == case.error, found.text
    for part in (case.asked, case.value, case.todo):
        assert part and part in found.text
    assert "hunter22" not in found.text


def test_the_page_is_what_the_cases_show(shown: dict[str, Shown]) -> None:
    for section in SECTIONS:
        for case in section.cases:
            if key(section, case) not in shown:  # left out, or run in another process
                shown[key(section, case)] = show(case) or Shown("none", "")
    assert PAGE.read_text(encoding="utf-8") == page(shown), (
        "make it anew: python -m tests.errors.page"
    )


def test_there_are_at_least_eighty_and_no_two_alike() -> None:
    titles = [key(section, case) for section in SECTIONS for case in section.cases]
    codes = [case.code for section in SECTIONS for case in section.cases]
    assert len(titles) >= 80
    assert len(set(titles)) == len(titles)
    assert len(set(codes)) == len(codes)
