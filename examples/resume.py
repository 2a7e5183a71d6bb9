"""Four loops to be killed and resumed: each iteration is recorded before the next begins.

Run it by `daskloop run examples/resume.py`, kill it, and go on with `daskloop resume RUN`; or run
this file twice: the first time it ends in the middle, the second time it goes on from there.
"""

import os
import sys
import tempfile
import time

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.engine.signals import LOOP


@task
def large_fibonacci(M):
    n, before, fib = daskloop.context.get("task_loop_result", [1, 0, 1])
    time.sleep(0.1)  # stands for work
    if before + fib > M:
        return fib
    raise LOOP(f"Fib {n}={before + fib}", [n + 1, fib, before + fib])


with Flow("fibonacci") as flow:
    numbers = large_fibonacci.map(Parameter("ms", default=[10, 100, 1000, 1500]))


def main():
    with tempfile.TemporaryDirectory() as folder:
        child = os.spawnl(os.P_WAIT, sys.executable, sys.executable, __file__, "die", folder)
        print(f"the first process was killed by signal {-child}")
        began = time.monotonic()
        state = flow.run(journal=folder, resume=True)
        print(f"the second went on for {time.monotonic() - began:.1f} s")
        print(state.result[numbers].result)
    return state


def die_in_the_middle(folder):
    """Run the flow in a process that kills itself after a second."""
    import signal
    import threading

    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGKILL)).start()
    flow.run(journal=folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["die"]:
        die_in_the_middle(sys.argv[2])
    else:
        main()
