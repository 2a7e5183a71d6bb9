"""What a scheduler went through while a flow ran: which keys came, which were forgotten."""

from __future__ import annotations

from typing import Any

from distributed import Client, SchedulerPlugin

from tests.flows.maps_notes import wait_until


class KeyLog(SchedulerPlugin):
    """Keeps ``(key, "came" | "forgotten")`` in order, on the scheduler."""

    name = "key-log"

    def __init__(self) -> None:
        self.lines: list[tuple[Any, str]] = []
        self.alive: set[Any] = set()

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        if finish == "forgotten":
            self.alive.discard(key)
            self.lines.append((key, "forgotten"))
        elif key not in self.alive:
            self.alive.add(key)
            self.lines.append((key, "came"))


def watch_keys(client: Client) -> None:
    """Begin to keep the history of the keys of a client's scheduler."""
    client.register_plugin(KeyLog(), name=KeyLog.name)


def keys_seen(client: Client) -> list[tuple[Any, str]]:
    """Return what came and went since `watch_keys`, oldest first."""
    return client.run_on_scheduler(
        lambda dask_scheduler: list(dask_scheduler.plugins["key-log"].lines)
    )


def keys_left(client: Client) -> list[Any]:
    """Return the keys that the scheduler holds now."""
    return client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))


def wait_until_forgotten(client: Client) -> None:
    """Return when the scheduler holds no key any more; releases reach it a moment late."""
    wait_until(lambda: not keys_left(client), "the scheduler to forget every key")


def attempts_of(lines: list[tuple[Any, str]], slug: str) -> list[tuple[Any, ...]]:
    """Return the keys of a task's attempts, in the order in which they came."""
    return [key for key, what in lines if what == "came" and _is_attempt_of(key, slug)]


def most_alive(lines: list[tuple[Any, str]], slug: str, index: int | None = None) -> int:
    """Return how many attempts of a task, or of one child, lived at once at the most."""
    alive: set[Any] = set()
    most = 0
    for key, what in lines:
        if not _is_attempt_of(key, slug) or (index is not None and key[1] != index):
            continue
        if what == "came":
            alive.add(key)
        else:
            alive.discard(key)
        most = max(most, len(alive))
    return most


def _is_attempt_of(key: Any, slug: str) -> bool:
    return isinstance(key, tuple) and str(key[0]).startswith(f"{slug}-")
