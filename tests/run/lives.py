"""One child's life against `decide` alone, with a plain ledger of what the rules allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from daskloop.define.limits import Limits
from daskloop.define.retry import RetryPolicy
from daskloop.record.sealed import ErrorText, Sealed, seal
from daskloop.run.decide import Moment, Rules, decide
from daskloop.run.envelope import Entry
from daskloop.run.progress import (
    Accepted,
    Admitted,
    Announce,
    Due,
    End,
    Ended,
    Happening,
    Lost,
    Phase,
    Progress,
    Ready,
    Step,
    Stopped,
    Submit,
    Wake,
)
from daskloop.run.states_of import state_of
from daskloop.states import Looped, State

__all__ = ["Called", "Life", "entry", "rules", "sealed"]

BEGIN = 1_000_000_000.0


def sealed(value: Any) -> Sealed:
    """Close a value, inline."""
    return seal(value, "the value", 10**9, None, "tag")


def entry(kind: Any, value: Any = None, **more: Any) -> Entry:
    """Make an entry as a worker would."""
    if kind == "retry":
        return Entry("retry", "again", **more)
    if kind in ("failed", "timed_out", "trigger_failed"):
        more.setdefault("error", ErrorText("ValueError", "no", ""))
        more.setdefault("message", "Unexpected error: ValueError('no')")
    return Entry(kind, more.pop("message", f"it {kind}"), sealed(value), **more)


@dataclass(frozen=True)
class Called:
    """Something with a name."""

    name: str


def rules(name: str = "t", **options: Any) -> Rules:
    """Make rules from the options of a task."""
    retry = {key: options.pop(key) for key in ("max_retries", "delay", "jitter") if key in options}
    return Rules(Called(name), RetryPolicy(**retry), Limits(**options))


@dataclass
class Life:
    """A child from its first happening to its last."""

    rules: Rules
    now: float = BEGIN
    stopping: str | None = None
    draw: float = 0.0
    progress: Progress = field(default_factory=Progress)
    step: Step | None = None
    submissions: list[Progress] = field(default_factory=list)
    announced: list[State] = field(default_factory=list)

    def tell(self, happening: Happening) -> Step | None:
        """Tell what happened, twice, and keep what was decided."""
        before = self.progress
        copy = Progress(*before)
        moment = Moment(self.now, self.draw, self.stopping)
        first = decide(self.rules, before, happening, moment)
        again = decide(self.rules, before, happening, moment)
        assert _plain(first) == _plain(again), "the same input gave another output"
        assert before == copy, "a decision changed what it was given"
        self.progress, self.step = first
        if before.phase is Phase.ENDED:
            assert first == (before, None), "something followed after the end"
        if isinstance(self.step, Submit):
            self.submissions.append(self.progress)
        if isinstance(self.step, Announce):
            self.announced.append(self.step.state)
        return self.step

    def accept(self, state: State | None = None, payload: Any = None) -> Step | None:
        """Let the proposed state stand, or another in its place."""
        assert isinstance(self.step, Announce), self.step
        stands = self.step.state if state is None else state
        value = None
        if isinstance(stands, Looped):
            known = self.progress.entry
            value = known.value if state is None and known is not None else sealed(payload)
        return self.tell(Accepted(stands, value, self.step.final))

    def begin(self) -> Life:
        """Come as far as the first submission."""
        self.tell(Ready())
        return self.go()

    def go(self) -> Life:
        """From a queue, or from a wait, to the submission."""
        if isinstance(self.step, Wake):
            self.now = max(self.now, self.step.at)
            self.tell(Due())
        if self.progress.phase is Phase.READY:
            self.tell(Admitted())
        if isinstance(self.step, Announce):
            self.accept()
        assert isinstance(self.step, Submit), self.step
        return self

    def come(self, kind: Any, value: Any = None, **more: Any) -> Life:
        """Let the attempt come back, and every state that follows stand."""
        made = entry(kind, value, **more)
        self.tell(Ended(made, state_of(made, self.progress, None)))
        while isinstance(self.step, Announce):
            self.accept()
        return self

    def lose(self, *, charged: bool) -> Life:
        """Lose the attempt."""
        self.tell(Lost("worker tcp://gone:1 went away", charged))
        while isinstance(self.step, Announce):
            self.accept()
        return self

    def stop(self, *, now: bool) -> Life:
        """Stop the run."""
        self.stopping = "stopped"
        self.tell(Stopped("stopped", now))
        return self

    @property
    def end(self) -> State:
        """The final state."""
        assert isinstance(self.step, End), self.step
        return self.step.state

    @property
    def attempts(self) -> list[tuple[int, int, int]]:
        """Iteration, run_count and submission of everything that was submitted."""
        return [(p.iteration, p.run_count, p.submission) for p in self.submissions]


def _plain(decision: tuple[Progress, Step | None]) -> Any:
    """Write a decision as plain data; states have no equality of their own."""
    progress, step = decision
    state = getattr(step, "state", None)
    told = None
    if state is not None:
        told = {**vars(state), "_result": repr(state.unopened_result)}
    return progress, type(step), told, getattr(step, "final", None), getattr(step, "at", None)
