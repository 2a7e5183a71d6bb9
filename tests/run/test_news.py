"""Who is to blame for a lost attempt: every reason, with every claim there can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import pytest

from daskloop.errors import StoreError
from daskloop.executors.session import Gone, Returned, Severed
from daskloop.record.claims import GIVEN_UP, Claim, Claims, Taken
from daskloop.run.envelope import Entry, Envelope, encode_envelope
from daskloop.run.news import NewsDesk, refusal
from daskloop.run.orders import key_text
from daskloop.run.progress import Progress
from daskloop.run.states_of import state_of
from daskloop.run.turn import Came, Halt, Paced, Vanished
from tests.run.driven import Driven, Plain, graph_of
from tests.run.lives import entry

KEY = ("t-1-7f3a9c12", -1, 1, 1, 0)
REASONS = ["worker-lost", "cancelled", "restarted", "disconnected", "forgotten"]
WHO = "tcp://w:1 (process 5)"


@pytest.fixture
def claims(tmp_path: Path) -> Claims:
    """A folder of claims."""
    return Claims(str(tmp_path / "claims"))


def desk(claims: Claims | None, once: bool = False) -> NewsDesk:
    """Make a desk for a run of one task."""
    run = Driven(graph_of(lambda g: Plain(name="t", at_most_once=once).bind(flow=g))).start()
    assert run.key("t") == KEY
    return NewsDesk(claims, run.machine.packing.packs)


def read(desk: NewsDesk, arrival: Any) -> Any:
    """Read the one piece of news of an arrival; how long it took is of no interest here."""
    news = [one for one in desk.read(arrival) if not isinstance(one, Paced)]
    assert len(news) == 1, news
    return news[0]


def envelope_of(made: Entry) -> bytes:
    """Make the envelope of a future with one attempt."""
    return encode_envelope(Envelope(0.1, [(None, made)]))


def started(claims: Claims) -> Claim:
    """Claim the start of the attempt, as its worker does."""
    claim = claims.start(key_text(KEY), WHO)
    assert isinstance(claim, Claim)
    return claim


def test_an_envelope_is_read():
    made = entry("looped", 5)
    assert read(desk(None), Returned(KEY, envelope_of(made))) == Came(KEY, made)


def test_a_second_start_that_was_turned_away_is_a_loss_of_the_first(claims: Claims):
    started(claims)
    news = read(desk(claims), Returned(KEY, envelope_of(Entry("lost", WHO))))
    assert isinstance(news, Vanished) and news.charged and WHO in news.reason


@pytest.mark.parametrize("once", [False, True])
def test_r08_a_loss_whose_claim_is_gone_is_charged_to_what_must_not_run_twice_alone(
    claims: Claims, once: bool
):
    news = read(desk(claims, once), Returned(KEY, envelope_of(Entry("lost", WHO))))
    assert isinstance(news, Vanished) and news.charged is once


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"garbage",
        msgpack.packb([]),
        msgpack.packb({}),
        msgpack.packb([0.0, [[None, ["surprise", *[None] * 10]]]]),
        msgpack.packb([0.0, [[None, ["success", 5, *[None] * 9]]]]),
    ],
)
def test_what_is_no_envelope_fails_its_task_and_not_the_driver(data: bytes):
    news = read(desk(None), Returned(KEY, data))
    assert isinstance(news, Came) and not news.entry.retriable
    state_of(news.entry, Progress(), None)


@pytest.mark.parametrize("reason", REASONS)
def test_r08_without_claims_only_a_lost_worker_is_charged(reason: str):
    news = read(desk(None), Gone(KEY, reason, "why"))
    assert isinstance(news, Vanished) and news.charged is (reason == "worker-lost")


@pytest.mark.parametrize("reason", REASONS)
def test_r08_what_never_began_is_a_bystander(reason: str, claims: Claims):
    news = read(desk(claims), Gone(KEY, reason, "why"))
    assert isinstance(news, Vanished) and not news.charged


@pytest.mark.parametrize("reason", [*REASONS, "left"])
def test_r11_what_never_began_and_is_sent_again_begins_nowhere_any_more(
    reason: str, claims: Claims
):
    read(desk(claims, once=True), Gone(KEY, reason, "why"))
    turned_away = claims.start(key_text(KEY), WHO)
    assert isinstance(turned_away, Taken) and turned_away.outcome is None
    # A driver that dies now leaves that to the next one, which is to blame nobody either.
    news = read(desk(claims, once=True), Gone(KEY, "left", "why"))
    assert isinstance(news, Vanished) and not news.charged


def test_r11_what_was_turned_away_by_the_driver_is_charged_to_nobody(claims: Claims):
    claims.give_up(key_text(KEY))
    news = read(desk(claims, once=True), Returned(KEY, envelope_of(Entry("lost", GIVEN_UP))))
    assert isinstance(news, Vanished) and not news.charged


def test_what_could_not_be_written_down_keeps_its_key_for_a_later_driver(claims: Claims):
    read(desk(claims), Gone(KEY, "it could not be written down", "the journal failed"))
    assert started(claims)


@pytest.mark.parametrize("once", [False, True])
def test_r11_what_cannot_be_kept_from_beginning_is_not_made_twice(
    once: bool, claims: Claims, monkeypatch: pytest.MonkeyPatch
):
    def full(*words: object) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(claims, "start", full)
    news = read(desk(claims, once), Gone(KEY, "disconnected", "why"))
    assert isinstance(news, Vanished) and news.charged is once


@pytest.mark.parametrize("reason", REASONS)
def test_r08_what_had_ended_is_not_lost(reason: str, claims: Claims):
    made = entry("success", 5)
    started(claims).finish(envelope_of(made))
    assert read(desk(claims), Gone(KEY, reason, "why")) == Came(KEY, made)


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("once", [False, True])
def test_r08_what_was_executing_is_charged_to_its_lost_worker(
    reason: str, once: bool, claims: Claims
):
    started(claims)
    news = read(desk(claims, once), Gone(KEY, reason, "why"))
    assert isinstance(news, Vanished) and WHO in news.reason
    assert news.charged is (once or reason == "worker-lost")


def test_f08_what_dask_refuses_fails_its_task():
    news = read(desk(None), Gone(KEY, "refused", "no such module"))
    assert isinstance(news, Came) and not news.entry.retriable
    assert "no such module" in (news.entry.message or "")


def test_an_executor_that_is_gone_stops_the_run():
    assert read(desk(None), Severed("closed")) == Halt("closed", now=True)


@pytest.mark.parametrize("error", [None, TypeError("x")])
def test_a_refusal_is_an_entry_like_any_other(error: Any):
    state = state_of(refusal("cannot travel", error), Progress(), None)
    assert state.is_failed() and "cannot travel" in str(state.result)
