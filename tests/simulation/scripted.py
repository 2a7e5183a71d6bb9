"""Tasks that do what a script says: the same for the same inputs, iteration and attempt.

`play` is the body. The engine calls it through `Scripted.run`, which reads where it is from
`daskloop.context`; the sequential interpreter calls it directly.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from daskloop.contexts import context
from daskloop.define.task import Task
from daskloop.errors import (
    LoopLimit,
    MapError,
    PayloadError,
    RunStopped,
    TaskTimeout,
    WorkerLost,
)
from daskloop.signals import FAIL, LOOP, PAUSE, RETRY, SKIP, SUCCESS, TRIGGERFAIL, Signal

__all__ = [
    "ABSENT",
    "EPOCH",
    "Killed",
    "Other",
    "Script",
    "Scripted",
    "Trouble",
    "chance",
    "play",
    "show",
    "watchers",
]

ABSENT = "no payload"
"""What an iteration without a payload is given: the first one."""

EPOCH = 1_000_000_000.0
"""When every simulated run begins, in seconds since the epoch."""

_WORDLESS = (LoopLimit, MapError, PayloadError, RunStopped, TRIGGERFAIL, WorkerLost)


watchers: list[Callable[[], None]] = []
"""Called before each body that the engine calls, in its context; they may raise `Killed`."""


class Killed(KeyboardInterrupt):
    """The worker died here; it gets through `attempt_here`, as Ctrl-C does."""


class Trouble(Exception):
    """An ordinary failure of a script."""


class Other(Exception):
    """A failure that `retry_on` refuses."""


@dataclass(frozen=True)
class Script:
    """How likely a body does what; everything else follows from its inputs."""

    seed: int
    loops: int = 1
    """Most iterations."""
    fails: float = 0.0
    """How likely an attempt raises `Trouble`, or runs out of time."""
    refuses: float = 0.0
    """How likely it raises `Other`."""
    retries: float = 0.0
    """How likely one of the first three attempts raises RETRY."""
    signals: float = 0.0
    """How likely the last iteration ends by SKIP, SUCCESS or FAIL."""
    shape: str = "number"
    """What is returned: number, list, nested, text or tuple."""
    payload: str = "dict"
    """What is handed on: dict, none, zero, false, empty, bare (a LOOP without arguments)."""
    bulk: int = 0
    """Bytes that payload and result carry along."""

    @property
    def pauses(self) -> float:
        """How likely one of the first three attempts raises PAUSE."""
        return 0.25 if self.seed % 6 == 0 else 0.0


class Scripted(Task):
    """A task whose body is `play`."""

    def __init__(self, script: Script, **options: Any) -> None:
        super().__init__(**options)
        self.script = script

    def run(self, a: Any = None, b: Any = None) -> Any:
        """Play the script, after a look at what the context promises."""
        for watch in watchers:
            watch()
        looping = "task_loop_count" in context
        if looping != ("task_loop_result" in context):
            raise AssertionError("the context has one of count and payload without the other")
        iteration = context.get("task_loop_count", 1)
        if looping and iteration < 2:
            raise AssertionError(f"the first iteration has task_loop_count={iteration}")
        payload = context.get("task_loop_result", ABSENT)
        name = context.task_full_name
        seen = (self.script.seed, name, show((a, b)), iteration, show(payload))
        before = range(1, context.task_run_count)
        if context.get("resume", False) != any(_pauses(self.script, seen, n) for n in before):
            raise AssertionError(f"attempt {context.task_run_count}: {context.get('resume')=}")
        return play(self.script, name, (a, b), iteration, payload, context.task_run_count)


def play(
    script: Script, name: str, inputs: tuple[Any, Any], iteration: int, payload: Any, run_count: int
) -> Any:
    """Do what the script says for this attempt.

    Parameters
    ----------
    script : Script
        The script.
    name : str
        Full name of the child.
    inputs : tuple
        Its arguments.
    iteration, run_count : int
        Which attempt it is.
    payload : Any
        What the iteration before handed on; it is spoilt on purpose.
    """
    _check_payload(script, iteration, payload)
    seen = (script.seed, name, show(inputs), iteration, show(payload))
    if isinstance(payload, dict):
        payload["trail"].append("spoilt")
    if _pauses(script, seen, run_count):
        ends = chance(seen, run_count, "ends")
        start = datetime.fromtimestamp(EPOCH + 40 * ends, timezone.utc) if ends < 0.5 else None
        raise PAUSE(f"wait {run_count}", start_time=start)
    if run_count <= 3 and chance(seen, run_count, "retry") < script.retries:
        later = chance(seen, run_count, "later")
        start = datetime.fromtimestamp(EPOCH + 20 * later, timezone.utc) if later < 0.6 else None
        raise RETRY(f"again {run_count}", start_time=start)
    if chance(seen, run_count, "fail") < script.fails:
        late = chance(seen, run_count, "late") < 0.2
        raise (TaskTimeout if late else Trouble)(name, iteration, run_count)
    if chance(seen, run_count, "refuse") < script.refuses:
        raise Other(name, iteration, run_count)
    if iteration < 1 + int(chance(script.seed, name, show(inputs), "length") * script.loops):
        raise _next_one(script, iteration, seen)
    return _last(script, seen)


def _pauses(script: Script, seen: Any, run_count: int) -> bool:
    """Tell whether an attempt asks for an approval."""
    return run_count <= 3 and chance(seen, run_count, "pause") < script.pauses


def _check_payload(script: Script, iteration: int, payload: Any) -> None:
    wanted = {"none": None, "bare": None, "zero": 0, "false": False, "empty": []}
    if iteration == 1:
        right = payload is ABSENT or payload == ABSENT
    elif script.payload == "dict":
        right = payload["n"] == iteration - 1 and len(payload["trail"]) == iteration - 1
    else:
        want = wanted[script.payload]
        right = payload == want and type(payload) is type(want)
    if not right:
        raise AssertionError(f"iteration {iteration} was given the payload {payload!r}")


def _next_one(script: Script, iteration: int, seen: Any) -> LOOP:
    if script.payload == "bare":
        return LOOP()
    payload: Any = {"none": None, "zero": 0, "false": False, "empty": []}.get(script.payload)
    if script.payload == "dict":
        trail = [chance(seen, n, "trail") for n in range(iteration)]
        payload = {"n": iteration, "trail": trail, "bulk": bytes(script.bulk)}
    return LOOP(message=f"done {iteration}", result=payload)


def _last(script: Script, seen: Any) -> Any:
    result = _shaped(script, seen)
    if chance(seen, "signal") < script.signals:
        kind = int(chance(seen, "which") * 4)
        if kind == 0:
            raise SKIP("not today")
        if kind == 1:
            raise SKIP("not today, but", result=result)
        if kind == 2:
            raise SUCCESS("as well", result=result)
        raise FAIL("no use")
    return result


def _shaped(script: Script, seen: Any) -> Any:
    number = int(chance(seen, "number") * 1000)
    length = number % 4
    if script.shape == "list":
        return [number + i for i in range(length)]
    if script.shape == "tuple":
        return tuple(str(number + i) * (1 + script.bulk // 4) for i in range(length))
    if script.shape == "nested":
        return [[number + i, i] if i % 2 else number + i for i in range(length)]
    if script.shape == "text":
        return "abc"[:length]
    return number


def chance(*parts: Any) -> float:
    """Draw a number in [0, 1) that depends on the parts alone."""
    return zlib.crc32(repr(parts).encode()) / 2**32


def show(value: Any) -> str:
    """Write a value so that equal ones read equal, errors by what the rules say of them."""
    if isinstance(value, _WORDLESS):
        return type(value).__name__
    if isinstance(value, Signal):
        return f"{type(value).__name__}({value.message!r}, {show(value.result)})"
    if isinstance(value, BaseException):
        return f"{type(value).__name__}{value.args!r}"
    if isinstance(value, list):
        return f"[{', '.join(map(show, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(show, value))},)"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {show(one)}" for key, one in value.items()) + "}"
    return repr(value)
