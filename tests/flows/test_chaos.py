"""Workers killed at random under many loops: right results, and a count of what ran twice."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from daskloop import Flow, context, task, unmapped
from daskloop.engine.signals import LOOP


def note(file: str, *words: object) -> None:
    """Append one line; a single short write is atomic."""
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    os.close(descriptor)


def lines(file: Path) -> list[list[str]]:
    """Read what attempts noted."""
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


@task(max_worker_losses=20)
def count_up(start, file, turns):
    """Add one, slowly, `turns` times."""
    turn = context.get("task_loop_count", 1)
    total = context.get("task_loop_result", start)
    note(file, start, turn, os.getpid())
    time.sleep(0.1)
    if turn == turns:
        return total + 1
    raise LOOP(message=f"at {total + 1}", result=total + 1)


class Killer(threading.Thread):
    """Kills a worker process that has executed something, once every `period` seconds."""

    def __init__(self, file: Path, seed: int, period: float) -> None:
        super().__init__(name="killer")
        self.kills = 0
        self._file = file
        self._draw = random.Random(seed)
        self._period = period
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(self._period):
            pids = sorted({int(words[2]) for words in lines(self._file)[-40:]})
            alive = [pid for pid in pids if psutil.pid_exists(pid)]
            if alive:
                try:
                    os.kill(self._draw.choice(alive), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.kills += 1

    def stop(self) -> None:
        """Kill no more."""
        self._done.set()
        self.join()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_r08_40_loops_survive_a_worker_killed_every_second(tmp_path, seed, capsys):
    file = tmp_path / "attempts"
    loops, turns = 40, 20
    with Flow("under-fire") as flow:
        ends = count_up.map(list(range(loops)), unmapped(str(file)), unmapped(turns))
    killer = Killer(file, seed, 1.0)
    killer.start()
    try:
        begun = time.time()
        state = flow.run(executor="processes", workers=4)
        took = time.time() - begun
    finally:
        killer.stop()
    assert state.is_successful(), [s for s in state.result[ends].map_states if s.is_failed()][:3]
    assert state.result[ends].result == [start + turns for start in range(loops)]
    starts = [(int(words[0]), int(words[1])) for words in lines(file)]
    again = len(starts) - loops * turns
    reached: Counter[int] = Counter()
    recorded_again = 0
    for loop, turn in starts:
        recorded_again += turn < reached[loop]
        reached[loop] = max(reached[loop], turn)
    with capsys.disabled():
        print(
            f"\nseed {seed}: {killer.kills} kills in {took:.1f} s, {again} attempts started again, "
            f"{recorded_again} of them after their iteration was recorded"
        )
    assert killer.kills >= 3
    assert recorded_again == 0
    assert again <= 2 * killer.kills


@task
def square_or_die(number):
    """Square a number, or take the worker process along."""
    if number in (11, 53):
        os._exit(3)
    if number == 77:
        ctypes.string_at(0)
    return number * number


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_r08_three_poisoned_children_among_100_crash_alone_with_their_causes():
    with Flow("poisoned") as flow:
        squares = square_or_die.map(list(range(100)))
    states = flow.run(executor="processes", workers=4).result[squares].map_states
    crashed = {i: state for i, state in enumerate(states) if state.is_crashed()}
    assert sorted(crashed) == [11, 53, 77]
    assert "code 3" in crashed[11].message
    assert "code 3" in crashed[53].message
    assert "Segmentation fault" in crashed[77].message
    right = [state.result for i, state in enumerate(states) if i not in crashed]
    assert right == [i * i for i in range(100) if i not in crashed]
