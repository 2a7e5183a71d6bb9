"""Fuzz one target, led by which code it reaches: ``python -m tests.fuzzing record 60``."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["daskloop"]):
    from tests.fuzzing.targets import SEEDS, TARGETS


def main(name: str, seconds: int, found: Path) -> None:
    """Feed a target until the time is up, or until it raises what it must not."""
    logging.disable()
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]()):
            Path(corpus, f"seed-{number}").write_bytes(seed)
        options = (f"-max_total_time={seconds}", f"-artifact_prefix={found}/{name}-")
        flags = ("-max_len=65536", "-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=1")
        atheris.Setup([name, corpus, *options, *flags, "-verbosity=0"], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
