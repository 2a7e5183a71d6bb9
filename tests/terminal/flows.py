"""A flow, as users have it in a file, whose children come to stand in all ways and stay so."""

from __future__ import annotations

HELD = r'''
"""Children that end, loop and hold on until a file `go` is there, wait for a retry, and fail."""

import logging
import os
import sys
import time
from datetime import datetime, timedelta, timezone

import daskloop
from daskloop import Flow, Parameter, task, unmapped
from daskloop.engine.signals import LOOP, RETRY

HOSTILE = "<script>alert(1)</script> \x1b[2J\x1b[31mred 😀 שלום \u202eback" + "x" * 1_000_000


@task
def child(kind, token):
    n = daskloop.context.get("task_loop_result", 1)
    if kind == "fails":
        print("printed by a task")
        logging.getLogger("mine").warning("logged by a task")
        os.write(2, b"written past Python\n")
        raise ValueError(HOSTILE)
    if kind == "waits":
        raise RETRY(HOSTILE, start_time=datetime.now(timezone.utc) + timedelta(seconds=600))
    if kind == "holds":
        if n < 8:
            raise LOOP(f"step {n} with {token}", n + 1)
        while not os.path.exists("go"):
            time.sleep(0.01)
    return n


@task
def after(children):
    return len(children)


with Flow("held") as flow:
    token = Parameter("token", default="hunter22", secret=True)
    after(child.map(Parameter("kinds"), unmapped(token)))

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    print("before", file=sys.stderr)
    state = flow.run(kinds=sys.argv[1:], executor="threads")
    print("after", type(state).__name__)
'''
