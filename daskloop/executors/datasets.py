"""Dask collections that attempts have published: let go of them when nothing needs them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["unpublish", "unpublish_others"]

logger = logging.getLogger("daskloop.executors")


async def unpublish(client: Client, names: Sequence[str]) -> None:
    """Let go of datasets; their data is forgotten if nobody else holds it."""
    for name in names:
        try:
            await client.unpublish_dataset(name, asynchronous=True)
        except (OSError, asyncio.TimeoutError) as error:
            logger.debug("the scheduler did not let go of %s: %r", name, error)


def unpublish_others(client: Client, prefix: str, kept: Collection[str]) -> None:
    """Let go of all datasets whose names begin with `prefix`, but for some.

    Attempts that were given up may have published something that nobody has heard of.
    """
    if client.status == "running":
        found = [str(name) for name in client.list_datasets()]
        gone = [name for name in found if name.startswith(prefix) and name not in kept]
        client.sync(unpublish, client, gone)
