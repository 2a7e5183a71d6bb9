"""Wait until jobs that run elsewhere are done. The waits hold no worker.

``RETRY`` looks again at a given time, however often it takes; 20 jobs share one slot.
"""

import time
from datetime import datetime, timedelta, timezone

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.engine.signals import RETRY


@task
def start(number):
    """Stand in for a build server, a queue or a cloud that takes a job and names it."""
    return {"name": f"build-{number}", "ends": time.time() + 0.05 * number}


@task
def wait_for(job):
    if time.time() < job["ends"]:
        soon = datetime.now(timezone.utc) + timedelta(seconds=0.2)
        raise RETRY(f"{job['name']} is not done yet", start_time=soon)
    return f"{job['name']} done, asked {daskloop.context.task_run_count} times"


with Flow("poll") as flow:
    reports = wait_for.map(start.map(Parameter("numbers")))


def main():
    began = time.monotonic()
    state = flow.run(numbers=list(range(20)), executor="threads", workers=1)
    took = time.monotonic() - began

    found = state.result[reports].result
    print("\n".join(found[::6]))
    print(f"all {len(found)} done in {took:.1f} s")
    return state


if __name__ == "__main__":
    main()
