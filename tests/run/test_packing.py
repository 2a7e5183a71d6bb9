"""Children that travel in one future: what comes of each when something comes of the future."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from daskloop.executors.session import Gone, Returned, Severed
from daskloop.keys import key_text
from daskloop.record.claims import Claim, Claims
from daskloop.run.envelope import Entry, Envelope, encode_envelope
from daskloop.run.machine import Machine
from daskloop.run.news import NewsDesk
from daskloop.run.turn import Paced, Turn, Vanished
from tests.run.driven import BEGIN, RUN, Plain, compile_plan, graph_of
from tests.run.lives import entry

WHO = "tcp://w:1 (process 5)"


class Packed:
    """A map of four children in one future of a fixed batch."""

    def __init__(self, claims: Claims | None = None, **options: Any) -> None:
        graph = graph_of(lambda g: Plain(name="m", **options).map([0, 1, 2, 3], flow=g))
        self.machine = Machine(compile_plan(graph), RUN, {}, None, 1, None, 4)
        # Half of those that wait go together: two, and two.
        self.turn = self.machine.start(BEGIN)
        self.desk = NewsDesk(claims, self.machine.packing.packs)
        self.pack = next(iter(self.machine.packing.packs.values()))
        self.indices = list(self.pack.members)

    def hear(self, *arrivals: Any) -> Turn:
        """Let arrivals come in one turn."""
        news = [one for arrival in arrivals for one in self.desk.read(arrival)]
        return self.machine.take(news, BEGIN)

    def returned(self, reports: list[tuple[int | None, Entry]]) -> Returned:
        """Make the arrival of an envelope."""
        return Returned(self.pack.key, encode_envelope(Envelope(0.001, reports)))


def sent(turn: Turn) -> list[int | None]:
    """List the children that a turn sends, by index."""
    found = [child.index for pack in turn.packs for child in pack.members.values()]
    assert len(found) == len(set(found)), f"sent twice: {found}"
    return found


def test_b2_children_that_wait_together_travel_together():
    run = Packed()
    assert len(run.indices) > 1 and run.pack.key[1] == run.indices[0]
    assert {child.key for child in run.turn.submissions} == set(run.machine.flying)


def test_b2_the_future_is_released_when_the_last_of_its_children_has_left():
    run = Packed()
    turn = run.hear(run.returned([(index, entry("success", 1)) for index in run.indices]))
    assert run.pack.key in turn.released
    assert turn.released.count(run.pack.key) == 1


@pytest.mark.parametrize("again", ["same", "gone"])
def test_b2_a_child_without_a_turn_is_sent_again_once_whatever_comes_twice(again: str):
    run = Packed()
    first, *others = run.indices
    came = run.returned([(first, entry("success", 1))])
    second = came if again == "same" else Gone(run.pack.key, "cancelled", "why")
    turn = run.hear(came, second)
    assert sorted(index for index in sent(turn) if index in others) == others
    assert first not in sent(turn)
    assert run.pack.key not in [pack.key for pack in turn.packs]


def test_b2_a_child_is_sent_again_though_the_envelope_tells_of_many_others():
    """As after an adoption: those that are told have left already."""
    run = Packed()
    for index in run.indices[:-1]:
        run.machine.take([Vanished(run.pack.members[index].key, "gone", False)], BEGIN)
    last = run.indices[-1]
    reports = [(index, entry("success", 1)) for index in range(10) if index != last]
    assert last in sent(run.hear(run.returned(reports)))


def test_b1_no_future_has_a_key_that_one_had_before():
    run = Packed()
    keys = [pack.key for pack in run.turn.packs]
    turn = run.hear(run.returned([(index, entry("success", 1)) for index in run.indices[1:]]))
    keys += [pack.key for pack in turn.packs]
    assert run.indices[0] in sent(turn) and len(set(keys)) == len(keys)


@pytest.fixture
def claims(tmp_path: Path) -> Claims:
    """A folder of claims."""
    return Claims(str(tmp_path / "claims"))


def died(claims: Claims, run: Packed, where: tuple[int, int] | None) -> list[Any]:
    """Let a worker die under an attempt; return the news of it."""
    claim = claims.start(key_text(run.pack.key), WHO)
    assert isinstance(claim, Claim)
    if where is not None:
        with claim.beacon() as say:
            say(*where)
    news = run.desk.read(Gone(run.pack.key, "worker-lost", "why"))
    return [one for one in news if not isinstance(one, Paced)]


def test_r08_only_the_child_under_which_the_worker_died_is_charged(claims: Claims):
    run = Packed(claims)
    guilty = run.indices[1]
    news = died(claims, run, (guilty, 1))
    assert {one.key[1]: (one.charged, one.alone) for one in news} == {
        index: (index == guilty, int(index == guilty)) for index in run.indices
    }


def test_r08_an_iteration_that_ran_ahead_is_not_charged_and_travels_alone_until_it_is_past(
    claims: Claims,
):
    run = Packed(claims)
    guilty = run.indices[1]
    news = died(claims, run, (guilty, 4))
    assert not any(one.charged for one in news)
    assert [one.key[1] for one in news if one.alone] == [guilty]
    turn = run.machine.take(news, BEGIN)
    for _ in range(4):
        (pack,) = [pack for pack in turn.packs if guilty in pack.members]
        assert pack.is_single and len(pack.members) == 1
        looped = encode_envelope(Envelope(0.001, [(guilty, entry("looped", 1))]))
        turn = run.hear(Returned(pack.key, looped))
    (pack,) = [pack for pack in turn.packs if guilty in pack.members]
    assert not pack.is_single


def test_r08_before_anything_was_said_it_was_the_first_one(claims: Claims):
    run = Packed(claims)
    news = died(claims, run, None)
    assert [one.key[1] for one in news if one.charged] == [run.indices[0]]


def test_r08_without_claims_nobody_is_charged_until_it_is_known_who():
    run = Packed()
    news = run.desk.read(Gone(run.pack.key, "worker-lost", "why"))
    assert all(one.alone and not one.charged for one in news)
    turn = run.machine.take(news, BEGIN)
    assert set(run.indices) <= set(sent(turn))
    assert all(p.is_single for p in turn.packs if set(p.members) & set(run.indices))


def test_f08_what_dask_refuses_of_several_is_found_out_by_sending_each_alone():
    run = Packed()
    turn = run.hear(Gone(run.pack.key, "refused", "no such module"))
    assert set(run.indices) <= set(sent(turn)) and not turn.records
    key = next(pack.key for pack in turn.packs if run.indices[0] in pack.members)
    (record,) = run.hear(Gone(key, "refused", "no such module")).records
    assert record.state == "Failed" and "no such module" in record.message


def running(claims: Claims, run: Packed) -> Claim:
    """Let a worker begin what is in flight, and contact be lost while it does."""
    claim = claims.start(key_text(run.pack.key), WHO)
    assert isinstance(claim, Claim)
    return claim


def ends(claim: Claim, run: Packed) -> None:
    """Let a worker end what it had begun."""
    reports = [(index, entry("success", index)) for index in run.indices]
    claim.finish(encode_envelope(Envelope(0.001, reports)))


def results(run: Packed) -> list[Any]:
    """Return what those children ended with that were in flight first."""
    children = run.machine.standing.nodes[0].children
    return [None if (state := children[i].state) is None else state.result for i in run.indices]


def test_r08_what_ended_out_of_reach_is_taken_instead_of_what_never_begins(claims: Claims):
    run = Packed(claims)
    claim = running(claims, run)
    turn = run.hear(Gone(run.pack.key, "disconnected", "why"))
    assert set(run.indices) <= set(sent(turn)), "sent again, for all that is known"
    ends(claim, run)
    for pack in turn.packs:
        again = run.hear(Gone(pack.key, "disconnected", "never sent"))
        assert not set(run.indices) & set(sent(again))
        assert pack.key in again.released
    assert results(run) == run.indices


def test_r08_what_begins_a_second_time_is_waited_for(claims: Claims):
    run = Packed(claims)
    claim = running(claims, run)
    turn = run.hear(Gone(run.pack.key, "disconnected", "why"))
    ends(claim, run)
    for pack in turn.packs:
        assert isinstance(claims.start(key_text(pack.key), WHO), Claim)
        run.hear(Gone(pack.key, "disconnected", "why"))
    assert results(run) == [None] * len(run.indices)


def test_r08_what_is_not_known_to_have_ended_is_sent_once_more(claims: Claims):
    run = Packed(claims)
    running(claims, run)
    turn = run.hear(Gone(run.pack.key, "disconnected", "why"))
    news = [one for pack in turn.packs for one in run.desk.read(Gone(pack.key, "restarted", ""))]
    assert {one.key[1] for one in news if isinstance(one, Vanished)} == set(run.indices)


@pytest.mark.parametrize("when", ["in flight", "sent again"])
def test_r08_when_the_cluster_is_gone_what_had_ended_is_taken_and_the_rest_stopped(
    claims: Claims, when: str
):
    run = Packed(claims)
    claim = running(claims, run)
    if when == "sent again":
        run.hear(Gone(run.pack.key, "disconnected", "why"))
    ends(claim, run)
    turn = run.hear(Severed("the scheduler is gone"))
    assert results(run) == run.indices
    assert {r.address[0].child for r in turn.records if r.attempted} == set(run.indices)
    children = run.machine.standing.nodes[0].children
    others = [child for child in children if child.index not in run.indices]
    assert others and all(child.state.is_cancelled() for child in others)
    assert run.machine.finished


def test_r08_when_the_cluster_is_gone_what_is_sent_again_and_runs_is_not_taken_twice(
    claims: Claims,
):
    run = Packed(claims)
    claim = running(claims, run)
    turn = run.hear(Gone(run.pack.key, "disconnected", "why"))
    ends(claim, run)
    for pack in turn.packs:
        assert isinstance(claims.start(key_text(pack.key), WHO), Claim)
    turn = run.hear(Severed("the scheduler is gone"))
    assert not [record for record in turn.records if record.attempted]


def test_r08_an_outcome_that_cannot_be_read_is_no_outcome(
    claims: Claims, caplog: pytest.LogCaptureFixture
):
    run = Packed(claims)
    claim = running(claims, run)
    turn = run.hear(Gone(run.pack.key, "disconnected", "why"))
    claim.finish(b"no envelope")
    for pack in turn.packs:
        run.hear(Gone(pack.key, "disconnected", "never sent"))
    assert results(run) == [None] * len(run.indices)
    assert "what attempt" in caplog.text
