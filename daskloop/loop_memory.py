"""What a state remembers of the loop that it ended."""

from __future__ import annotations

from typing import Any

from daskloop.deferred import Holder

__all__ = ["LoopMemory"]


class LoopMemory(Holder):
    """How far a loop had come, for the state that ended it."""

    loop_count: int | None
    """The iteration that the task had reached, counted from 1."""
    iterations_done: int
    """How many iterations went on to another, or ended the loop well. The attempt that only makes
    a result of a payload, as `until` has it, counts as one, as wherever iterations are counted."""
    loop_messages: tuple[str, ...]
    """The messages of the last few iterations, oldest first."""
    _loop_payload: Any
    _loop_states: Any

    @property
    def loop_payload(self) -> Any:
        """The last good payload of a loop that failed, fetched on first use."""
        return self._opened("_loop_payload")

    @property
    def loop_states(self) -> list[Any]:
        """The states of the iterations before, oldest first, if ``history=True`` was asked for."""
        return list(self._opened("_loop_states"))

    def remember_loop(
        self, count: int, messages: tuple[str, ...], payload: Any, states: Any = (), done: int = 0
    ) -> None:
        """Note how far the loop had come when this state ended it."""
        self.iterations_done = done
        self.loop_count = count
        self.loop_messages = messages
        self._loop_payload = payload
        self._loop_states = states
