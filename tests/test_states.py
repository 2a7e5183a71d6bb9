"""What a state keeps for handlers, and how it travels."""

from __future__ import annotations

import pickle

from daskloop.states import Retrying, Success


def test_each_state_has_a_context_of_its_own() -> None:
    one, other = Success(), Success()
    one.context["seen"] = 1
    assert (one.context, other.context) == ({"seen": 1}, {})


def test_a_context_that_is_given_is_copied() -> None:
    given = {"a": 1}
    state = Success("done", 5, given)
    state.context["b"] = 2
    assert (given, state.context) == ({"a": 1}, {"a": 1, "b": 2})


def test_a_context_travels_and_so_does_a_state_that_has_none() -> None:
    with_one = Retrying("again", context={"a": 1}, run_count=2)
    assert pickle.loads(pickle.dumps(with_one)).context == {"a": 1}
    assert pickle.loads(pickle.dumps(Success("done", 5))).context == {}


def test_a_state_whose_class_sets_its_own_fields_has_a_context_all_the_same() -> None:
    class Own(Success):
        def __init__(self) -> None:
            self.message = "done"

    assert Own().context == {}
