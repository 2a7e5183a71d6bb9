"""An engine that only writes down how it was started."""

from __future__ import annotations

from typing import Any

import pytest

from daskloop.states import State, Success


class StandIn:
    """Takes the place of ``daskloop.run.start`` and runs nothing."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or Success("done")
        self.secrets: list[str] = []
        self.starts: list[tuple[Any, dict[str, Any], Any]] = []

    def start(
        self,
        flow: Any,
        *,
        parameters: dict[str, Any],
        options: Any,
        listeners: Any = (),
        taken: Any = None,
        origin: str | None = None,
        here: bool = True,
        at_end: Any = None,
    ) -> StandIn:
        """Note what was asked for."""
        self.starts.append((flow, parameters, options))
        return self

    def result(self) -> State:
        """Return the state that every run ends in."""
        return self.state


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Put a stand-in where `Flow.run` looks for the engine."""
    stand_in = StandIn()
    import daskloop.flow.begin

    monkeypatch.setattr(daskloop.flow.begin, "start", stand_in.start)
    return stand_in
