"""A short run under fire, and that broken promises are seen."""

from __future__ import annotations

import pytest

from tests.chaos.fire import Fire, broken, fire, lines

SOUND = Fire(
    loops=2,
    turns=3,
    batch="1",
    seconds=2.0,
    kills=1,
    recorded=6,
    begun=7,
    again=1,
    charged=1,
    beside=0,
    failed=0,
    right=True,
    driver=70.0,
    scheduler=80.0,
    journal=200.0,
    wrong=(),
)


def test_a_run_of_which_all_is_right_broke_nothing():
    assert broken(SOUND) == []
    assert "1 workers killed; 6 iterations recorded, 7 attempts begun, 1 of them again" in lines(
        SOUND
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"recorded": 5}, "5 iterations are recorded, not 6"),
        ({"failed": 1}, "1 loops failed"),
        ({"right": False}, "results are not those of a plain program"),
        ({"wrong": ("lost: climb-1[0]@2",)}, "lost: climb-1[0]@2"),
    ],
)
def test_what_is_broken_is_named(change, says):
    assert broken(SOUND._replace(**change)) == [says]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("loops", "turns", "batch"), [(20, 30, "1"), (300, 100, "auto")])
def test_loops_under_fire_lose_nothing_and_fail_nobody(loops, turns, batch, tmp_path, capsys):
    found = fire(tmp_path, loops, turns, batch, every=2.0, limit=150.0)
    with capsys.disabled():
        print("\n" + lines(found))
    assert broken(found) == []
    assert found.kills >= 1
    if batch == "1":
        # Of a worker of one thread: what it was executing, and what had ended and nobody heard of.
        assert found.again <= 2 * found.kills
