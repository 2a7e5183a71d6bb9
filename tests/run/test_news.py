"""Who is to blame for a lost attempt: every reason, with every claim there can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import pytest

from daskloop.executors.session import Gone, Returned, Severed
from daskloop.record.claims import Claim, Claims
from daskloop.run.envelope import Entry, encode_envelope
from daskloop.run.news import NewsDesk, refusal
from daskloop.run.orders import key_text
from daskloop.run.progress import Progress
from daskloop.run.states_of import state_of
from daskloop.run.turn import Came, Halt, Vanished
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
    return NewsDesk(claims, run.machine.flying.get)


def started(claims: Claims) -> Claim:
    """Claim the start of the attempt, as its worker does."""
    claim = claims.start(key_text(KEY), WHO)
    assert isinstance(claim, Claim)
    return claim


def test_an_envelope_is_read():
    made = entry("looped", 5)
    assert desk(None).read(Returned(KEY, encode_envelope([made]))) == Came(KEY, made)


def test_a_second_start_that_was_turned_away_is_a_loss_of_the_first():
    envelope = encode_envelope([Entry("lost", WHO)])
    news = desk(None).read(Returned(KEY, envelope))
    assert isinstance(news, Vanished) and news.charged and WHO in news.reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"garbage",
        msgpack.packb([]),
        msgpack.packb({}),
        msgpack.packb([["surprise", None, None, None, True, None, {}, "", 0.0, 0.0]]),
        msgpack.packb([["success", 5, None, None, True, None, {}, "", 0.0, 0.0]]),
    ],
)
def test_what_is_no_envelope_fails_its_task_and_not_the_driver(data: bytes):
    news = desk(None).read(Returned(KEY, data))
    assert isinstance(news, Came) and not news.entry.retriable
    state_of(news.entry, Progress(), None)


@pytest.mark.parametrize("reason", REASONS)
def test_r08_without_claims_only_a_lost_worker_is_charged(reason: str):
    news = desk(None).read(Gone(KEY, reason, "why"))
    assert isinstance(news, Vanished) and news.charged is (reason == "worker-lost")


@pytest.mark.parametrize("reason", REASONS)
def test_r08_what_never_began_is_a_bystander(reason: str, claims: Claims):
    news = desk(claims).read(Gone(KEY, reason, "why"))
    assert isinstance(news, Vanished) and not news.charged


@pytest.mark.parametrize("reason", REASONS)
def test_r08_what_had_ended_is_not_lost(reason: str, claims: Claims):
    made = entry("success", 5)
    started(claims).finish(encode_envelope([made]))
    assert desk(claims).read(Gone(KEY, reason, "why")) == Came(KEY, made)


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("once", [False, True])
def test_r08_what_was_executing_is_charged_to_its_lost_worker(
    reason: str, once: bool, claims: Claims
):
    started(claims)
    news = desk(claims, once).read(Gone(KEY, reason, "why"))
    assert isinstance(news, Vanished) and WHO in news.reason
    assert news.charged is (once or reason == "worker-lost")


def test_f08_what_dask_refuses_fails_its_task():
    news = desk(None).read(Gone(KEY, "refused", "no such module"))
    assert isinstance(news, Came) and not news.entry.retriable
    assert "no such module" in (news.entry.message or "")


def test_an_executor_that_is_gone_stops_the_run():
    assert desk(None).read(Severed("closed")) == Halt("closed", now=True)


@pytest.mark.parametrize("error", [None, TypeError("x")])
def test_a_refusal_is_an_entry_like_any_other(error: Any):
    state = state_of(refusal("cannot travel", error), Progress(), None)
    assert state.is_failed() and "cannot travel" in str(state.result)
