"""Signals beside other classes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from daskloop.signals import FAIL, LOOP, PAUSE, RETRY


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


@pytest.mark.parametrize("signal", [RETRY, PAUSE])
@pytest.mark.parametrize("wrong", ["soon", 1.5, date(2026, 1, 1), timedelta(seconds=1)])
def test_a_point_in_time_is_a_datetime(signal: type[RETRY], wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"{signal.__name__}.*a datetime is needed.*after="):
        signal(start_time=wrong)
