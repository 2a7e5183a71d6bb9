"""Messages are sent one after the other, a bounded number of them, and never by who listens."""

from __future__ import annotations

import threading

import pytest

from daskloop.events import RunEnded, RunStarted
from daskloop.notify import delivery
from daskloop.notify.delivery import Delivery
from daskloop.notify.digest import Digest
from daskloop.notify.message import Message
from daskloop.notify.rules import Rules
from daskloop.notify.sending import NotSent
from daskloop.states import Success


def started(run: str = "r") -> RunStarted:
    return RunStarted(run, 0.0, "f", "'inline'")


def ended(run: str = "r") -> RunEnded:
    return RunEnded(run, 1.0, "f", Success("well"), 1.0, 0, 0, 0)


def test_without_anything_to_tell_there_is_no_thread():
    before = threading.active_count()
    told = Delivery(lambda message: None, Digest(Rules(frozenset({"paused"}))), "somebody")
    told.hear(started())
    told.hear(ended())
    assert threading.active_count() == before
    told.close(1.0)


def test_a_run_that_broke_off_is_told_of_when_its_listeners_are_closed():
    sent: list[Message] = []
    told = Delivery(sent.append, Digest(Rules()), "somebody")
    told.hear(started())
    told.close(20.0)
    assert [one.title for one in sent] == ["run r of flow 'f' broke off"]


def test_a_run_whose_end_nobody_had_the_time_to_hear_of_is_not_said_to_have_broken_off():
    sent: list[Message] = []
    told = Delivery(sent.append, Digest(Rules()), "somebody")
    told.hear(started())
    told.close(0.0)
    assert sent == []


def test_while_one_is_sent_only_the_newest_wait(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(delivery, "_WAITING", 3)
    began, go = threading.Event(), threading.Event()
    sent: list[str] = []

    def send(message: Message) -> None:
        began.set()
        assert go.wait(20)
        sent.append(message.run)

    told = Delivery(send, Digest(Rules()), "somebody")
    for number in range(8):
        told.hear(started(str(number)))
        told.hear(ended(str(number)))
        assert began.wait(20)  # the first one is on its way
    go.set()
    told.close(20.0)
    assert sent == ["0", "5", "6", "7"]
    assert "somebody: 4 message(s) were not sent" in caplog.text


@pytest.mark.parametrize(("again", "tries"), [(True, 3), (False, 1)])
def test_it_is_tried_again_only_where_that_may_help(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, again: bool, tries: int
):
    monkeypatch.setattr(delivery, "_DELAYS", (0.0, 0.0))
    made = []

    def send(message: Message) -> None:
        made.append(message)
        raise NotSent("busy", again=again, wait=0.001)

    told = Delivery(send, Digest(Rules()), "somebody")
    told.hear(started())
    told.hear(ended())
    told.close(20.0)
    assert len(made) == tries
    assert caplog.text.count("somebody: busy") == 1


def test_of_an_error_that_is_not_ours_no_text_is_told(caplog: pytest.LogCaptureFixture):
    def send(message: Message) -> None:
        raise OSError("https://hooks.example.org/T0TOKEN")

    told = Delivery(send, Digest(Rules()), "somebody")
    told.hear(started())
    told.hear(ended())
    told.close(20.0)
    assert "somebody: OSError while sending" in caplog.text
    assert "TOKEN" not in caplog.text


def test_who_waits_to_try_again_gives_up_when_the_time_is_over(caplog: pytest.LogCaptureFixture):
    waits = threading.Event()

    def send(message: Message) -> None:
        waits.set()
        raise NotSent("busy", again=True, wait=1_000.0)

    told = Delivery(send, Digest(Rules()), "somebody")
    told.hear(started())
    told.hear(ended())
    assert waits.wait(20)
    told.close(0.05)
    assert "left to itself" in caplog.text
    for thread in threading.enumerate():
        if thread.name == "daskloop-notify":
            thread.join(20)
