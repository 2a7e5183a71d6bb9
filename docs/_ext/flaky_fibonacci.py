"""The run on the first page: four loops of different lengths; two fail once on their way."""

import time

import daskloop
from daskloop import Flow, Parameter, again, task


@task(max_retries=5, retry_delay="0.15s")
def large_fibonacci(M, n=1, before=0, fib=1):
    time.sleep(0.02)  # stands for a request
    if (M, n) in ((100, 6), (1500, 4)) and daskloop.context.task_run_count == 1:
        raise ConnectionError("connection reset by peer")
    if before + fib > M:
        return fib
    return again(n=n + 1, before=fib, fib=before + fib, message=f"Fib {n}={before + fib}")


with Flow("fibonacci") as flow:
    large_fibonacci.map(Parameter("ms"))


def main():
    return flow.run(ms=[10, 100, 1000, 1500], executor="threads", workers=4)
