"""Walk a worklist that grows while it is walked: follow links until nothing new turns up."""

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.engine.signals import LOOP

LINKS = {
    "home": ["docs", "blog"],
    "docs": ["install", "tutorial", "home"],
    "blog": ["post-1", "post-2"],
    "tutorial": ["install", "recipes"],
    "post-2": ["post-1", "docs"],
}


@task(max_retries=3, retry_delay="1s", max_loops=10_000)
def reachable(start):
    work = daskloop.context.get("task_loop_result", {"todo": [start], "seen": {start}})
    todo, seen = work["todo"], work["seen"]
    if not todo:
        return sorted(seen)

    page, *rest = todo
    found = [link for link in LINKS.get(page, []) if link not in seen]
    raise LOOP(
        message=f"{page}: {len(found)} new",
        result={"todo": rest + found, "seen": seen | set(found)},
    )


with Flow("worklist") as flow:
    pages = reachable.map(Parameter("starts"))


def main():
    starts = ["home", "tutorial", "install"]
    state = flow.run(starts=starts)
    for start, found in zip(starts, state.result[pages].result, strict=True):
        print(f"{start}: {len(found)} pages: {' '.join(found)}")
    return state


if __name__ == "__main__":
    main()
