"""What Dask logs about clusters that are started for a run."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from daskloop.executors import hushing
from daskloop.executors.local_cluster import LocalThreads, start_threads


class Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: set[int] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.levels.add(record.levelno)


@pytest.fixture
def dask_logger() -> Iterator[logging.Logger]:
    import distributed  # noqa: F401  # which sets the level of its logger

    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.INFO)
    yield logger
    logger.setLevel(before)


@pytest.fixture
def heard(dask_logger: logging.Logger) -> Iterator[Heard]:
    handler = Heard()
    dask_logger.addHandler(handler)
    yield handler
    dask_logger.removeHandler(handler)


def test_f05_clusters_that_overlap_are_quiet_in_every_order(
    dask_logger: logging.Logger, heard: Heard
) -> None:
    first, second = start_threads(1), start_threads(1)
    first.close()
    third = start_threads(1)
    third.close()
    assert dask_logger.level == logging.WARNING
    second.close()
    assert heard.levels <= {logging.WARNING, logging.ERROR}
    assert dask_logger.level == logging.INFO


@pytest.mark.parametrize("level", [logging.DEBUG, logging.ERROR])
def test_f11_a_level_that_somebody_chose_stays(
    dask_logger: logging.Logger, heard: Heard, level: int
) -> None:
    dask_logger.setLevel(level)
    start_threads(1).close()
    assert dask_logger.level == level
    assert (logging.INFO in heard.levels) is (level == logging.DEBUG)


def test_f11_a_cluster_that_does_not_start_leaves_the_level_as_it_was(
    dask_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no cluster")

    monkeypatch.setattr("distributed.SpecCluster", broken)
    with pytest.raises(RuntimeError, match="no cluster"):
        LocalThreads(1)
    assert dask_logger.level == logging.INFO


@pytest.mark.timeout(20)
def test_f11_a_forgotten_cluster_may_be_collected_while_another_begins(
    dask_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    hushing.begin()
    forgotten = [hushing.end]
    set_level = dask_logger.setLevel

    def collecting(level: int) -> None:
        while forgotten:
            forgotten.pop()()
        set_level(level)

    dask_logger.setLevel(logging.INFO)
    monkeypatch.setattr(dask_logger, "setLevel", collecting)
    hushing.begin()
    assert dask_logger.level == logging.WARNING
    hushing.end()
    assert dask_logger.level == logging.INFO
