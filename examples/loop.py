"""A loop of unknown length: ask a service until its answer is too large.

Each turn of the loop is a Dask future of its own, with its own retries.
"""

from datetime import timedelta

import requests
from fibonacci_service import serve

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.engine.signals import LOOP


@task(max_retries=5, retry_delay=timedelta(seconds=0.5))
def compute_large_fibonacci(M, url):
    loop_payload = daskloop.context.get("task_loop_result", {})
    n = loop_payload.get("n", 1)
    fib = loop_payload.get("fib", 1)
    next_fib = requests.post(url, data={"nth": n}).json()
    if next_fib > M:
        return fib
    raise LOOP(message=f"Fib {n}={next_fib}", result={"n": n + 1, "fib": next_fib})


with Flow("fibonacci") as flow:
    fib_num = compute_large_fibonacci(Parameter("M"), Parameter("url"))


def main():
    with serve(fail_first=1) as service:
        for limit in (100, 1000):
            state = flow.run(M=limit, url=service.url)
            loop = state.result[fib_num]
            print(f"up to {limit}: {loop.result}, after {loop.loop_count} iterations")
        print("the service saw", service.stats())
    return state


if __name__ == "__main__":
    main()
