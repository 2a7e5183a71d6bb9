"""Ask an API for page after page until there is none, for several accounts at once.

A page that fails is asked for again, alone: the pages before it are not.
"""

import daskloop
from daskloop import Flow, Parameter, task
from daskloop.engine.signals import LOOP

PAGES = {"ann": ["a1 a2", "a3 a4", "a5"], "bob": ["b1"], "eve": ["e1 e2", "e3"]}


def get_page(account, page):
    """Stand in for `requests.get(...).json()`; the second page fails at the first try."""
    if page == 1 and daskloop.context.task_run_count == 1:
        raise ConnectionError("connection reset by peer")
    pages = PAGES[account]
    return {"items": pages[page].split(), "next": page + 1 if page + 1 < len(pages) else None}


@task(max_retries=3, retry_delay="0.1s", max_loops=1000)
def all_items(account):
    so_far = daskloop.context.get("task_loop_result", {"items": [], "next": 0})
    answer = get_page(account, so_far["next"])
    items = so_far["items"] + answer["items"]
    if answer["next"] is None:
        return items
    raise LOOP(f"{len(items)} items of {account}", {"items": items, "next": answer["next"]})


with Flow("paginate") as flow:
    items = all_items.map(Parameter("accounts"))


def main():
    state = flow.run(accounts=list(PAGES))
    for account, child in zip(PAGES, state.result[items].map_states, strict=True):
        print(f"{account}: {child.result}, {child.loop_count or 1} pages")
    return state


if __name__ == "__main__":
    main()
