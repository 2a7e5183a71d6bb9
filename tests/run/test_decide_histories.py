"""All rules of `decide` at once, under random histories, against a plain ledger."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daskloop.define.retry import RetryPolicy
from daskloop.errors import LoopLimit
from daskloop.run.decide import MESSAGES, Rules
from daskloop.run.envelope import Ahead
from daskloop.run.progress import (
    Accepted,
    Admitted,
    Announce,
    Due,
    End,
    Ended,
    Enqueue,
    Lost,
    Phase,
    RanAhead,
    Ready,
    Settled,
    Stopped,
    Submit,
    Wake,
)
from daskloop.run.states_of import state_of
from daskloop.states import Cancelled, Crashed, Failed, Looped, Retrying, Success
from tests.run.lives import Called, Life, entry, rules, sealed

_RULES = st.builds(
    lambda retries, delay, loops, time, losses, once: Rules(
        Called("t"),
        RetryPolicy(retries, delay),
        rules(max_loops=loops, max_time=time, max_worker_losses=losses, at_most_once=once).limits,
    ),
    st.integers(0, 3),
    st.sampled_from([0.0, 2.0, (1.0, 3.0)]),
    st.sampled_from([None, None, 1, 4]),
    st.sampled_from([None, None, 6.0]),
    st.integers(0, 3),
    st.sampled_from([False, False, True]),
)


class _Ledger:
    """What the rules allow, counted without a look at `Progress`."""

    def __init__(self, life: Life, draw: random.Random) -> None:
        self.life = life
        self.draw = draw
        self.iteration, self.run_count, self.payload = 1, 1, None
        self.failures = self.charged = self.bystander = 0
        self.keys: set[tuple[int, int, int]] = set()
        self.due: float | None = None

    def run(self, steps: int) -> None:
        life, draw = self.life, self.draw
        life.tell(Ready())
        for _ in range(steps):
            if isinstance(life.step, End):
                return self.after_the_end()
            if draw.random() < 0.02:
                self.stop()
                continue
            life.now += draw.choice((0.0, 0.1, 1.0))
            if isinstance(life.step, Enqueue):
                life.tell(Admitted())
            elif isinstance(life.step, Announce):
                self.accept(life.step)
            elif isinstance(life.step, Wake):
                assert self.due is None or life.step.at >= min(self.due, self.ends()) - 1e-6
                life.now = max(life.now, life.step.at)
                life.tell(Due())
            else:
                self.submitted()
        return None

    def ends(self) -> float:
        """Return when `max_time` is over, beyond which nobody waits."""
        limit, begun = self.life.rules.limits.max_time, self.life.progress.begun
        return math.inf if limit is None or begun is None else begun + limit

    def stop(self) -> None:
        was = self.life.progress.phase
        now = self.draw.random() < 0.5
        step = self.life.step
        self.life.stop(now=now)
        if was is Phase.RUNNING and not now:
            assert self.life.step is None
            self.life.step = step
        else:
            assert type(self.life.end) is Cancelled

    def accept(self, proposed: Announce) -> None:
        life, state = self.life, proposed.state
        stood = life.accept()
        stopped = life.stopping is not None
        if isinstance(state, Looped):
            over = life.rules.limits.max_loops
            self.payload = sealed(self.iteration)
            self.iteration, self.run_count = self.iteration + 1, 1
            self.failures = self.charged = self.bystander = 0
            if not stopped and over is not None and self.iteration > over:
                assert isinstance(stood, Announce) and isinstance(stood.state.result, LoopLimit)
        elif isinstance(state, Retrying):
            self.run_count += 1
            self.charged = self.bystander = 0
            if not stopped:
                assert isinstance(stood, Wake)
        elif isinstance(state, Failed) and isinstance(stood, Announce):
            assert not stopped and not proposed.final
            self.failures += 1
            assert self.failures <= life.rules.retry.max_retries, "over the retry budget"
        if isinstance(stood, End) and not stopped:
            assert not isinstance(stood.state, Cancelled)

    def submitted(self) -> None:
        """An attempt is on its way, as the ledger says; let something become of it."""
        life, progress = self.life, self.life.progress
        assert isinstance(life.step, Submit) and progress.phase is Phase.RUNNING
        assert (progress.iteration, progress.run_count) == (self.iteration, self.run_count)
        assert progress.payload == self.payload
        key = (progress.iteration, progress.run_count, progress.submission)
        assert key not in self.keys, "a key was used twice"
        assert progress.submission == self.charged + self.bystander
        self.keys.add(key)
        choice = self.draw.random()
        if choice < 0.25:
            self.lose(charged=self.draw.random() < 0.5)
        elif choice < 0.45:
            self.back("looped", self.iteration)
        elif choice < 0.7:
            self.back("failed", None, retriable=self.draw.random() < 0.9)
        elif choice < 0.8:
            self.due = life.now + 5.0
            self.back("retry", start_time=self.due)
        else:
            self.back(self.draw.choice(["success", "skipped", "trigger_failed", "timed_out"]))

    def back(self, kind: Any, value: Any = None, **more: Any) -> None:
        self.due = more.get("start_time")
        made = entry(kind, value, **more)
        self.life.tell(Ended(made, state_of(made, self.life.progress, None)))

    def lose(self, *, charged: bool) -> None:
        life, limits = self.life, self.life.rules.limits
        self.due = None
        step = life.tell(Lost("gone", charged))
        if not charged:
            self.bystander += 1
            wanted = (Enqueue, Wake) if life.stopping is None else (End,)
            assert isinstance(step, wanted), "a bystander failed"
            return
        self.charged += 1
        spent = limits.at_most_once or self.charged > limits.max_worker_losses
        if spent:
            assert isinstance(step, Announce) and isinstance(step.state, Crashed) and step.final
        elif life.stopping is None:
            assert isinstance(step, Enqueue)

    def after_the_end(self) -> None:
        made = entry("success", 1)
        for late in (
            Ready(),
            Admitted(),
            Due(),
            Lost("late", True),
            Ended(made, Success()),
            Accepted(Looped("late"), sealed(1)),
            Stopped("late", True),
            Settled(Success()),
        ):
            assert self.life.tell(late) is None


@given(_RULES, st.randoms(use_true_random=False), st.integers(1, 120))
@settings(max_examples=400, deadline=None)
def test_random_histories_keep_every_rule(
    given_rules: Rules, draw: random.Random, steps: int
) -> None:
    _Ledger(Life(given_rules), draw).run(steps)


@given(
    _RULES,
    st.integers(1, 30),
    st.integers(0, 4),
    st.lists(st.text(max_size=3), min_size=30, max_size=30),
)
@settings(deadline=None)
def test_b2_iterations_that_ran_ahead_are_the_same_as_each_of_them_accepted_alone(
    given_rules: Rules, count: int, before: int, messages: list[str]
) -> None:
    """Within the limits, which the worker keeps: there `RanAhead` follows no rule of its own."""
    limits = replace(given_rules.limits, max_loops=None, max_time=None)
    free = given_rules._replace(limits=limits)
    single, several = Life(free).begin(), Life(free).begin()
    for life in (single, several):
        for number in range(before):
            life.come("looped", number, message=f"before {number}").go()
        if given_rules.retry.max_retries:
            life.come("failed").go()
        life.lose(charged=False)
    for number in range(count):
        single.come("looped", number, message=messages[number]).go()
    ahead = Ahead(count, tuple(messages[:count][-MESSAGES:]), sealed(count - 1), 0.1, 1.0, 2.0, b"")
    assert several.tell(RanAhead(ahead)) is None
    assert several.progress == single.progress
    single.come("success", 5)
    several.come("success", 5)
    assert several.progress == single.progress and type(several.end) is type(single.end)
