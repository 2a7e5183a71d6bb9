"""The same loop for many limits at once: every loop has its own length and its own retries.

python examples/mapped_loop.py [URL of a running fibonacci_service.py]
"""

import logging
import sys
from contextlib import nullcontext
from datetime import timedelta

import requests
from fibonacci_service import serve

import daskloop
from daskloop import Flow, Parameter, task, unmapped
from daskloop.engine.signals import LOOP


@task(max_retries=5, retry_delay=timedelta(seconds=2))
def compute_large_fibonacci(M, url):
    loop_payload = daskloop.context.get("task_loop_result", {})
    n = loop_payload.get("n", 1)
    fib = loop_payload.get("fib", 1)
    next_fib = requests.post(url, data={"nth": n}).json()
    if next_fib > M:
        return fib
    raise LOOP(message=f"Fib {n}={next_fib}", result={"n": n + 1, "fib": next_fib})


with Flow("mapped-fibonacci") as flow:
    ms = Parameter("ms")
    fib_nums = compute_large_fibonacci.map(ms, unmapped(Parameter("url")))


def main(url=None):
    log = logging.getLogger("daskloop")
    log.setLevel(logging.INFO)
    log.addHandler(logging.StreamHandler(sys.stdout))
    log.propagate = False

    with serve(fail_first=1) if url is None else nullcontext() as service:
        url = url or service.url
        state = flow.run(ms=[10, 100, 1000, 1500], url=url)
        stats = requests.get(f"{url}stats").json()

    print(f"{stats['requests']} requests, {stats['failed']} of them failed and were made again")
    state.raise_if_failed()
    print(state.result[fib_nums].result)
    return state


if __name__ == "__main__":
    main(*sys.argv[1:])
