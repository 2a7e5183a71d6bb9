"""Retries that hold no worker: 64 tasks wait a second each, on two slots, all at once."""

import time

import daskloop
from daskloop import Flow, Parameter, task


@task(max_retries=2, retry_delay="1s", retry_on=ConnectionError)
def fetch(host):
    if daskloop.context.task_run_count == 1:
        raise ConnectionError(f"{host} did not answer")
    return f"{host}: ok"


with Flow("hosts") as flow:
    answers = fetch.map(Parameter("hosts"))


def main():
    hosts = [f"host-{number}" for number in range(64)]
    began = time.monotonic()
    state = flow.run(hosts=hosts, executor="threads", workers=2)
    took = time.monotonic() - began

    print(f"{len(state.result[answers].result)} answers, each after one failure and a second")
    print(f"took {took:.1f} s; waits that held the two slots would have taken 32 s")
    return state


if __name__ == "__main__":
    main()
