"""Make docs/errors.md of the wrong uses and of what each shows::

python -m tests.errors.page
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Mapping
from pathlib import Path

from tests.errors.case import Case, Section, sections
from tests.errors.running import PRELUDE, Shown, show

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"

_HEAD = """\
# What wrong uses say

{count} ways to use daskloop wrongly, and the whole text that each shows: what was asked, the
value, what to do. It can be searched for.

This page is made by `python -m tests.errors.page`, and a test fails if a text is no longer as it
stands here. Names of runs, addresses and folders differ each time. Above each example stands

```python
{prelude}```
"""


def page(shown: Mapping[str, Shown]) -> str:
    """Write the page.

    Parameters
    ----------
    shown : mapping
        What each wrong use shows, by its section and title.
    """
    found = sections()
    count = sum(len(section.cases) for section in found)
    parts = [_HEAD.format(count=count, prelude=PRELUDE)]
    parts += [_contents(found)]
    parts += [_section(section, shown) for section in found]
    return "\n".join(parts)


def key(section: Section, case: Case) -> str:
    """Name a case."""
    return f"{section.title}: {case.title}"


def _contents(found: list[Section]) -> str:
    lines = [f"- {section.title}: {len(section.cases)}" for section in found]
    return "\n".join(lines) + "\n"


def _section(section: Section, shown: Mapping[str, Shown]) -> str:
    cases = [_case(case, shown[key(section, case)]) for case in section.cases]
    return "\n".join([f"## {section.title}\n\n{section.words}\n", *cases])


def _case(case: Case, shown: Shown) -> str:
    title = case.title[0].upper() + case.title[1:]
    language = "console" if case.commands else "python"
    above = f"({shown.error.replace('exit', 'exit code')})\n" if case.commands else ""
    label = above or f"{shown.error}: "
    text = "\n".join(_wrapped(line) for line in f"{label}{shown.text}".splitlines())
    return f"### {title}\n\n```{language}\n{case.code}\n```\n\n```text\n{text}\n```\n"


def _wrapped(line: str) -> str:
    return (
        textwrap.fill(
            line, 100, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
        )
        if len(line) > 100
        else line
    )


def _main() -> None:
    shown: dict[str, Shown] = {}
    for section in sections():
        for case in section.cases:
            found = show(case)
            if found is None:
                raise SystemExit(f"{key(section, case)}: nothing is wrong with it")
            shown[key(section, case)] = found
    PAGE.write_text(page(shown), encoding="utf-8")
    print(f"{PAGE}: {len(shown)} wrong uses")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    _main()
