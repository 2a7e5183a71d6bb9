"""Listeners hear everything in order, and can stop nothing."""

from __future__ import annotations

import logging
import threading

import pytest

from daskloop.events import AttemptsSent, ChildEnded, Event, IterationEnded, RetryScheduled
from daskloop.keys import Place
from daskloop.run import announcer
from daskloop.run.announcer import Announcer
from daskloop.states import Failed, Success


class Ear:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[float] = []

    def hear(self, event: Event) -> None:
        """Hear."""
        self.heard.append(event.at)


class Deaf(Ear):
    """Raises at every event."""

    def hear(self, event: Event) -> None:
        """Raise."""
        super().hear(event)
        raise ValueError("no")


def test_every_listener_hears_every_event_in_order():
    ears = [Ear(), Ear()]
    told = Announcer(ears)
    told.tell([Event("r", 1.0), Event("r", 2.0)])
    told.tell([])
    told.tell([Event("r", 3.0)])
    told.close()
    assert [ear.heard for ear in ears] == [[1.0, 2.0, 3.0]] * 2


def test_without_listeners_there_is_no_thread():
    before = threading.active_count()
    told = Announcer([])
    told.tell([Event("r", 1.0)])
    assert threading.active_count() == before
    told.close()


def test_what_a_listener_raises_is_logged_and_stops_nothing(caplog: pytest.LogCaptureFixture):
    deaf, ear = Deaf(), Ear()
    told = Announcer([deaf, ear])
    with caplog.at_level(logging.ERROR):
        told.tell([Event("r", 1.0), Event("r", 2.0)])
        told.close()
    assert deaf.heard == ear.heard == [1.0, 2.0]
    assert len(caplog.records) == 2


def test_a_listener_that_exits_does_not_silence_the_others():
    class Leaver(Ear):
        def hear(self, event: Event) -> None:
            raise SystemExit(1)

    ear = Ear()
    told = Announcer([Leaver(), ear])
    told.tell([Event("r", 1.0), Event("r", 2.0)])
    told.close()
    assert ear.heard == [1.0, 2.0]


def test_a_listener_that_hangs_does_not_keep_the_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(announcer, "_PATIENCE", 0.05)
    go = threading.Event()

    class Sleeper(Ear):
        def hear(self, event: Event) -> None:
            go.wait(30)

    told = Announcer([Sleeper()])
    told.tell([Event("r", 1.0)])
    told.close()
    go.set()
    for thread in threading.enumerate():
        if thread.name == "daskloop-listeners":
            thread.join(10)


def test_listeners_that_hold_something_are_closed_within_what_is_left_of_the_time(
    caplog: pytest.LogCaptureFixture,
):
    class Holder(Ear):
        def close(self, timeout: float) -> None:
            assert 0 < timeout <= announcer._PATIENCE
            self.heard.append(-1.0)
            raise ValueError("no")

    holders = [Holder(), Holder()]
    told = Announcer([*holders, Ear()])
    told.tell([Event("r", 1.0)])
    with caplog.at_level(logging.ERROR):
        told.close()
    assert [one.heard for one in holders] == [[1.0, -1.0]] * 2
    assert len(caplog.records) == 2


class Content(Ear):
    """Is content with the graver events."""

    level = logging.ERROR


def test_who_is_content_with_graver_events_is_not_asked_of_iterations_and_successes():
    ear, content = Ear(), Content()
    told = Announcer([ear, content])
    place = (Place("m-1", 3, 1),)
    told.tell(
        [
            AttemptsSent("r", 1.0, [place]),
            IterationEnded("r", 2.0, place, "m[3]", "", "w", 0.1),
            ChildEnded("r", 3.0, place, "m[3]", Success(), 0.1),
            ChildEnded("r", 4.0, place, "m[3]", Failed(), 0.1),
            RetryScheduled("r", 5.0, place, "m[3]", 2, 0.0, ""),
        ]
    )
    told.close()
    assert ear.heard == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert content.heard == [4.0, 5.0]


def test_a_listener_whose_level_changes_hears_more_from_then_on():
    content = Content()

    class Switch(Ear):
        def hear(self, event: Event) -> None:
            content.level = logging.INFO

    told = Announcer([content, Switch()])
    place = (Place("m-1", 3, 1),)
    for at in (1.0, 2.0):
        told.tell([ChildEnded("r", at, place, "m[3]", Success(), 0.1)])
    told.close()
    assert content.heard == [2.0]
