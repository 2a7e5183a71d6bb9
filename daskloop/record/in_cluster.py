"""Payloads that stay in the memory of a cluster: Dask collections, by the name of a dataset.

A loop hands a DataFrame, an array or a Delayed on like any payload. It is persisted where it was
made and published under a name of the run's; only the name travels, and its data is forgotten when
the next payload is recorded::

    LOOP(result=frame) ─► persist, publish ─► "dask:quiet-heron-7f3a9c12-..." ─► the next iteration
"""

from __future__ import annotations

from typing import Any

from daskloop.errors import StoreError

__all__ = ["PREFIX", "fetch", "forget_here", "is_collection", "is_in_cluster", "publish"]

PREFIX = "dask:"
"""What the names of such values begin with, where others have the name of a stored file."""

_here: dict[str, list[Any]] = {}
"""Values of inline runs, which have no cluster."""


def is_in_cluster(name: str | None) -> bool:
    """Tell whether a value lies in the memory of a cluster."""
    return name is not None and name.startswith(PREFIX)


def is_collection(value: Any) -> bool:
    """Tell whether a value is a Dask collection.

    Examples
    --------
    >>> import dask
    >>> is_collection(dask.delayed(sum)([1, 2])), is_collection([1, 2])
    (True, False)
    """
    return hasattr(type(value), "__dask_graph__") and value.__dask_graph__() is not None


def publish(value: Any, name: str, here: bool) -> bool:
    """Persist the collections in a value, and keep it by a name.

    Parameters
    ----------
    value : Any
        A Dask collection, or a dict that holds some as its items.
    name : str
        Of the dataset, with its prefix.
    here : bool
        True to keep it in this process, where there is no cluster.

    Returns
    -------
    bool
        False if this is no worker of a cluster either, so that there is nowhere to keep it.
    """
    import dask

    kind = type(value) if isinstance(value, dict) else None
    plain = value if kind is None else dict(value)  # Dask looks into plain ones only
    if here:
        _here[name] = [kind, *dask.persist(plain)]
        return True
    if not _is_on_worker():
        return False
    from distributed import futures_of, wait, worker_client

    # Its thread does not count as busy meanwhile: the data may have to be made on this very worker.
    with worker_client() as client:
        with client.as_current():
            (persisted,) = dask.persist(plain)
        futures = futures_of(persisted)
        wait(futures)  # what the scheduler does not know yet, it could not hold
        for future in futures:
            if future.status != "finished":
                future.result()  # raises why it is not
        client.publish_dataset([kind, persisted], name=name)
    return True


def forget_here(prefix: str) -> None:
    """Let go of what is kept in this process under names that begin like this."""
    for name in [one for one in _here if one.startswith(prefix)]:
        del _here[name]


def _like(kind: type | None, persisted: Any) -> Any:
    return persisted if kind is None else kind(persisted)


def fetch(name: str) -> Any:
    """Return a published value, with its collections where they are.

    Raises
    ------
    StoreError
        If there is no cluster here, or it does not have the value any more.
    """
    from distributed import get_client

    try:
        kind, persisted = _here[name] if name in _here else get_client().get_dataset(name)
        return _like(kind, persisted)
    except KeyError:
        raise StoreError(
            f"the Dask collection '{name}' is gone: the cluster that held it was restarted, or let "
            "go of it when the next payload was there. Go on from an iteration before it with "
            "from_iteration=, or begin a new run"
        ) from None
    except ValueError as error:
        raise StoreError(
            f"the Dask collection '{name}' lies in a cluster, and there is no client here: make a "
            "Client of that cluster first"
        ) from error


def _is_on_worker() -> bool:
    from distributed import get_worker

    try:
        return get_worker() is not None
    except ValueError:
        return False
