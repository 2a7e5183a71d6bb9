"""A program that drives loops under fire: ``LOOPS TURNS BATCH JOURNAL ADDRESS``.

Prints lines of a word and JSON: `run` and its name as it begins; `ended` with its seconds, how many
loops failed, and whether results are right.
"""

from __future__ import annotations

import json
import logging
import sys
import time

from tests.chaos.fire_flow import climbed, flow, results


def main() -> None:
    loops, turns = map(int, sys.argv[1:3])
    batch, journal, address = sys.argv[3:]
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    begun = time.monotonic()
    run = flow.submit(
        starts=list(range(loops)),
        turns=turns,
        batch=batch if batch == "auto" else int(batch),
        journal=journal,
        executor=address,
    )
    print("run", json.dumps(run.name), flush=True)
    state = run.result().result[climbed]
    seconds = time.monotonic() - begun
    failed = [str(one) for one in state.map_states if not one.is_successful()]
    said = {
        "seconds": seconds,
        "failed": len(failed),
        "texts": failed[:3],
        "right": state.result == results(loops, turns),
    }
    print("ended", json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
