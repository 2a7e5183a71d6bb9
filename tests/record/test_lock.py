"""The lock on a run: one holds it while it lives, and who is refused learns who that is."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from daskloop.errors import RunLocked
from daskloop.record import lock
from daskloop.record.lock import RunLock, holder, is_held
from tests.record.run_files import python

TAKE = """
import sys
from daskloop.record.lock import RunLock
taken = RunLock.take(sys.argv[1], "a-run")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the lock file is to be."""
    return str(tmp_path / "lock")


def taken_elsewhere(path: str) -> subprocess.Popen[bytes]:
    """Let another process take the lock and keep it."""
    process = python(TAKE, path)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_who_is_refused_learns_process_host_and_since_when_at_once(path: str) -> None:
    with taken_elsewhere(path) as process:
        started = time.monotonic()
        with pytest.raises(RunLocked) as caught:
            RunLock.take(path, "a-run")
        assert time.monotonic() - started < 1
        process.kill()
    text = str(caught.value)
    assert "'a-run'" in text
    assert f"process {process.pid} on {socket.gethostname()}, since 2" in text
    assert "UTC" in text


def test_a_second_taker_in_the_same_process_is_refused_as_well(path: str) -> None:
    held = RunLock.take(path, "a-run")
    with pytest.raises(RunLocked, match=f"process {os.getpid()} "):
        RunLock.take(path, "a-run")
    held.release()
    held.release()
    RunLock.take(path, "a-run").release()


def test_the_lock_goes_with_the_process_that_is_killed(path: str) -> None:
    with taken_elsewhere(path) as process:
        assert is_held(path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not is_held(path)
    RunLock.take(path, "a-run").release()
    assert holder(path) is not None


def test_looking_takes_nothing_away_and_makes_no_file(path: str) -> None:
    assert not is_held(path)
    assert holder(path) is None
    assert not os.path.exists(path)
    held = RunLock.take(path, "a-run")
    assert is_held(path) and is_held(path)
    held.release()
    assert not is_held(path)


def test_those_who_look_do_not_keep_a_driver_out(path: str) -> None:
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            is_held(path)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(50):
            RunLock.take(path, "a-run").release()
    finally:
        over.set()
        looker.join()


def test_a_program_that_the_driver_starts_does_not_inherit_the_lock(path: str) -> None:
    held = RunLock.take(path, "a-run")
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
    )
    held.release()
    assert not is_held(path)
    child.communicate(b"\n")


def test_a_forked_child_neither_ends_the_lock_nor_keeps_it_when_it_is_let_go(path: str) -> None:
    code = """
import os, sys
from daskloop.record.lock import RunLock, is_held
held = RunLock.take(sys.argv[1], "a-run")
back, there = os.pipe()
child = os.fork()
if child == 0:
    held.release()       # the copy of a child: it must not unlock its parent
    os.read(back, 1)
    os._exit(0)
assert is_held(sys.argv[1])
held.release()
print(is_held(sys.argv[1]))
os.write(there, b"x")
os.waitpid(child, 0)
"""
    with python(code, path) as process:
        said, _ = process.communicate(timeout=60)
    assert said == b"False\n"


def test_what_a_dead_driver_forked_is_named_as_the_holder(path: str) -> None:
    code = """
import os, sys
from daskloop.record.lock import RunLock
held = RunLock.take(sys.argv[1], "a-run")
if os.fork() == 0:
    print(os.getpid(), flush=True)
    sys.stdin.read()
os._exit(0)
"""
    with python(code, path) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.wait()
        with pytest.raises(RunLocked, match=f"what was forked from process {process.pid} "):
            RunLock.take(path, "a-run")
        os.kill(child, signal.SIGKILL)


def test_a_lock_file_that_was_removed_locks_nobody_out(path: str) -> None:
    held = RunLock.take(path, "a-run")
    os.unlink(path)
    other = RunLock.take(path, "a-run")
    with pytest.raises(RunLocked):
        RunLock.take(path, "a-run")
    held.release()
    other.release()


def test_whoever_waited_on_a_removed_file_takes_the_new_one(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter([False, True])
    monkeypatch.setattr(lock, "_is_still", lambda *_: next(asked))
    held = RunLock.take(path, "a-run")
    assert is_held(path)
    held.release()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b'{"pid": "x"}', b"[" * 4000])
def test_a_lock_file_with_nonsense_in_it_is_as_good_as_any(
    path: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_PATIENCE", 0.02)
    Path(path).write_bytes(content)
    assert holder(path) is None
    held = RunLock.take(path, "a-run")
    Path(path).write_bytes(content)
    with pytest.raises(RunLocked, match="did not leave its name"):
        RunLock.take(path, "a-run")
    held.release()


def test_the_lock_file_is_of_this_user_alone_and_never_a_link(path: str, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        RunLock.take(path, "a-run").release()
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic"):
        RunLock.take(str(link), "a-run")
    assert not is_held(str(link))


RACE = """
import sys
from daskloop.errors import RunLocked
from daskloop.record.lock import RunLock
for line in sys.stdin:
    try:
        taken = RunLock.take(line.strip(), "a-run")
    except RunLocked:
        taken = None
    print("refused" if taken is None else "taken", flush=True)
    sys.stdin.readline()
    if taken is not None:
        taken.release()
    print("let go", flush=True)
"""


@pytest.mark.parametrize("races", [50, pytest.param(2_000, marks=pytest.mark.slow)])
def test_of_two_processes_that_race_for_a_run_exactly_one_has_it(path: str, races: int) -> None:
    with python(RACE) as one, python(RACE) as other:
        for _ in range(races):
            tell(one, other, path)
            assert sorted(hear(process) for process in (one, other)) == ["refused", "taken"]
            tell(one, other, "")
            assert [hear(process) for process in (one, other)] == ["let go", "let go"]


def tell(one: subprocess.Popen[bytes], other: subprocess.Popen[bytes], line: str) -> None:
    """Say a line to both, as near to at once as can be."""
    for process in (one, other):
        assert process.stdin is not None
        process.stdin.write(f"{line}\n".encode())
        process.stdin.flush()


def hear(process: subprocess.Popen[bytes]) -> str:
    """Return the next line that a process says."""
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()
