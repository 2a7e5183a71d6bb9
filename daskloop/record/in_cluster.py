"""Values that stay in the memory of a cluster: Dask collections, by the name of a dataset.

A loop hands a DataFrame, an array or a Delayed on like any payload. It is persisted where it was
made and published under a name of the run's; only the name travels, and its data is forgotten when
the next payload is recorded::

    LOOP(result=frame) ─► persist, publish ─► "dask:quiet-heron-7f3a9c12-..." ─► the next iteration
"""

from __future__ import annotations

from typing import Any

from daskloop.errors import StoreError

__all__ = ["PREFIX", "fetch", "holds_collection", "is_in_cluster", "publish"]

PREFIX = "dask:"
"""What the names of such values begin with, where others have the name of a stored file."""

_PLAIN = (int, float, str, bytes, bool, type(None))


def is_in_cluster(name: str | None) -> bool:
    """Tell whether a value lies in the memory of a cluster."""
    return name is not None and name.startswith(PREFIX)


def holds_collection(value: Any) -> bool:
    """Tell whether a value is a Dask collection, or a dict, list or tuple that holds one.

    Examples
    --------
    >>> import dask
    >>> holds_collection({"total": dask.delayed(sum)([1, 2]), "n": 1}), holds_collection({"n": 1})
    (True, False)
    """
    if isinstance(value, _PLAIN):
        return False
    if isinstance(value, (list, tuple, dict)):
        items = value.values() if isinstance(value, dict) else value
        return len(value) < 1_000 and any(map(holds_collection, items))
    return hasattr(type(value), "__dask_graph__") and value.__dask_graph__() is not None


def publish(value: Any, name: str) -> tuple[Any, bool]:
    """Persist the collections in a value, and publish it if this is a worker of a cluster.

    Parameters
    ----------
    value : Any
        Holds a collection.
    name : str
        Of the dataset, with its prefix.

    Returns
    -------
    persisted : Any
        The value with its collections persisted.
    published : bool
        False where there is no cluster: what is persisted is then in this process.
    """
    import dask

    plain = dict(value) if isinstance(value, dict) else value  # Dask looks into plain ones only
    if not _is_on_worker():
        (persisted,) = dask.persist(plain)
        return _like(type(value) if isinstance(value, dict) else None, persisted), False
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
        kind = type(value) if isinstance(value, dict) else None
        client.publish_dataset([kind, persisted], name=name)
    return _like(kind, persisted), True


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
        kind, persisted = get_client().get_dataset(name)
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
