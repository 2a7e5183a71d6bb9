"""What a child's records say of each of its iterations."""

from __future__ import annotations

from dataclasses import replace

from daskloop.keys import Place
from daskloop.page.cells import cells_of, letters, track_of
from daskloop.page.kinds import LETTERS, WORDS, Kind
from daskloop.page.packed import LEAST, STEP, pack_times
from tests.page.pasts import BEGUN, failed, looped, record, retrying


def test_each_iteration_has_how_it_ended_and_the_time_of_all_its_attempts():
    cells = cells_of(
        [
            looped(1, start=0, took=0.5),
            failed("x", 2, start=1, took=0.25),
            retrying(2),
            looped(2, start=3, took=0.5, run_count=2),
            record("Success", 3, start=4, took=0.125),
        ]
    )
    assert letters(cells.values()) == "gGd"
    assert [cell.seconds for cell in cells.values()] == [0.5, 0.75, 0.125]
    assert cells[2].started == BEGUN + 3


def test_an_iteration_that_waits_for_its_next_try_is_waiting():
    assert cells_of([failed("x"), retrying()])[1].kind is Kind.WAITING


def test_what_was_taken_back_is_gone_and_what_was_before_it_stays():
    cells = cells_of([looped(1), looped(2), failed("x", 3), record("TakenBack", 2), looped(2)])
    assert list(cells) == [1, 2]
    assert cells_of([looped(1), record("TakenBack", 0)]) == {}


def test_a_lost_worker_and_an_approval_are_no_end_of_an_iteration():
    assert cells_of([record("Lost", 1), record("Approved", 1)]) == {}


def test_a_long_loop_shows_the_worst_of_the_iterations_that_share_a_cell():
    records = [looped(n, start=n) for n in range(1, 100)]
    track = track_of(cells_of([*records, failed("x", 100)]), 10)
    assert (track.first, track.size) == (1, 10)
    assert letters(track.cells) == 9 * "g" + "f"
    assert track.cells[0].seconds == 5.0


def test_iterations_of_which_nothing_is_recorded_are_blank():
    assert letters(track_of(cells_of([looped(1), looped(4)]), 10).cells) == "g--g"
    far = track_of(cells_of([looped(1), looped(2**53)]), 10)
    assert letters(far.cells) == "g--------g"


def test_each_kind_has_a_word_and_a_letter_of_its_own():
    assert len(WORDS) == len(LETTERS) == len(set(LETTERS)) == len(Kind)
    assert LETTERS.upper().lower() == LETTERS


def test_packed_times_are_within_a_percent():
    cells = [record("Looped", 1, start=7.5, took=took) for took in (1e-6, 0.0123, 59.0, 86_400.0)]
    for one in cells:
        packed = int.from_bytes(pack_times(cells_of([one]).values(), BEGUN, BEGUN + 30), "big")
        start, took = packed >> 12, packed & 4095
        assert abs(start / 4095 * 30 - 7.5) < 30 / 4095
        seconds = LEAST * 2.718281828459045 ** ((took - 1) * STEP)
        assert abs(seconds / (one.ended - one.started) - 1) < 0.01


def inside(iteration, start, took=0.5, **more):
    one = record("Success", 1, None, "improve-1", start=start, took=took, **more)
    return replace(one, address=(Place("refine-1", 2, iteration), *one.address))


def test_the_body_of_a_loop_flow_counts_for_the_iteration_that_it_is_in():
    own = record("Looped", 1, 2, "refine-1", start=5, took=0.125)
    cells = cells_of([inside(1, 1), inside(1, 2, run_count=2), own, inside(2, 6)])
    assert letters(cells.values()) == "Gu"
    assert (cells[1].started, cells[1].seconds) == (BEGUN + 1, 1.125)
    back = record("TakenBack", 1, 2, "refine-1", attempted=False)
    assert letters(cells_of([inside(1, 1), own, inside(2, 6), back, inside(1, 9)]).values()) == "u"
