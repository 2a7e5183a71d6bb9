"""Signals beside other classes."""

from __future__ import annotations

from typing import Any

from daskloop.signals import FAIL, LOOP


class _Told(Exception):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.response = None


class _Refused(FAIL, _Told):
    """A failure that is an error of another library's as well."""


def test_what_is_beside_a_signal_is_initialised_too() -> None:
    refused = _Refused("no")
    assert (refused.message, refused.response, refused.args) == ("no", None, ("no",))


def test_a_signal_emits_nothing_unless_it_says_so() -> None:
    assert LOOP(result=1).items() == []
    assert LOOP(emit=None).items() == [None]
    assert LOOP(emit=1, emit_all=(2, 3)).items() == [1, 2, 3]
