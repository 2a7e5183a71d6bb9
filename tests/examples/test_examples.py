"""Every example runs as a script, without a word on stderr, and prints what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.examples.scripts import EXAMPLES, load

PRINTS = {
    "first_flow": [
        "lengths: [2, 2, 2, 3, 2, 2]",
        "letters: 13",
        "letters: 17",
    ],
    "loop": [
        "up to 100: 89, after 12 iterations",
        "up to 1000: 987, after 17 iterations",
        "the service saw {'requests': 30, 'failed': 1, 'bad': 0}",
    ],
    "mapped_loop": [
        re.compile(r"\d+ requests, 1 of them failed and were made again"),
        "[8, 89, 987, 987]",
    ],
    "retries": [
        "64 answers, each after one failure and a second",
        re.compile(r"took \d+\.\d s; waits that held .* 32 s"),
    ],
    "paginate": [
        "ann: ['a1', 'a2', 'a3', 'a4', 'a5'], 3 pages",
        "bob: ['b1'], 1 pages",
        "eve: ['e1', 'e2', 'e3'], 2 pages",
    ],
    "poll": [
        re.compile(r"build-0 done, asked \d times"),
        re.compile(r"build-18 done, asked \d+ times"),
        re.compile(r"all 20 done in \d+\.\d s"),
    ],
    "converge": [
        re.compile(r"(\d\.\d+ after \d+ iterations, error below 1e-6: yes\s+){3}"),
    ],
    "worklist": [
        "home: 8 pages: blog docs home install post-1 post-2 recipes tutorial",
        "tutorial: 3 pages: install recipes tutorial",
        "install: 1 pages: install",
    ],
    "kmeans": [
        re.compile(r"start 0: \d+ iterations, distortion \d+\.\d+"),
        "centres: [(0.0, 0.0), (0.0, 8.0), (8.0, 0.0), (8.0, 8.0)]",
    ],
    "stream": [
        "10 pages, 100 rows",
        re.compile(r"\d+ of them were saved before the last loop had ended"),
    ],
    "resume": [
        "the first process was killed by signal 9",
        re.compile(r"the second went on for \d+\.\d s"),
        "[8, 89, 987, 987]",
    ],
    "train": [
        "stopped in the middle: True",
        re.compile(r"(rate \d\.\d: loss 0\.180\d after \d+ epochs\s+){3}"),
        "the same as without the stop: True",
    ],
    "backtest": [
        "200 dates, 8790 quarters, 3 dates without enough prices",
        re.compile(r"'dates': 197, 'median': \d\.\d+, 'worst': 0\.\d+"),
        "the flow: Success",
    ],
    "search": [
        re.compile(r"best of 18: alpha=\S+, eta0=\S+"),
        re.compile(r"score 0\.9\d+ after 40 epochs"),
        "81 epochs in all; without stopping, 720",
    ],
    "parquet": [
        "written: {'ann': 2500, 'bob': 900, 'eve': 1700}",
        "11 files, 5100 rows read back",
        "sum of values 244860, each row once: True",
    ],
    "own_client": [
        "on a Client: [8, 16, 19]",
        "on a LocalCluster: [8, 16, 19]",
        "on a str: [8, 16, 19]",
        "and it is left running",
    ],
}
"""What each prints, in this order, perhaps among other lines."""


# Of two tasks that compute the same collection at once, Dask's scheduler may hear that one wants a
# key before it has its graph, and says so; the same program says it with Dask alone.
NOT_OURS = re.compile(
    r"\S+: UserWarning: Client 'Client-worker-\S+' desires key 'finalize-\S+' but key is unknown\."
    r"\n  warnings\.warn\(\n"
)


def test_every_example_is_listed_here():
    files = {path.stem for path in EXAMPLES.glob("*.py")}
    assert files == {*PRINTS, "fibonacci_service"}


@pytest.mark.parametrize("name", PRINTS)
def test_it_prints_what_it_promises(name, tmp_path, tmp_path_factory):
    ended = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        capture_output=True,
        text=True,
        cwd=tmp_path,  # it must not matter where it is started
        env={**os.environ, "DASK_TEMPORARY_DIRECTORY": str(tmp_path_factory.mktemp("dask"))},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert NOT_OURS.sub("", ended.stderr) == ""
    position = 0
    for expected in PRINTS[name]:
        pattern = expected if isinstance(expected, re.Pattern) else re.compile(re.escape(expected))
        found = pattern.search(ended.stdout, position)
        assert found, f"{pattern.pattern!r} is not in:\n{ended.stdout[position:]}"
        position = found.end()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", PRINTS)
def test_it_is_short_and_importable(name):
    lines = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 70
    assert callable(load(name).main)
