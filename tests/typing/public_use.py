"""Typed use of the public names: checked by mypy, never run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import daskloop
from daskloop import (
    DateTimeParameter,
    Flow,
    Parameter,
    Task,
    apply_map,
    case,
    context,
    flatten,
    get_run_logger,
    mapped,
    resource_manager,
    tags,
    task,
    unmapped,
)
from daskloop.engine import signals, state
from daskloop.engine.results import FileResult, LocalResult
from daskloop.engine.serializers import CompressedSerializer, JSONSerializer
from daskloop.engine.signals import FAIL, LOOP, RETRY, SKIP, SUCCESS
from daskloop.engine.state import Failed, Looped, Mapped, State
from daskloop.notify import Slack, Webhook
from daskloop.tasks.control_flow import FilterTask, ifelse, merge, switch
from daskloop.triggers import all_finished, some_failed


def on_failure(task: Task, state: State) -> None:
    print(task.name, state.message)


def handler(task: Task, old: State, new: State) -> State | None:
    if isinstance(new, Looped) and new.loop_count == 3:
        return Failed("three are enough")
    return None


@task
def plain(x: int) -> int:
    return x + 1


@task(
    result=LocalResult(dir="results", serializer=CompressedSerializer(JSONSerializer())),
    target="{task_name}-{x}.json",
)
def kept(x: int) -> int:
    return x


@task(cache=FileResult("s3://bucket/cache"), cache_for="1h", cache_key=lambda x: x % 10)
def cached(x: int) -> int:
    return x


@task(
    name="loop",
    max_retries=5,
    retry_delay=timedelta(seconds=2),
    retry_jitter=0.3,
    retry_on=(ConnectionError, TimeoutError),
    timeout="30s",
    max_loops=1000,
    max_time=timedelta(hours=1),
    priority=10,
    resources={"GPU": 1, "MEM": 0.5},
    workers=["alice", 0],
    allow_other_workers=False,
    trigger=all_finished,
    skip_on_upstream_skip=False,
    state_handlers=[handler],
    on_failure=on_failure,
    tags=["web"],
)
def loop(limit: int, url: str = "http://localhost") -> int:
    payload: dict[str, int] = context.get("task_loop_result", {})
    number = payload.get("n", 1)
    if number > limit:
        return number
    if number == 7:
        raise SKIP("seven is skipped")
    if number == 8:
        raise RETRY("later")
    if number == 9:
        raise FAIL("never", result=number)
    if number == 10:
        raise SUCCESS(result=number)
    raise LOOP(message=f"{number}", result={"n": number + 1})


class Table:
    def __init__(self, name: str) -> None:
        self.name = name

    def setup(self) -> str:
        return self.name

    def cleanup(self, table: str) -> None: ...


# A type checker does not see what a decorator makes of a class.
a_table = resource_manager(Table)


class Add(Task):
    def __init__(self, by: int, **options: Any) -> None:
        super().__init__(**options)
        self.by = by

    def run(self, x: int) -> int:
        return x + self.by


with Flow("typed", state_handlers=[handler]) as flow:
    limit = Parameter("limit", default=10)
    limits = Parameter("limits", type=list[int])
    since = DateTimeParameter("since", default="2026-03-01", required=False)
    one: Task = loop(limit)
    with tags("many"):
        many = loop.map(limits, url=unmapped("http://localhost"), task_args={"name": "many"})
    more = plain.map(flatten([limits, limits]), upstream_tasks=[one])
    third = plain(mapped([1, 2]))
    added = Add(by=3, name="add", max_retries=1, retry_delay="1s")(one)
    first: Task = many[0]
    hosts = loop.map(limits, names="{limit}")
    hosts = loop.map([1, 2], names=lambda limit: f"up to {limit}")
    hosts = loop.map([1, 2], names=["one", "two"])
    added.set_upstream(third)
    with case(one > 3, True), a_table("t") as table:
        large: Task = (1 + one) * 2
    merged: Task = merge(large.pipe(plain), one["k"], table, name="merged")
    switch(merged, {1: plain(1)})
    ifelse(~merged, plain(2), None)
    many_of = apply_map(lambda x: plain(x), [1, 2])
    good = FilterTask(filter_func=lambda found: found is not None)(many_of)
    flow.set_reference_tasks([added])

copied: Flow = flow.copy()
stands_for: dict[Task, Task] = copied.update(flow, merge_parameters=True)
copied.replace(stands_for[one], loop.copy())
copied.validate()
copied.visualize(filename="flow.mmd")

count: int = plain.run(1)
ended: State = flow.run({"limit": 3}, executor="inline", context={"colour": "blue"})
ended = flow.run(limit=3, limits=[1, 2], workers=2, raise_on_failure=True)
ended = flow.run(
    notify=[Webhook("https://a.org/x", on=("failed",)), Slack("https://b.org/y"), "ops"]
)
ended.raise_if_failed()
print(ended.is_successful(), ended.message, ended.result[many].result, daskloop.__version__)
children = ended.result[many]
if isinstance(children, Mapped):
    messages: list[str | None] = [child.message for child in children.map_states]

get_run_logger().info("page %d", 3, extra={"site": "a.org"})
some = some_failed(at_least=1)
print(signals.LOOP, state.Success, some)
