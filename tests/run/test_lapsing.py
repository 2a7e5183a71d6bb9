"""When the claims of released attempts are removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from daskloop.executors.session import Reach
from daskloop.keys import key_text
from daskloop.record.claims import Claim, Claims, Taken
from daskloop.run import lapsing
from daskloop.run.lapsing import LapsingClaims

KEY = ("t-1-7f3a9c12", -1, 1, 1, 0)


@pytest.fixture
def claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Claims:
    """A claim on an attempt that is released at 100 s."""
    monkeypatch.setattr(lapsing.time, "monotonic", lambda: 100.0)
    claims = Claims(str(tmp_path / "claims"))
    claims.start(key_text(KEY), "a worker")
    return claims


def is_left(claims: Claims, *reaches: Reach) -> bool:
    """Release the attempt, and tell whether its claim is left at last."""
    found = LapsingClaims(claims)
    found.released([KEY], reaches[0])
    for reach in reaches[1:]:
        found.released([], reach)
    return claims.read(key_text(KEY)) is not None


def test_r08_a_claim_is_removed_five_seconds_after_its_attempt_was_released(claims: Claims):
    assert is_left(claims, Reach(0, 100), Reach(0, 104.9))
    assert not is_left(claims, Reach(0, 100), Reach(0, 105))


def test_r08_a_claim_stays_while_the_scheduler_does_not_answer(claims: Claims):
    silent = Reach(0, 99.5)  # whatever the time is
    assert is_left(claims, silent, silent, silent)


def test_r08_a_claim_stays_for_five_seconds_after_another_connection_was_made(claims: Claims):
    assert is_left(claims, Reach(0, 100), Reach(160, 164.9))
    assert not is_left(claims, Reach(0, 100), Reach(160, 165))


def test_r08_a_large_outcome_does_not_stay_until_its_claim_is_removed(claims: Claims):
    """Memory that claims lie in may be small: 64 MB in a container."""
    other = ("t-1-7f3a9c12", -1, 2, 1, 0)
    for key in (other, ("t-1-7f3a9c12", -1, 3, 1, 0)):
        claim = claims.start(key_text(key), "a worker")
        assert isinstance(claim, Claim)
        claim.finish(bytes(1_000_000))
    LapsingClaims(claims).released([other], Reach(0, 100))
    assert sum(path.stat().st_size for path in Path(claims.directory).iterdir()) < 1_010_000
    assert claims.start(key_text(other), "another worker") == Taken("a worker", None)
