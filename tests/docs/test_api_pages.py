"""Every public name is on a page of the API."""

from __future__ import annotations

import re

import daskloop
from daskloop import executors, signals, states, testing, triggers
from daskloop.engine import results, serializers
from tests.docs.blocks import ROOT

PAGES = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "docs/api").glob("*.md")))
WHOLE = set(re.findall(r"automodule:: ([\w.]+)", PAGES))
NAMED = {one.rpartition(".")[2] for one in re.findall(r"auto(?:class|function):: ([\w.]+)", PAGES)}


def test_every_public_name_of_the_package_is_there():
    missing = set(daskloop.__all__) - NAMED - {"__version__", "context"}
    assert not missing, f"add them to a page in docs/api: {sorted(missing)}"
    assert "Context" in NAMED  # what `context` is


def test_states_signals_and_triggers_are_there_as_a_whole():
    assert {states.__name__, signals.__name__, triggers.__name__} <= WHOLE


def test_every_result_serializer_executor_and_test_is_there():
    public = (results, serializers, executors, testing)
    assert {name for module in public for name in module.__all__} <= NAMED
