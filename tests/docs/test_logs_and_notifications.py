"""What the pages about logs and notifications show is so."""

import logging

import pytest

from daskloop.notify.rules import EVENTS, USUAL
from tests.docs.blocks import ROOT, blocks


@pytest.mark.parametrize(("file", "shows"), [("docs/logs.md", 2), ("docs/notifications.md", 0)])
def test_every_block_gives_the_values_it_shows(file, shows):
    logger = logging.getLogger("daskloop")
    before = logger.level, list(logger.handlers)
    try:
        namespace = {"__name__": "page"}
        shown = [one for block in blocks(file) for one in block.run(namespace)]
    finally:
        logger.setLevel(before[0])
        logger.handlers[:] = before[1]
    assert [(where, value) for where, value, _ in shown] == [
        (where, found) for where, _, found in shown
    ]
    assert len(shown) == shows


def test_all_that_can_be_told_is_in_the_table():
    text = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
    for word in EVENTS:
        assert (f"| **`{word}`** |" in text) is (word in USUAL)
        assert f"`{word}`" in text
