"""Feed a target with an input that broke it: ``python -m tests.fuzzing.replay record FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.fuzzing.targets import TARGETS

if __name__ == "__main__":
    TARGETS[sys.argv[1]](Path(sys.argv[2]).read_bytes())
