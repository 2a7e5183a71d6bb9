"""Flows as users have them in files, for tests that load them."""

from __future__ import annotations

FIB = '''
"""Fibonacci loops: slow if SECONDS is set, and broken until a file `mended` is there."""

import os
import time
from dataclasses import dataclass

import daskloop
from daskloop import Flow, Parameter, task, unmapped
from daskloop.engine.signals import LOOP


@dataclass
class Pair:
    n: int
    fib: int


class Broken(Exception):
    pass


@task(max_retries=1, retry_delay=0)
def large(M, breaks):
    pair = daskloop.context.get("task_loop_result", Pair(1, 1))
    time.sleep(float(os.environ.get("SECONDS", "0")))
    if pair.n == breaks and M > 10 and not os.path.exists("mended"):
        raise Broken(f"no number {pair.n}")
    with open("called", "a") as file:
        file.write(f"{M} {pair.n}\\\\n")
    a, b = 0, 1
    for _ in range(pair.n - 1):
        a, b = b, a + b
    if b > M:
        return pair.fib
    raise LOOP(f"Fib {pair.n}={b}", Pair(pair.n + 1, b))


@task
def total(numbers):
    return sum(numbers)


with Flow("fibs") as flow:
    ms = Parameter("ms")
    breaks = Parameter("breaks", default=0)
    whole = total(large.map(ms, unmapped(breaks)))

if __name__ == "__main__":
    raise AssertionError("this part is not to be run")
'''.replace("\\\\n", "\\n")

TYPED = """
from daskloop import Flow, Parameter, task


@task
def tell(count: int, rate: float, label: str, on: bool, many: list[int], how: dict, free):
    return [type(x).__name__ for x in (count, rate, label, on, many, how, free)]


@task
def also(count: "int | None", rate: float):
    return count


@task
def square(x: int):
    return x * x


with Flow("typed") as flow:
    names = ("count", "rate", "label", "on", "many", "how", "free")
    given = {name: Parameter(name) for name in names}
    told = tell(**given)
    also(Parameter("either"), given["rate"])
    square.map(Parameter("xs"))
"""

SECRET = """
from daskloop import Flow, Parameter, task


@task
def use(token, user):
    return len(token) + len(user)


with Flow("secret") as flow:
    used = use(Parameter("token", secret=True), Parameter("user", default="me"))
"""
