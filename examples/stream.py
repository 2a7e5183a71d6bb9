"""Work on pages while the next ones are still being fetched: a map that grows with a loop."""

import time

from daskloop import Flow, Parameter, again, emitted, task

PAGES = {"ann": 5, "bob": 2, "eve": 3}  # how many pages a service has of each user


def fetch(user, number):
    """Stand in for a service: the rows of one page, or none after the last."""
    time.sleep(0.1)
    return [f"{user}-{number}-{row}" for row in range(10)] if number <= PAGES[user] else []


@task(max_retries=3, retry_delay="1s")
def pages(user, number=1):
    rows = fetch(user, number)
    if not rows:
        return time.time()
    return again(number=number + 1, emit=rows)


@task
def save(rows):
    return len(rows), time.time()


@task
def total(saved):
    return sum(rows for rows, _ in saved)


with Flow("stream") as flow:
    loops = pages.map(Parameter("users"))
    saved = save.map(emitted(loops))
    rows = total(saved)


def main():
    state = flow.run(users=list(PAGES), executor="threads")
    ends, times = state.result[loops].result, [at for _, at in state.result[saved].result]
    print(f"{len(times)} pages, {state.result[rows].result} rows")
    early = sum(at < max(ends) for at in times)
    print(f"{early} of them were saved before the last loop had ended")
    return state


if __name__ == "__main__":
    main()
