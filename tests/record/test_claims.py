"""Claims: one wins, and whatever is killed when, the others read the truth."""

from __future__ import annotations

import errno
import os
import pickle
import random
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from daskloop.errors import StoreError
from daskloop.record.claims import GIVEN_UP, Claim, Claims, Taken

KEY = "('fib-1-7f3a9c12', 3, 2, 1, 0)"
WHO = "4711@host tcp://127.0.0.1:4242"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def claims(tmp_path: Path) -> Claims:
    """Claims in a fresh folder."""
    return Claims(str(tmp_path / "claims"))


def python(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start another interpreter that can import the package."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def started(claims: Claims, key: str = KEY) -> Claim:
    """Start, and expect to be the first."""
    claim = claims.start(key, WHO)
    assert isinstance(claim, Claim)
    return claim


def the_file(claims: Claims) -> Path:
    """Return the one file there is."""
    (path,) = Path(claims.directory).iterdir()
    return path


def test_r08_the_first_start_wins_and_a_second_is_turned_away(claims: Claims) -> None:
    started(claims)
    assert claims.start(KEY, "another") == Taken(WHO, None)
    assert claims.read(KEY) == Taken(WHO, None)


def test_r08_who_starts_again_after_the_end_gets_the_outcome(claims: Claims) -> None:
    started(claims).finish(b"outcome")
    assert claims.start(KEY, "another") == Taken(WHO, b"outcome")


@pytest.mark.parametrize("size", [0, 1, 1000, 1_000_000])
def test_outcomes_of_any_size_come_back(claims: Claims, size: int) -> None:
    outcome = random.Random(size).randbytes(size)
    started(claims).finish(outcome)
    assert claims.read(KEY) == Taken(WHO, outcome)


def test_r11_what_was_given_up_is_turned_away_and_what_has_begun_cannot_be_given_up(
    claims: Claims,
) -> None:
    assert claims.give_up(KEY) is None
    assert claims.start(KEY, WHO) == Taken(GIVEN_UP, None)
    assert claims.give_up(KEY) is None
    started(claims, "another")
    assert claims.give_up("another") == Taken(WHO, None)


def test_nobody_has_started_what_was_never_claimed(claims: Claims) -> None:
    assert claims.read(KEY) is None


def test_a_forgotten_claim_can_be_forgotten_again_and_taken_anew(claims: Claims) -> None:
    started(claims)
    claims.forget(KEY)
    claims.forget(KEY)
    assert claims.read(KEY) is None
    started(claims)


def test_a_shortened_claim_stands_and_says_who_and_a_small_outcome_stays(claims: Claims) -> None:
    claims.shorten(KEY)  # nobody has it
    started(claims).finish(b"small")
    claims.shorten(KEY)
    assert claims.start(KEY, "another") == Taken(WHO, b"small")
    started(claims, "large").finish(bytes(1_000_000))
    claims.shorten("large")
    assert claims.start("large", "another") == Taken(WHO, None)


def test_keys_do_not_get_in_each_others_way(claims: Claims) -> None:
    keys = ["a", "A", "a/b", "../a", "/etc/passwd", "a\0b", "a\nb", "", "é", "\ud800", "x" * 5000]
    for number, key in enumerate(keys):
        started(claims, key).finish(b"%d" % number)
    assert [claims.read(key) for key in keys] == [
        Taken(WHO, b"%d" % number) for number in range(len(keys))
    ]
    assert len(list(Path(claims.directory).iterdir())) == len(keys)


@pytest.mark.parametrize("who", ["", "with\nlines", "é\N{SNOWMAN}", "x" * 100_000])
def test_any_text_may_say_who(claims: Claims, who: str) -> None:
    claims.start(KEY, who)
    assert claims.start(KEY, "another") == Taken(who, None)


def test_a_finish_that_nobody_waits_for_writes_nothing(claims: Claims) -> None:
    claim = started(claims)
    claims.forget(KEY)
    claim.finish(b"late")
    assert claims.read(KEY) is None


def test_a_late_finish_does_not_end_the_claim_of_another(claims: Claims) -> None:
    late = started(claims)
    claims.forget(KEY)
    claims.start(KEY, WHO)  # of equal length: the outcome would fit
    late.finish(b"late")
    assert claims.read(KEY) == Taken(WHO, None)


def test_claims_open_in_another_process_and_make_no_folder_there(tmp_path: Path) -> None:
    opened = pickle.loads(pickle.dumps(Claims(str(tmp_path / "claims"))))
    assert isinstance(opened.start(KEY, WHO), Claim)
    with pytest.raises(StoreError, match="does not share the folder"):
        Claims(str(tmp_path / "elsewhere"), create=False).start(KEY, WHO)
    assert not (tmp_path / "elsewhere").exists()


# Races


RACER = """
import sys
from daskloop.record.claims import Claim, Claims
claims, me = Claims(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(2000):
    got = claims.start(f"key {number}", me)
    print("won" if isinstance(got, Claim) else got.who)
"""


def test_r08_of_two_processes_that_race_exactly_one_wins_each_claim(claims: Claims) -> None:
    with python(RACER, claims.directory, "a") as a, python(RACER, claims.directory, "b") as b:
        for racer in (a, b):
            assert racer.stdout is not None
            assert racer.stdout.readline() == b"ready\n"
        for racer in (a, b):
            assert racer.stdin is not None
            racer.stdin.write(b"go\n")
            racer.stdin.flush()
        said_a, said_b = (racer.communicate(timeout=60)[0].decode().split() for racer in (a, b))
    assert len(said_a) == len(said_b) == 2000
    for one, other in zip(said_a, said_b, strict=True):
        assert sorted([one == "won", other == "won"]) == [False, True]
    # The loser learns who won, or that the winner had not said so yet.
    assert set(said_a) <= {"won", "b", "unknown"}
    assert set(said_b) <= {"won", "a", "unknown"}


def test_r08_of_many_threads_exactly_one_wins(claims: Claims) -> None:
    wins: list[int] = []
    line_up = threading.Barrier(8)

    def race(number: int) -> None:
        for key in range(50):
            line_up.wait()
            if isinstance(claims.start(f"key {key}", str(number)), Claim):
                wins.append(key)

    racers = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(wins) == list(range(50))


def test_a_claim_forgotten_while_it_is_looked_at_is_asked_for_again(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(claims)
    read = claims.read

    def forgotten_meanwhile(key_text: str) -> Taken | None:
        claims.forget(key_text)
        return read(key_text)

    monkeypatch.setattr(claims, "read", forgotten_meanwhile)
    started(claims)


# Deaths


DYING = """
import os, signal, sys
from daskloop.record.claims import Claims
claim = Claims(sys.argv[1]).start(sys.argv[2], sys.argv[3])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_r08_a_death_between_start_and_finish_names_the_dead(claims: Claims) -> None:
    with python(DYING, claims.directory, KEY, WHO) as process:
        assert process.wait(60) == -signal.SIGKILL
    assert claims.start(KEY, "another") == Taken(WHO, None)


DYING_EARLY = """
import os, signal, sys
from daskloop.record.claims import Claims
os.urandom = lambda _: os.kill(os.getpid(), signal.SIGKILL)
Claims(sys.argv[1]).start(sys.argv[2], sys.argv[3])
"""


def test_r08_a_death_before_it_could_say_who_is_of_an_unknown(claims: Claims) -> None:
    with python(DYING_EARLY, claims.directory, KEY, WHO) as process:
        assert process.wait(60) == -signal.SIGKILL
    assert the_file(claims).stat().st_size == 0
    assert claims.start(KEY, "another") == Taken("unknown", None)
    assert claims.read(KEY) == Taken("unknown", None)


def test_an_outcome_cut_at_any_byte_reads_as_none(claims: Claims) -> None:
    claim = started(claims)
    begun = the_file(claims).stat().st_size
    claim.finish(b"the outcome")
    whole = the_file(claims).read_bytes()
    for cut in range(len(whole)):
        the_file(claims).write_bytes(whole[:cut])
        assert claims.read(KEY) == Taken("unknown" if cut < begun else WHO, None)
    the_file(claims).write_bytes(whole)
    assert claims.read(KEY) == Taken(WHO, b"the outcome")


def test_an_outcome_with_a_changed_byte_reads_as_none(claims: Claims) -> None:
    claim = started(claims)
    begun = the_file(claims).stat().st_size
    claim.finish(b"the outcome")
    whole = the_file(claims).read_bytes()
    for place in range(begun, len(whole)):
        spoilt = bytearray(whole)
        spoilt[place] ^= 0x10
        the_file(claims).write_bytes(spoilt)
        assert claims.read(KEY) == Taken(WHO, None)


def test_a_file_of_something_else_reads_as_an_unknown_start(claims: Claims) -> None:
    started(claims)
    the_file(claims).write_bytes(b"something else altogether, and long enough")
    assert claims.read(KEY) == Taken("unknown", None)


# Disks


LIMITED = """
import resource, sys
from daskloop.errors import StoreError
from daskloop.record.claims import Claims
claims = Claims(sys.argv[1])
limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
limit(10)
try:
    claims.start("first", "me")
except StoreError as error:
    print(error.errno, claims.read("first"))
limit(2000)
claim = claims.start("second", "me")
try:
    claim.finish(b"x" * 5000)
except StoreError as error:
    print(error.errno, claims.read("second"))
claim.finish(b"short")
print(claims.read("second"))
"""


def test_a_claim_that_cannot_be_written_is_not_held_and_a_finish_can_be_repeated(
    claims: Claims,
) -> None:
    with python(LIMITED, claims.directory) as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.decode().splitlines() == [
        f"{errno.EFBIG} None",
        f"{errno.EFBIG} {Taken('me', None)}",
        f"{Taken('me', b'short')}",
    ]


# Other users


def test_claims_are_for_their_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        claims = Claims(str(tmp_path / "claims"))
        started(claims)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(claims.directory).st_mode) == 0o700
    assert stat.S_IMODE(the_file(claims).stat().st_mode) == 0o600


def test_a_claim_that_is_a_symbolic_link_is_not_followed(claims: Claims, tmp_path: Path) -> None:
    claim = started(claims)
    path = the_file(claims)
    path.unlink()
    victim = tmp_path / "victim"
    victim.write_bytes(b"victim")
    path.symlink_to(victim)
    for act in (lambda: claims.start(KEY, WHO), lambda: claims.read(KEY)):
        with pytest.raises(StoreError, match="symbolic link, which is never followed"):
            act()
    with pytest.raises(StoreError, match="symbolic link, which is never followed"):
        claim.finish(b"outcome")
    assert victim.read_bytes() == b"victim"


def test_a_link_to_nowhere_is_not_a_way_to_make_files_elsewhere(
    claims: Claims, tmp_path: Path
) -> None:
    started(claims)
    path = the_file(claims)
    path.unlink()
    path.symlink_to(tmp_path / "made-by-us")
    with pytest.raises(StoreError, match="symbolic link"):
        claims.start(KEY, WHO)
    assert not (tmp_path / "made-by-us").exists()


def test_a_pipe_in_place_of_a_claim_does_not_hang(claims: Claims) -> None:
    started(claims)
    path = the_file(claims)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StoreError, match="not a plain file"):
        claims.start(KEY, WHO)


def test_claims_can_be_removed_while_attempts_that_were_given_up_still_claim(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = [f"late-{n}" for n in range(3)]
    remove = os.rmdir

    def removing(path: str, **where: int) -> None:
        if late:
            started(claims, late.pop())
        remove(path, **where)

    monkeypatch.setattr(os, "rmdir", removing)
    started(claims)
    claims.remove_all()
    assert not late and not os.path.exists(claims.directory)


def test_claims_that_cannot_be_removed_say_which_and_why(
    claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(path: str, **where: int) -> None:
        raise OSError(errno.ENOTEMPTY, "Directory not empty", path)

    monkeypatch.setattr(os, "rmdir", refusing)
    with pytest.raises(StoreError, match="Cannot remove the claims: Directory not empty") as caught:
        claims.remove_all()
    assert claims.directory in str(caught.value)
