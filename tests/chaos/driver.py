"""A program that drives a run of the mixed flow: ``FLOW SIZE JOURNAL ADDRESS [RUN]``.

With a run, it goes on with that one. Its exit codes are those of the command line.
"""

from __future__ import annotations

import logging
import sys
import traceback

from daskloop.cli.exit_codes import ExitCode
from daskloop.errors import DaskloopError
from tests.chaos.mixed_flow import FLOWS


def main() -> None:
    flow, size, journal, address, *run = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    try:
        state = FLOWS[flow].run(
            size=int(size), journal=journal, executor=address, resume=run[0] if run else False
        )
    except (DaskloopError, ConnectionError):
        traceback.print_exc()
        sys.exit(int(ExitCode.NOT_STARTED))
    print(repr(state), file=sys.stderr, flush=True)
    if state.is_cancelled():
        sys.exit(int(ExitCode.STOPPED))
    sys.exit(0 if state.is_successful() else 1)


if __name__ == "__main__":
    main()
